#include <algorithm>
#include <utility>

#include "work/impl.hpp"

// Dead letters of the owner whose log a copy is fed with. In a copy the state `burying` marks those that are
// kept.

namespace evmesh::work {
namespace {

constexpr std::uint64_t letter_bytes = 256;  // about what one takes beside its event

}  // namespace

/// A letter may reach a copy after the log has owed it again.
bool Machine::Impl::outdated(const storage::Owed& owed, const storage::OwedGroup& said) const {
  if (!options_.replica) return false;
  const auto group = book_.find_group(owed.bus, said.name);
  const auto known = group ? book_.find(owed.id, *group) : std::nullopt;
  return known && book_[*known].generation > said.generation;
}

/// Its owner has the letter now, or is about to; the copy keeps what it takes to make the same one again.
void Machine::Impl::keep_letter(Slot slot) {
  Obligation& it = book_[slot];
  it.ended = true;
  it.announced = false;
  if (it.state == State::burying) return;
  book_.set(slot, State::burying);
  letter_bytes_ += letter_bytes + book_.held_of(slot).event_bytes;
  ++letter_count_;
  letters_.push_back(book_.handle(slot));
  while (letters_.size() > 1 && (letters_over_bound() || !is_letter(letters_.front()))) {
    const Handle oldest = letters_.front();
    letters_.pop_front();
    if (!is_letter(oldest)) continue;
    leave_copy(*book_.slot(oldest));
    ++letters_left_out_;
  }
  // Others than the oldest have left, too.
  if (letters_.size() > 2 * letter_count_ + 64) {
    std::erase_if(letters_, [this](Handle each) { return !is_letter(each); });
  }
}

bool Machine::Impl::is_letter(Handle handle) const {
  const auto slot = book_.slot(handle);
  return slot && book_[*slot].state == State::burying;
}

bool Machine::Impl::letters_over_bound() const {
  return letter_bytes_ > options_.letters_bytes_max || letter_count_ > options_.letters_max;
}

/// It is no letter any more, whatever it becomes.
void Machine::Impl::uncount_letter(Slot slot) {
  if (!options_.replica || book_[slot].state != State::burying) return;
  --letter_count_;
  letter_bytes_ -= letter_bytes + book_.held_of(slot).event_bytes;
  book_.set(slot, State::ready);
}

void Machine::Impl::leave_copy(Slot slot) {
  uncount_letter(slot);
  book_.remove(slot);
}

bool Machine::Impl::keep_ended() {
  bool left = false;
  for (const Slot slot : all()) {
    const Obligation& it = book_[slot];
    const bool stays = it.ended && !it.cancelled && it.state != State::settled;
    left = left || stays;
    if (!stays) leave_copy(slot);
  }
  return left;
}

}  // namespace evmesh::work
