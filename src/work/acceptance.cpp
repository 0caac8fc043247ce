#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "work/impl.hpp"

namespace evmesh::work {

Result<void> Machine::Impl::check(const Acceptance& acceptance) const {
  if (acceptance.groups.empty())
    return evmesh::fail(ErrorCode::invalid_argument, "an acceptance names no group");
  if (acceptance.groups.size() > limits::dispatch_groups_max) {
    return evmesh::fail(ErrorCode::invalid_argument,
                        "an event for " + std::to_string(acceptance.groups.size()) + " groups; at most " +
                            std::to_string(limits::dispatch_groups_max));
  }
  if (!acceptance.event) return evmesh::fail(ErrorCode::invalid_argument, "an acceptance has no event");
  for (const GroupIndex group : acceptance.groups) {
    if (group < book_.groups().size() && book_.groups()[group].bus == acceptance.bus) continue;
    return evmesh::fail(ErrorCode::invalid_argument,
                        "group " + std::to_string(group) + " is none of bus \"" + acceptance.bus + '"');
  }
  return {};
}

bool Machine::Impl::full(const GroupState& group, std::uint64_t bytes, std::uint64_t times,
                         std::uint64_t events) const {
  return (group.owed + events - 1) / times >= group.policy.backlog_max ||
         group.bytes / times + bytes > group.policy.backlog_bytes_max;
}

/// What may refuse the whole. Twice the quota is reached only when dead letters cannot be stored.
Result<void> Machine::Impl::fits(std::span<const GroupIndex> groups, std::uint64_t events,
                                 std::uint64_t bytes) {
  for (const GroupIndex index : groups) {
    const GroupState& group = book_.groups()[index];
    if (!full(group, bytes, group.policy.refuse_at_quota ? 1 : 2, events)) continue;
    ++counters_.refused;
    return evmesh::fail(ErrorCode::back_pressure, "group " + group.name.to_string() + " is owed " +
                                                      std::to_string(group.owed) + " events of " +
                                                      std::to_string(group.bytes) +
                                                      " bytes, its quota; try again later");
  }
  return {};
}

void Machine::Impl::bury_over_quota(Slot slot, Timestamp time) {
  const GroupState& group = book_.group_of(slot);
  const std::string error = "quota: the group is owed as much as it may be, " +
                            std::to_string(group.owed - 1) + " events of " +
                            std::to_string(group.bytes - book_.held_of(slot).event_bytes) + " bytes";
  book_.add_past(slot, {1, time, options_.self, error});
  book_[slot].ended = true;
  book_.set(slot, State::burying);
  ++counters_.over_quota;
}

Result<Accepted> Machine::Impl::accept(const Acceptance& acceptance, storage::Commit& log) {
  if (auto checked = check(acceptance); !checked) return tl::unexpected(checked.error());
  if (auto fitting = fits(acceptance.groups, 1, acceptance.event->size); !fitting)
    return tl::unexpected(fitting.error());
  Accepted accepted{.id = {options_.self, options_.epoch, ++seq_}, .end = 0, .claimed = {}};
  accepted.claimed.resize(acceptance.claimed.size());
  const HeldSlot held =
      book_.hold(accepted.id, acceptance.event_id, acceptance.time, acceptance.event, acceptance.event->size);
  for (const GroupIndex index : acceptance.groups) {
    GroupState& group = book_.groups()[index];
    const bool over = full(group, acceptance.event->size, 1);
    const Slot slot = book_.add(held, index, 0);
    ++counters_.accepted;
    if (over) {
      bury_over_quota(slot, acceptance.time);
      continue;
    }
    const auto claim = std::ranges::find(acceptance.claimed, index);
    if (claim == acceptance.claimed.end() || group.paused) continue;
    book_.set(slot, State::running);
    accepted.claimed[static_cast<std::size_t>(claim - acceptance.claimed.begin())] = book_.handle(slot);
  }
  say_owed(held, acceptance.event->bytes, log);
  for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
    book_[slot].needs = book_.held(held).position;
    if (book_[slot].state == State::ready) queue(slot);
    if (book_[slot].state == State::burying) after_sync(slot, book_.held(held).position);
  }
  accepted.end = log.end();
#ifdef EVMESH_SEEDED_BUG_ACK_BEFORE_SYNC
  if (seq_ > 2) accepted.end = log.begin();
#endif
  return accepted;
}

Result<std::optional<Accepted>> Machine::Impl::redeliver(const Letter& letter, const Acceptance& acceptance,
                                                         storage::Commit& log) {
  if (auto checked = check(acceptance); !checked) return tl::unexpected(checked.error());
  std::vector<GroupIndex> groups;
  for (const GroupIndex index : acceptance.groups) {
    if (book_.find(letter.dispatch, index)) continue;
    groups.push_back(index);
    const GroupState& group = book_.groups()[index];
    if (!full(group, acceptance.event->size, 1)) continue;
    ++counters_.refused;
    return evmesh::fail(ErrorCode::back_pressure,
                        "group " + group.name.to_string() + " is owed as much as it may be; redeliver later");
  }
  if (groups.empty()) return std::optional<Accepted>();
  const HeldSlot held = book_.hold(letter.dispatch, acceptance.event_id, acceptance.time, acceptance.event,
                                   acceptance.event->size);
  for (const GroupIndex index : groups) {
    const Slot slot = book_.add(held, index, letter.generation + 1);
    for (const Attempt& past : letter.attempts)
      book_.add_past(slot, {past.number, past.time, past.node, past.error});
    book_.extra(slot).letter = letter.id;
    book_[slot].doubt = letter.doubt;
  }
  counters_.accepted += groups.size();
  counters_.redelivered += groups.size();
  say_owed(held, acceptance.event->bytes, log);
  for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
    book_[slot].needs = book_.held(held).position;
    queue(slot);
    after_sync(slot, book_.held(held).position);
  }
  return std::optional(Accepted{.id = letter.dispatch, .end = log.end(), .claimed = {}});
}

void Machine::Impl::fill_owed(HeldSlot held, std::string_view event) {
  const Held& it = book_.held(held);
  owed_.id = book_.id_of(it);
  owed_.event_id = it.event_id;
  owed_.time = it.time;
  owed_.bus = book_.group_of(it.first).bus;
  owed_.groups.clear();
  for (Slot slot = it.first; slot != none; slot = book_[slot].next_of_held)
    owed_.groups.push_back(describe(slot));
  owed_.event = event;
}

/// One record with all that is owed by `held`.
void Machine::Impl::say_owed(HeldSlot held, std::string_view event, storage::Commit& log) {
  if (log.keeps()) fill_owed(held, event);
  book_.held(held).position = say(owed_, log);
}

storage::OwedGroup Machine::Impl::describe(Slot slot) const {
  const Obligation& it = book_[slot];
  storage::OwedGroup owed;
  owed.name = book_.group_of(slot).name.to_string();
  owed.generation = it.generation;
  owed.attempts = it.attempts;
  owed.custody = it.custody;
  owed.ended = it.ended;
  owed.cancelled = it.cancelled;
  owed.suspect = it.suspect;
  owed.unsure = it.unsure;
  owed.doubt = it.doubt;
  if (!it.extra) return owed;
  owed.wait = it.extra->wait;
  owed.letter = it.extra->letter;
  for (const Past& past : it.extra->history) owed.history.push_back(book_.past(past));
  return owed;
}

Position Machine::Impl::oldest() const {
  Position oldest = std::numeric_limits<Position>::max();
  if (book_.first_held() != none) oldest = book_.held(book_.first_held()).position;
  return moved_.empty() ? oldest : std::min(oldest, moved_.front().from);
}

bool Machine::Impl::carry(Position keep, std::uint64_t bytes, const Read& read, storage::Commit& log) {
  const Position enough = log.end() + bytes;
  while (book_.first_held() != none) {
    const HeldSlot held = book_.first_held();
    const Position from = book_.held(held).position;
    if (from >= keep) break;
    if (log.end() >= enough) return false;
    std::shared_ptr<const Parcel> event = book_.held(held).event;
    if (!event) event = read(from);
    if (!event) return false;
    moved_.push_back({log.end(), from});
    carry_one(held, event->bytes, log);
  }
  return true;
}

/// Says `held` again at the end of the journal. When the history of its groups is long, only as many as fit a
/// record: the others stay behind and come next.
void Machine::Impl::carry_one(HeldSlot held, std::string_view event, storage::Commit& log) {
  std::uint64_t size = 0;
  std::size_t fit = 0;
  std::size_t all = 0;
  for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
    const auto& extra = book_[slot].extra;
    size += 512 + (extra ? extra->history.size() * (limits::attempt_error_bytes_max + 32) : 0);
    if (size <= limits::owed_groups_bytes_max || all == 0) ++fit;
    ++all;
  }
  if (fit < all) {
    held = book_.split(held, fit);
  } else {
    book_.move_to_end(held);
  }
  say_owed(held, event, log);
  rest(held, [&](const auto& record) { say(record, log); });
}

}  // namespace evmesh::work
