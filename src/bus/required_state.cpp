#include "bus/required_state.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>

#include <evmesh/key.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/json_fields.hpp"

namespace evmesh::bus {

namespace {

using wire::GroupEntry;

constexpr std::uint64_t duration_max = std::numeric_limits<std::int64_t>::max();

std::chrono::milliseconds duration(JsonReader& json, std::string_view name) {
  return std::chrono::milliseconds(json.number(name, duration_max));
}

/// Documents of a node that knew no policies have only the first two.
void read_policy(JsonReader& json, GroupEntry& entry) {
  const auto version = json.number("version");
  if (version == 0) return;
  entry.version = version;
  entry.writer = json.parsed("writer", NodeId{});
  entry.present = json.flag("present");
  entry.retry.max_retries =
      static_cast<std::uint32_t>(json.number("max_retries", std::numeric_limits<std::uint32_t>::max()));
  entry.retry.first = duration(json, "first_ms");
  entry.retry.cap = duration(json, "cap_ms");
  entry.retry.jitter = json.real("jitter");
  entry.backlog_max = json.number("backlog_max", limits::group_backlog_max_highest);
  entry.backlog_bytes_max = json.number("backlog_bytes_max");
  entry.refuse_at_backlog = json.flag("refuse_at_backlog");
}

bool good(const GroupEntry& entry) {
  return entry.retry.check() && entry.backlog_max >= 1 && entry.backlog_bytes_max >= limits::mib &&
         entry.pause_reason.size() <= limits::pause_reason_bytes_max && base::valid_utf8(entry.pause_reason);
}

}  // namespace

RequiredState state_of(const GroupEntry& entry) {
  return {.critical = entry.critical, .paused = entry.paused ? std::optional(entry.pause_reason) : std::nullopt};
}

work::Policy policy_of(const GroupEntry& entry) {
  return {.retry = entry.retry,
          .backlog_max = entry.backlog_max,
          .backlog_bytes_max = entry.backlog_bytes_max,
          .refuse_at_quota = entry.refuse_at_backlog};
}

std::string required_name(const GroupEntry& entry) { return entry.bus + '/' + entry.group; }

std::string required_document(const GroupEntry& entry) {
  JsonWriter json;
  json.flag("critical", entry.critical);
  if (entry.paused) json.texts("paused", {entry.pause_reason});
  json.number("version", entry.version);
  json.text("writer", entry.writer.to_string());
  json.flag("present", entry.present);
  json.number("max_retries", entry.retry.max_retries);
  json.number("first_ms", static_cast<std::uint64_t>(entry.retry.first.count()));
  json.number("cap_ms", static_cast<std::uint64_t>(entry.retry.cap.count()));
  json.real("jitter", entry.retry.jitter);
  json.number("backlog_max", entry.backlog_max);
  json.number("backlog_bytes_max", entry.backlog_bytes_max);
  json.flag("refuse_at_backlog", entry.refuse_at_backlog);
  return json.done();
}

std::optional<GroupEntry> read_required(std::string_view name, std::string_view document, const NodeId& self) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos || !Group::parse(name.substr(0, slash)) ||
      !Group::parse(name.substr(slash + 1))) {
    return std::nullopt;
  }
  GroupEntry plain;
  plain.bus = name.substr(0, slash);
  plain.group = name.substr(slash + 1);
  plain.writer = self;
  if (document.empty()) return plain;
  GroupEntry entry = plain;
  JsonReader json(document);
  entry.critical = json.flag("critical");
  for (std::string& reason : json.texts("paused")) {
    entry.paused = true;
    entry.pause_reason = std::move(reason);
  }
  read_policy(json, entry);
  return json.finish() && good(entry) ? entry : plain;
}

}  // namespace evmesh::bus
