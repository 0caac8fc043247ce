#include "evmesh/verbs/dispatch_done.hpp"

#include <algorithm>

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

/// Asks for `events` and takes those that are over out of them.
Outcome<void> ask(Session& session, std::vector<std::string>& events, Clock::time_point end, Ended& ended) {
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
    if (!life.at("over").get<bool>()) {
      events.push_back(life.at("event"));
      continue;
    }
    const auto& groups = life.at("groups");
    const bool dead = std::any_of(groups.begin(), groups.end(),
                                  [](const Json& group) { return group.at("state") == "dead"; });
    ++(dead ? ended.dead : ended.done);
  }
  return {};
}

}  // namespace

Outcome<Ended> wait_until_over(Session& session, std::vector<std::string> events, Clock::time_point end) {
  Ended ended;
  while (!events.empty()) {
    const std::size_t count = std::min(events.size(), events_per_request);
    std::vector<std::string> some(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count));
    const bool last_time = Clock::now() >= end;
    if (auto asked = ask(session, some, end, ended); !asked) return tl::unexpected(asked.error());
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
