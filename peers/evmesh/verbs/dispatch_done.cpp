#include "evmesh/verbs/dispatch_done.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace evmesh::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using peers::Outcome;

constexpr std::size_t events_per_request = 100;

/// One request waits so long at most, so that Ctrl-C and the progress line do not have to.
constexpr std::chrono::milliseconds request_wait{2'000};

using Place = std::pair<std::string, std::string>;  // of a group: its bus and name

bool is_owed(const Json& group) {
  const std::string state = group.at("state");
  return state != "done" && state != "dead" && state != "cancelled";
}

/// Why a group does not go on; empty when it does.
std::string hindrance(const Json& group) {
  const std::string name = group.at("group");
  if (group.at("runners").get<std::uint64_t>() == 0)
    return fmt::format("group {} has no runner", name);
  if (!group.at("paused").get<bool>()) return {};
  const std::string reason = group.at("reason");
  return fmt::format("group {} is paused{}{}", name, reason.empty() ? "" : ": ", reason);
}

/// What keeps those `waiting`. Only told: what cannot be asked now is asked the next time.
std::vector<std::string> hindrances(Session& session, const std::set<Place>& waiting) {
  std::vector<std::string> found;
  const auto answer = waiting.empty() ? Outcome<std::string>("") : session.get("/api/v1/groups");
  const Json read = answer ? Json::parse(*answer, nullptr, false) : Json();
  if (!read.is_object()) return found;
  for (const auto& group : read.at("items")) {
    if (waiting.count({group.at("bus"), group.at("group")}) == 0) continue;
    if (std::string text = hindrance(group); !text.empty()) found.push_back(std::move(text));
  }
  return found;
}

/// Says what is new.
void tell(const Session& session, const std::vector<std::string>& hindered, std::set<std::string>& told) {
  for (const std::string& text : hindered) {
    if (!told.insert(text).second) continue;
    session.output().end_progress();
    session.output().note(text + "; its events wait");
  }
}

/// Asks for `events` and takes those that are over out of them; what the others are owed to is added to `waiting`.
Outcome<void> ask(Session& session, std::vector<std::string>& events, Clock::time_point end, Ended& ended,
                  std::set<Place>& waiting) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
  const auto wait = std::clamp(left, std::chrono::milliseconds{0}, request_wait);
  peers::HttpRequest request;
  request.target = fmt::format("/api/v1/events/over?wait={}", wait.count());
  for (const std::string& event : events) request.target += "&event=" + event;
  request.timeout = session.timeout() + wait;
  const auto response = session.send(std::move(request));
  if (!response) return tl::unexpected(response.error());
  if (auto failure = session.failure_of(*response)) return tl::unexpected(std::move(*failure));
  events.clear();
  const Json answer = Json::parse(response->body);
  for (const auto& life : answer.at("items")) {
    const auto& groups = life.at("groups");
    if (!life.at("over").get<bool>()) {
      events.push_back(life.at("event"));
      for (const auto& group : groups) {
        if (is_owed(group)) waiting.emplace(group.at("bus"), group.at("group"));
      }
      continue;
    }
    const bool dead = std::any_of(groups.begin(), groups.end(),
                                  [](const Json& group) { return group.at("state") == "dead"; });
    ++(dead ? ended.dead : ended.done);
  }
  return {};
}

}  // namespace

Outcome<Ended> wait_until_over(Session& session, std::vector<std::string> events, Clock::time_point end) {
  Ended ended;
  std::set<std::string> told;
  while (!events.empty()) {
    const std::size_t count = std::min(events.size(), events_per_request);
    std::vector<std::string> some(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
    const bool last_time = Clock::now() >= end;
    std::set<Place> waiting;
    if (auto asked = ask(session, some, end, ended, waiting); !asked) return tl::unexpected(asked.error());
    ended.hindered = hindrances(session, waiting);
    tell(session, ended.hindered, told);
    if (last_time) {
      ended.owed += some.size();
    } else {
      events.insert(events.begin(), some.begin(), some.end());
    }
    session.output().progress(fmt::format("{} over, {} to go", ended.done + ended.dead, events.size()));
  }
  session.output().end_progress();
  return ended;
}

}  // namespace evmesh::cli
