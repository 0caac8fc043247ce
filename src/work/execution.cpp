#include <algorithm>
#include <utility>

#include "work/impl.hpp"
#include "work/retry.hpp"

namespace evmesh::work {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds runner_wait_first = 1s;

}  // namespace

storage::Place Machine::Impl::place(Slot slot) const {
  return {book_.id_of(book_.held_of(slot)), book_.group_of(slot).hash, book_[slot].generation};
}

// Queues.

/// What has its letter yet runs when it is synced: a redelivery that a power cut takes back must not have
/// run.
bool Machine::Impl::runnable(Slot slot) const {
  return book_[slot].needs < (has_letter(slot) ? synced_ : written_);
}

/// The first of `queue` that is still ready, when what it needs is written.
std::optional<Slot> Machine::Impl::front(std::deque<Handle>& queue) const {
  while (!queue.empty()) {
    const auto slot = book_.slot(queue.front());
    if (slot && book_[*slot].state == State::ready) return runnable(*slot) ? slot : std::nullopt;
    queue.pop_front();
  }
  return std::nullopt;
}

/// A suspect first, so that a group that is never idle clears its suspects too.
std::optional<Slot> Machine::Impl::next_of(GroupState& group, bool suspects) {
  if (group.paused || goodbye_stands_) return std::nullopt;
  const auto suspect = suspect_running_ || !suspects ? std::nullopt : front(group.suspects);
  return suspect ? suspect : front(group.ready);
}

void Machine::Impl::queue(Slot slot) {
  GroupState& group = book_.group_of(slot);
  book_.set(slot, State::ready);
  (book_[slot].suspect ? group.suspects : group.ready).push_back(book_.handle(slot));
  if (has_letter(slot)) after_sync(slot, book_[slot].needs);
  if (std::exchange(group.touched, true)) return;
  touched_.push_back(book_[slot].group);
}

void Machine::Impl::tell(GroupIndex index, Actions& actions) {
  GroupState& group = book_.groups()[index];
  if (group.told || !next_of(group)) return;
  group.told = true;
  actions.emplace_back(Ready{index});
}

void Machine::Impl::tell_all(Actions& actions) {
  for (GroupIndex index = 0; index < book_.groups().size(); ++index) tell(index, actions);
}

void Machine::Impl::tell_suspects(Actions& actions) {
  for (GroupIndex index = 0; index < book_.groups().size(); ++index) {
    if (!book_.groups()[index].suspects.empty()) tell(index, actions);
  }
}

void Machine::Impl::written(Position end, Actions& actions) {
  written_ = std::max(written_, end);
#ifdef EVMESH_SEEDED_BUG_LETTER_REMOVED_EARLY
  for (const Later& later : later_) {
    const auto slot = book_.slot(later.handle);
    if (slot && later.behind < written_ && book_.held_of(*slot).seq > 8) ask_removal(*slot, actions);
  }
#endif
  if (suspect_ends_ && *suspect_ends_ <= written_) clear_suspect(actions);
  std::erase_if(touched_, [&](GroupIndex index) {
    tell(index, actions);
    GroupState& group = book_.groups()[index];
    const auto waits = [&](const std::deque<Handle>& queue) {
      const auto last = queue.empty() ? std::nullopt : book_.slot(queue.back());
      return last && book_[*last].needs >= written_;
    };
    group.touched = waits(group.ready) || waits(group.suspects);
    return !group.touched;
  });
}

void Machine::Impl::pause(GroupIndex index, bool paused, Actions& actions) {
  book_.groups()[index].paused = paused;
  book_.groups()[index].told = false;
  tell(index, actions);
}

// Running.

void Machine::Impl::take(GroupIndex index, std::size_t max, std::vector<Job>& out, bool suspects) {
  GroupState& group = book_.groups()[index];
  for (std::size_t taken = 0; taken < max; ++taken) {
    const auto slot = next_of(group, suspects);
    if (!slot) {
      group.told = false;
      return;
    }
    (book_[*slot].suspect ? group.suspects : group.ready).pop_front();
    give(*slot, out);
  }
}

void Machine::Impl::give(Slot slot, std::vector<Job>& out) {
  const Obligation& it = book_[slot];
  const Held& held = book_.held_of(slot);
  book_.set(slot, State::running);
  if (it.suspect) suspect_running_ = book_.handle(slot);
  if (it.doubt == storage::Doubt::process_ended) ++counters_.duplicates_process_ended;
  if (it.doubt == storage::Doubt::unknown) ++counters_.duplicates_unknown;
  if (it.doubt == storage::Doubt::owner_ended) ++counters_.duplicates_owner_ended;
  out.push_back({.handle = book_.handle(slot),
                 .id = book_.id_of(held),
                 .group = it.group,
                 .attempt = it.attempts + 1,
                 .possibly_duplicate = it.doubt != storage::Doubt::none,
                 .suspect = it.suspect,
                 .event = held.event,
                 .position = held.position,
                 .group_hash = book_.group_of(slot).hash,
                 .generation = it.generation,
                 .away_from = it.suspect ? last_node(slot) : NodeId{}});
}

NodeId Machine::Impl::last_node(Slot slot) const {
  const auto& extra = book_[slot].extra;
  return extra && !extra->history.empty() ? book_.past(extra->history.back()).node : NodeId{};
}

void Machine::Impl::give_back(Handle handle, storage::Commit& log, Actions& actions) {
  const auto slot = book_.slot(handle);
  if (!slot || book_[*slot].state != State::running) return;
  if (suspect_running_ == handle) clear_suspect(actions);
  if (book_[*slot].cancelled) return end(*slot, storage::Fate::cancelled, log);
  GroupState& group = book_.group_of(*slot);
  book_.set(*slot, State::ready);
  (book_[*slot].suspect ? group.suspects : group.ready).push_front(handle);
  tell(book_[*slot].group, actions);
}

Flight Machine::Impl::flight(Handle handle) const {
  const auto slot = book_.slot(handle);
  if (!slot) return {};
  const storage::Place where = place(*slot);
  return {.id = where.id,
          .group = where.group,
          .generation = where.generation,
          .attempt = book_[*slot].attempts + 1,
          .suspect = book_[*slot].suspect};
}

void Machine::Impl::finished(MonoTime now, Timestamp wall, Handle handle, const Ran& ran,
                             storage::Commit& log, Actions& actions) {
  const auto slot = book_.slot(handle);
  if (!slot || book_[*slot].state != State::running) return;
  const bool was_suspect = suspect_running_ == handle;
  switch (ran.ending) {
    case Ran::Ending::done: end(*slot, storage::Fate::done, log); break;
    case Ran::Ending::unknown_type:
      if (book_[*slot].cancelled) {
        end(*slot, storage::Fate::cancelled, log);
      } else {
        wait_for_runner(now, *slot);
      }
      break;
    case Ran::Ending::failed:
    case Ran::Ending::refused:
      fail(now, *slot,
           {.wall = wall,
            .node = ran.node.nil() ? options_.self : ran.node,
            .error = ran.error,
            .not_before = ran.not_before,
            .last = ran.ending == Ran::Ending::refused},
           log);
      break;
  }
  if (!was_suspect) return;
  // Until its end is written it stands in the flight table beside the next, and neither would be the only
  // one.
  if (log.end() > written_ && !log.empty()) {
    suspect_ends_ = log.end();
  } else {
    clear_suspect(actions);
  }
}

void Machine::Impl::clear_suspect(Actions& actions) {
  suspect_running_.reset();
  suspect_ends_.reset();
  tell_suspects(actions);
}

void Machine::Impl::fail(MonoTime now, Slot slot, const Failure& failure, storage::Commit& log) {
  Obligation& it = book_[slot];
  const RetryPolicy& retry = book_.group_of(slot).policy.retry;
  ++counters_.failed;
  if (it.cancelled) return end(slot, storage::Fate::cancelled, log);
  ++it.attempts;
  it.announced = false;
  it.unsure = false;
  it.suspect = false;
  it.tries = 0;
  it.held_back = false;
  it.ended = failure.last || it.attempts > retry.max_retries;
  book_.add_past(slot, {it.attempts, failure.wall, failure.node, failure.error});
  Extra& extra = book_.extra(slot);
  extra.wait =
      it.ended ? 0ms
               : std::max(retry_delay(retry, it.attempts, base::unit_interval(random_)), failure.not_before);
  it.needs = say(storage::Failed{.place = place(slot),
                                 .attempt = it.attempts,
                                 .ended = it.ended,
                                 .time = failure.wall,
                                 .node = failure.node,
                                 .wait = extra.wait,
                                 .error = book_.past(extra.history.back()).error},
                 log);
  if (it.ended) {
    book_.set(slot, State::burying);
    return after_sync(slot, it.needs);
  }
  book_.set(slot, State::waiting);
  plan(now + extra.wait, slot, false);
}

/// Nobody knows whether its attempt was made, so it counts; it clears nobody either.
void Machine::Impl::fail_unsure(MonoTime now, Slot slot, storage::Commit& log) {
  const bool suspect = book_[slot].suspect;
  fail(now, slot,
       {.wall = recovered_at_,
        .node = options_.self,
        .error = "the machine stopped; nobody knows whether it ran"},
       log);
  if (!suspect) return;
  book_[slot].suspect = !book_[slot].ended;
  say(storage::Suspect{place(slot)}, log);
}

/// Burns no attempt: the same one is made later, perhaps by a runner that knows the type.
void Machine::Impl::wait_for_runner(MonoTime now, Slot slot) {
  ++counters_.unknown_type;
  const auto cap = book_.group_of(slot).policy.retry.cap;
  book_.set(slot, State::waiting);
  plan(now + backoff(book_[slot].tries, runner_wait_first, std::max(cap, runner_wait_first)), slot, false);
}

void Machine::Impl::end(Slot slot, storage::Fate fate, storage::Commit& log) {
  Obligation& it = book_[slot];
  if (has_letter(slot)) {
    it.fate = fate;
    it.announced = false;
    book_.set(slot, State::settled);
    say(storage::Settled{place(slot), fate}, log);
    return;
  }
  say(storage::Verdict{place(slot), fate}, log);
  switch (fate) {
    case storage::Fate::done: ++counters_.done; break;
    case storage::Fate::dead: ++counters_.dead; break;
    case storage::Fate::cancelled: ++counters_.cancelled; break;
    case storage::Fate::let_go: ++counters_.let_go; break;
  }
  remove(slot, fate);
}

/// Nothing of it is left but what people may ask for.
void Machine::Impl::remove(Slot slot, storage::Fate fate) {
  const Obligation& it = book_[slot];
  const Held& held = book_.held_of(slot);
  finished_.add({.event_id = held.event_id,
                 .id = book_.id_of(held),
                 .group = it.group,
                 .generation = it.generation,
                 .attempts = it.attempts + (fate == storage::Fate::done ? 1 : 0),
                 .fate = fate,
                 .accepted = held.time,
                 .failed = book_.attempts(slot)});
  if (it.watched) ++watched_ended_;
  book_.remove(slot);
}

std::uint64_t Machine::Impl::cancel(GroupIndex index, storage::Commit& log) {
  if (const auto settled = settle_letters(index, log)) return settled;
  const GroupState& group = book_.groups()[index];
  std::vector<Slot> gone;
  bool changed = false;
  for (Slot slot = group.first; slot != none; slot = book_[slot].group_after) {
    Obligation& it = book_[slot];
    if (it.state == State::running) {
      changed = changed || !it.cancelled;
      it.cancelled = true;
    }
    if (it.state == State::ready || it.state == State::waiting) gone.push_back(slot);
  }
  if (gone.empty() && !changed) return 0;
  say(storage::Cancelled{group.hash}, log);
  for (const Slot slot : gone) remove(slot, storage::Fate::cancelled);
  counters_.cancelled += gone.size();
  return gone.size();
}

/// Not by the one record for all: after a crash their letters must be removed first.
std::uint64_t Machine::Impl::settle_letters(GroupIndex index, storage::Commit& log) {
  const Position enough = log.end() + options_.tick_bytes_max;
  std::uint64_t count = 0;
  for (Slot slot = book_.groups()[index].first; slot != none && log.end() < enough;
       slot = book_[slot].group_after) {
    Obligation& it = book_[slot];
    const bool idle = it.state == State::ready || it.state == State::waiting;
    if (!has_letter(slot) || (!idle && (it.state != State::running || it.cancelled))) continue;
    say(storage::Settled{place(slot), storage::Fate::cancelled}, log);
    it.fate = storage::Fate::cancelled;
    it.cancelled = !idle;
    if (!idle) continue;
    book_.set(slot, State::settled);
    ++count;
  }
  return count;
}

std::uint64_t Machine::Impl::give_up(MonoTime now, Timestamp wall, GroupIndex index, std::string_view why,
                                     storage::Commit& log) {
  const Position enough = log.end() + options_.tick_bytes_max;
  const Failure failure{.wall = wall, .node = options_.self, .error = why, .not_before = {}, .last = true};
  std::uint64_t count = 0;
  for (Slot slot = book_.groups()[index].first; slot != none && log.end() < enough;) {
    const Slot each = std::exchange(slot, book_[slot].group_after);
    if (book_[each].state != State::ready && book_[each].state != State::waiting) continue;
    fail(now, each, failure, log);
    ++count;
  }
  return count;
}

// Time.

void Machine::Impl::plan(MonoTime due, Slot slot, bool removal) {
  if (!removal) book_.extra(slot).due = due;
  timers_.push({due, book_.handle(slot), removal});
}

std::chrono::milliseconds Machine::Impl::backoff(std::uint8_t& tries, std::chrono::milliseconds first,
                                                 std::chrono::milliseconds cap) {
  if (tries < 255) ++tries;
  const RetryPolicy policy{.max_retries = 255, .first = first, .cap = cap, .jitter = limits::retry_jitter};
  return retry_delay(policy, tries, base::unit_interval(random_));
}

void Machine::Impl::tick(MonoTime now, storage::Commit& log, Actions& actions) {
  const Position enough = log.end() + options_.tick_bytes_max;
  while (!timers_.empty() && timers_.top().due <= now && log.end() < enough) {
    const Timer timer = timers_.top();
    timers_.pop();
    const auto slot = book_.slot(timer.handle);
    if (!slot) continue;
    if (timer.removal) {
      ask_removal(*slot, actions);
    } else if (book_.extra(*slot).due == timer.due) {  // or it was planned anew
      wake(now, *slot, log, actions);
    }
  }
}

void Machine::Impl::wake(MonoTime now, Slot slot, storage::Commit& log, Actions& actions) {
  Obligation& it = book_[slot];
  if (it.held_back) return;
  if (it.state == State::burying) return bury(slot, actions);
  if (it.state != State::waiting) return;
  if (it.unsure) return fail_unsure(now, slot, log);
  if (it.attempts > 0 && !it.announced) {
    it.announced = true;
    it.needs = say(storage::Started{place(slot), it.attempts + 1}, log);
#ifdef EVMESH_SEEDED_BUG_VERDICT_BEFORE_RUN
    if (it.attempts > 2) say(storage::Verdict{place(slot), storage::Fate::done}, log);
#endif
  }
  queue(slot);
  tell(it.group, actions);
}

std::optional<MonoTime> Machine::Impl::next_deadline() const {
  return timers_.empty() ? std::nullopt : std::optional(timers_.top().due);
}

}  // namespace evmesh::work
