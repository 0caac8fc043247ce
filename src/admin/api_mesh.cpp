// The routes that show the node, its members and keys.
#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.hpp"

#include "admin/answers.hpp"
#include "admin/api.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {
namespace {

constexpr std::uint64_t page_items_max = 1'000;

/// Names the row before which a page ends; bus names hold no space.
std::string cursor_of(const KeyStatus& key) { return key.bus + ' ' + key.key; }

Result<void> nothing_asked(const Request& request) {
  return Query::read(request.query, {}).map([](const Query&) {});
}

/// By name or id; of several with one name the one that is alive.
const Member* find_member(const NodeStatus& status, const std::string& name) {
  const Member* found = nullptr;
  for (const Member& member : status.members) {
    if (member.name != name && member.id.to_string() != name) continue;
    if (found == nullptr || member.state == MemberState::alive) found = &member;
  }
  return found;
}

Error unknown_member(const NodeStatus& status, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Member& member : status.members) names.push_back(member.name);
  const auto near = base::nearest(name, names);
  std::string message = "no member is called " + base::quoted(name);
  if (status.mode == Mode::mono) message += ": a node in mode mono has no members";
  if (near) message += "; did you mean " + std::string(*near) + "?";
  return {ErrorCode::unknown_member, std::move(message)};
}

}  // namespace

Response Api::node(const Request& request) const {
  if (auto asked = nothing_asked(request); !asked) return error_response(asked.error());
  NodeStatus status = node_.status();
  if (options_.counters) status.counters.merge(options_.counters());
  return {200, node_json(status, {{"requests", requests_.load()},
                                  {"stream_lines_dropped", lines_dropped_.load()},
                                  {"streams_open", streams_open_.load()}})};
}

Response Api::leave(const Request& request) const {
  if (auto asked = nothing_asked(request); !asked) return error_response(asked.error());
  if (auto refusal = refuse_content(request)) return std::move(*refusal);
  Response response{202, done_json("leave", node_.status().name)};
  response.afterwards = options_.on_leave;
  return response;
}

Response Api::members(const Request& request) const {
  if (auto asked = nothing_asked(request); !asked) return error_response(asked.error());
  return {200, members_json(node_.status())};
}

Response Api::member(const Request& request, const std::string& name) const {
  if (auto asked = nothing_asked(request); !asked) return error_response(asked.error());
  const NodeStatus status = node_.status();
  const Member* found = find_member(status, name);
  if (found == nullptr) return error_response(unknown_member(status, name));
  return {200, member_json(status, *found)};
}

Response Api::forget(const Request& request, const std::string& name) {
  if (auto asked = nothing_asked(request); !asked) return error_response(asked.error());
  if (auto refusal = refuse_content(request)) return std::move(*refusal);
  const NodeStatus status = node_.status();
  if (find_member(status, name) == nullptr) return error_response(unknown_member(status, name));
  if (auto forgotten = node_.forget(name); !forgotten) return error_response(forgotten.error());
  return {200, done_json("forget", name)};
}

Response Api::keys(const Request& request) const {
  const auto query = Query::read(request.query, {"limit", "after"});
  if (!query) return error_response(query.error());
  const auto limit = query->number("limit", page_items_max, 1, page_items_max);
  if (!limit) return error_response(limit.error());

  const std::vector<KeyStatus> all = node_.keys();
  auto first = all.begin();
  if (const auto after = query->text("after")) {
    const std::size_t space = after->find(' ');
    if (space == std::string::npos) {
      return error_response(400, "invalid_argument",
                            "after=" + base::quoted(*after) + " is no place in this list",
                            "use the \"next\" of an answer");
    }
    const std::pair<std::string, std::string> place(after->substr(0, space), after->substr(space + 1));
    first = std::upper_bound(all.begin(), all.end(), place, [](const auto& left, const KeyStatus& right) {
      return std::tie(left.first, left.second) < std::tie(right.bus, right.key);
    });
  }
  const auto left = static_cast<std::uint64_t>(all.end() - first);
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(left, *limit));
  std::optional<std::string> next;
  if (last != all.end() && last != first) next = cursor_of(*(last - 1));
  return {200, keys_json({first, last}, next)};
}

Response Api::explain(const Request& request) const {
  const auto query = Query::read(request.query, {"bus", "key"});
  if (!query) return error_response(query.error());
  const auto written = query->text("key");
  if (!written) return error_response(400, "invalid_argument", "key is missing", "add ?key=Type:value");
  const auto key = RegistrationKey::parse(*written);
  if (!key) return error_response(key.error());
  const auto bus = bus_of(node_, query->text("bus"));
  if (!bus) return error_response(bus.error());
  const auto explained = node_.explain((*bus)->name(), *key);
  if (!explained) return error_response(explained.error());
  return {200, key_json(*explained, node_.status())};
}

}  // namespace evmesh::admin
