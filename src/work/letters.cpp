#include <algorithm>
#include <chrono>

#include "base/hash.hpp"
#include "work/impl.hpp"

namespace evmesh::work {

bool Machine::Impl::has_letter(Slot slot) const {
  return book_[slot].extra && !book_[slot].extra->letter.nil();
}

/// A UUID of version 8: the time of the acceptance in milliseconds, so that ids sort by it, and a hash of the
/// obligation.
DeadLetterId Machine::Impl::letter_id(Slot slot) const {
  const storage::Place where = place(slot);
  std::string name(where.id.owner.bytes.begin(), where.id.owner.bytes.end());
  for (const std::uint64_t number :
       {where.id.epoch, where.id.seq, where.group, std::uint64_t{where.generation}}) {
    for (unsigned shift = 0; shift < 64; shift += 8) name.push_back(static_cast<char>(number >> shift));
  }
  const auto since =
      std::chrono::floor<std::chrono::milliseconds>(book_.held_of(slot).time.time_since_epoch());
  const auto time = static_cast<std::uint64_t>(since.count());
  const std::uint64_t high = base::hash64(name);
  const std::uint64_t low = base::hash64(name + "2");
  DeadLetterId id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(time >> (8 * (5 - i)));
  for (std::size_t i = 6; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(high >> (8 * (i - 6)));
  for (std::size_t i = 8; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(low >> (8 * (i - 8)));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | 0x80U);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
  return id;
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
  if (it.state != State::burying || has_letter(slot) || it.needs >= synced_) return;
  const Held& held = book_.held_of(slot);
  actions.emplace_back(StoreLetter{.handle = book_.handle(slot),
                                   .id = book_.id_of(held),
                                   .bus = book_.group_of(slot).bus,
                                   .group = it.group,
                                   .letter = letter_id(slot),
                                   .generation = it.generation,
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

}  // namespace evmesh::work
