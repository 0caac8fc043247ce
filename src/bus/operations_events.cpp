#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/limits.hpp"
#include "bus/letter_json.hpp"
#include "bus/operations.hpp"

namespace evmesh::bus {

namespace {

constexpr std::size_t letters_of_event_max = 1'000;
constexpr std::size_t events_max = limits::batch_events_max;
constexpr std::chrono::hours wait_max{1};

/// Obligations of one event by dispatch, bus and group; of each what is known last.
using Known = std::map<std::tuple<DispatchId, std::string, std::string>, GroupLife>;

void note(Known& known, GroupLife life) {
  const auto place = std::tuple(life.dispatch, life.bus, life.group.to_string());
  const auto found = known.find(place);
  if (found == known.end() || found->second.returns <= life.returns)
    known.insert_or_assign(place, std::move(life));
}

WorkState state_of(std::string_view state) {
  if (state == "ready") return WorkState::ready;
  if (state == "running") return WorkState::running;
  if (state == "waiting") return WorkState::retrying;
  return state == "burying" ? WorkState::dying : WorkState::settling;
}

WorkState state_of(storage::Fate fate) {
  switch (fate) {
    case storage::Fate::done: return WorkState::done;
    case storage::Fate::dead: return WorkState::dead;
    case storage::Fate::cancelled:
    case storage::Fate::let_go: break;
  }
  return WorkState::cancelled;
}

GroupLife life_of(const work::Finished& ended, const work::Machine::GroupName& name) {
  return {.dispatch = ended.id,
          .bus = name.bus,
          .group = name.group,
          .state = state_of(ended.fate),
          .attempt = ended.attempts,
          .returns = ended.generation,
          .accepted = ended.accepted,
          .attempts = ended.failed};
}

GroupLife life_of(const work::Machine::Owed& owed, const work::Machine::GroupName& name) {
  return {.dispatch = owed.id,
          .bus = name.bus,
          .group = name.group,
          .state = state_of(owed.state),
          .attempt = owed.attempt,
          .returns = owed.generation,
          .accepted = owed.accepted,
          .attempts = owed.attempts};
}

GroupLife life_of(const DeadLetterEntry& entry) {
  const std::vector<Attempt>& attempts = entry.letter.attempts;
  return {.dispatch = entry.dispatch,
          .bus = entry.bus,
          .group = entry.letter.group,
          .state = WorkState::dead,
          .attempt = attempts.empty() ? 0 : attempts.back().number,
          .returns = entry.returns,
          .accepted = entry.accepted,
          .attempts = attempts,
          .letter = entry.letter.id};
}

}  // namespace

Result<EventLife> Operations::life_of(const EventId& event, const WorkEngine::Lives& lives) const {
  Known known;
  for (const work::Finished& ended : lives.finished) {
    if (ended.event_id == event) note(known, bus::life_of(ended, lives.names[ended.group]));
  }
  const auto letters = services_.work.letters().page({.event = event}, 0, letters_of_event_max);
  if (!letters) return tl::unexpected(letters.error());
  for (const Letter& letter : *letters) {
    auto entry = to_entry(letter);
    if (!entry) return tl::unexpected(entry.error());
    note(known, bus::life_of(*entry));
  }
  for (const work::Machine::Owed& owed : lives.owed) {
    if (owed.event_id == event) note(known, bus::life_of(owed, lives.names[owed.group]));
  }
  EventLife life{event, {}};
  for (auto& [place, group] : known) life.groups.push_back(std::move(group));
  return life;
}

Result<EventLife> Operations::event(const EventId& event) const {
  return life_of(event, services_.work.lives(std::span(&event, 1)));
}

Result<std::vector<EventLife>> Operations::wait_over(std::span<const EventId> events,
                                                     std::chrono::milliseconds timeout) const {
  if (events.empty() || events.size() > events_max) {
    return fail(ErrorCode::invalid_argument,
                std::to_string(events.size()) + " events; it must be 1 to 1,024");
  }
  if (timeout.count() < 0 || timeout > wait_max) {
    return fail(ErrorCode::invalid_argument,
                "a timeout of " + std::to_string(timeout.count()) + " ms; it must be 0 to 3,600,000");
  }
  services_.work.wait_over(events, timeout);
  const WorkEngine::Lives now = services_.work.lives(events);
  std::vector<EventLife> lives;
  for (const EventId& event : events) {
    auto life = life_of(event, now);
    if (!life) return tl::unexpected(life.error());
    lives.push_back(std::move(*life));
  }
  return lives;
}

}  // namespace evmesh::bus
