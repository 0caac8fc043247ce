#include <algorithm>

#include "work/impl.hpp"
#include "work/letter_id.hpp"

namespace evmesh::work {

bool Machine::Impl::has_letter(Slot slot) const {
  return book_[slot].extra && !book_[slot].extra->letter.nil();
}

DeadLetterId Machine::Impl::letter_id(Slot slot) const {
  return work::letter_id(place(slot), book_.held_of(slot).time);
}

void Machine::Impl::synced(Position end, Actions& actions) {
  synced_ = std::max(synced_, end);
  if (goodbye_stands_ && *goodbye_stands_ < synced_) {
    goodbye_stands_.reset();
    tell_all(actions);
  }
  while (!moved_.empty() && moved_.front().to < synced_) moved_.pop_front();
  while (!later_.empty() && later_.front().behind < synced_) {
    const auto slot = book_.slot(later_.front().handle);
    later_.pop_front();
    if (!slot) continue;
    ask_removal(*slot, actions);
    bury(*slot, actions);
    tell(book_[*slot].group, actions);
  }
}

/// Asks for its dead letter to be kept, when nothing stands in the way.
void Machine::Impl::bury(Slot slot, Actions& actions) {
  const Obligation& it = book_[slot];
  if (it.state != State::burying || it.held_back || has_letter(slot) || it.needs >= synced_) return;
  const Held& held = book_.held_of(slot);
  actions.emplace_back(StoreLetter{.handle = book_.handle(slot),
                                   .id = book_.id_of(held),
                                   .bus = book_.group_of(slot).bus,
                                   .group = it.group,
                                   .letter = letter_id(slot),
                                   .generation = it.generation,
                                   .accepted = held.time,
                                   .attempts = book_.attempts(slot),
                                   .doubt = it.doubt,
                                   .event = held.event,
                                   .position = held.position});
}

void Machine::Impl::letter_stored(MonoTime now, Handle handle, bool kept, storage::Commit& log) {
  const auto slot = book_.slot(handle);
  if (!slot || book_[*slot].state != State::burying || has_letter(*slot)) return;
  if (kept) return end(*slot, storage::Fate::dead, log);
  ++counters_.letters_failed;
#ifdef EVMESH_SEEDED_BUG_DROPPED_WHEN_FULL
  if (book_[*slot].tries >= 2) return end(*slot, storage::Fate::dead, log);
#endif
  plan(now + backoff(book_[*slot].tries, limits::retry_first_delay, limits::retry_delay_cap), *slot, false);
}

void Machine::Impl::ask_removal(Slot slot, Actions& actions) {
  if (!has_letter(slot) || book_[slot].asked) return;
  book_[slot].asked = true;
  actions.emplace_back(RemoveLetter{
      .handle = book_.handle(slot), .group = book_[slot].group, .letter = book_[slot].extra->letter});
}

void Machine::Impl::letter_removed(MonoTime now, Handle handle, bool gone, storage::Commit& log,
                                   Actions& actions) {
  const auto slot = book_.slot(handle);
  if (!slot || !has_letter(*slot)) return;
  Obligation& it = book_[*slot];
  if (!gone) {
    ++counters_.letters_failed;
    it.asked = false;
    return plan(now + backoff(it.tries, limits::retry_first_delay, limits::retry_delay_cap), *slot, true);
  }
  it.extra->letter = {};
  it.tries = 0;
  if (it.state == State::settled) return end(*slot, it.fate, log);
  bury(*slot, actions);
}

/// Here nothing of it is known any more; in the copies it is.
void Machine::Impl::forget_letter(const WorkName& name, storage::Commit& log) {
  if (find(name, true)) return;
  say(storage::Verdict{{name.id, name.group, name.generation}, storage::Fate::cancelled}, log);
}

}  // namespace evmesh::work
