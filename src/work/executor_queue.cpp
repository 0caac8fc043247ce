#include <utility>

#include "work/executor_impl.hpp"

// What waits to run, and whose turn it is.

namespace evmesh::work {

Handle Executor::Impl::handle(Slot slot) const {
  return foreign_bit | std::uint64_t{entries_[slot].serial} << 32 | slot;
}

std::optional<Executor::Impl::Slot> Executor::Impl::slot(Handle handle, State state) const {
  const auto slot = static_cast<Slot>(handle);
  const auto serial = static_cast<std::uint32_t>((handle & ~foreign_bit) >> 32);
  const bool there = is_foreign(handle) && slot < entries_.end() && entries_[slot].custodian &&
                     entries_[slot].serial == serial && entries_[slot].state == state;
  return there ? std::optional(slot) : std::nullopt;
}

void Executor::Impl::tell(RunGroup& group, Turn& turn) {
  if (group.queued == 0 || group.slots == 0 || group.told) return;
  group.told = true;
  turn.actions.emplace_back(Ready{group.index});
}

void Executor::Impl::tell_suspects(Turn& turn) {
  if (suspect_running_) return;
  for (auto& [hash, group] : groups_) {
    if (!group.suspects.empty()) tell(group, turn);
  }
}

void Executor::Impl::enqueue(Slot slot, bool front, Turn& turn) {
  Entry& it = entries_[slot];
  Share& share = *it.share;
  std::deque<Handle>& queue = it.suspect ? share.group->suspects : share.queue;
  it.state = State::queued;
  it.custodian->queued_bytes += it.event->bytes.size();
  ++it.custodian->queued;
  ++share.group->queued;
  front ? queue.push_front(handle(slot)) : queue.push_back(handle(slot));
  if (!it.suspect && !std::exchange(share.in_turns, true)) share.group->turns.push_back(&share);
  tell(*share.group, turn);
}

/// It is passed over where it stands.
void Executor::Impl::leave_queue(Entry& it) {
  it.custodian->queued_bytes -= it.event->bytes.size();
  --it.custodian->queued;
  --it.share->group->queued;
}

/// The first of `share` that is still queued, taken out.
std::optional<Executor::Impl::Slot> Executor::Impl::next_of(Share& share) {
  while (!share.queue.empty()) {
    const auto found = slot(share.queue.front(), State::queued);
    share.queue.pop_front();
    if (found) return found;
  }
  return std::nullopt;
}

/// Its lease is over, or was when something came of which it has not heard since: this node may be dead for it, and
/// another run what it delivered here. Who answers for what one that ended delivered takes it back.
bool Executor::Impl::waits(const Custodian& custodian, std::optional<MonoTime> now) {
  return now && (custodian.ended || *now > custodian.lease_until || custodian.echoed < custodian.echo_needed);
}

std::optional<Executor::Impl::Slot> Executor::Impl::next_suspect(RunGroup& group, std::optional<MonoTime> now) {
  for (std::size_t left = group.suspects.size(); left > 0; --left) {
    const Handle handle = group.suspects.front();
    group.suspects.pop_front();
    const auto found = slot(handle, State::queued);
    if (!found) continue;
    if (!waits(*entries_[*found].custodian, now)) return found;
    group.suspects.push_back(handle);
  }
  return std::nullopt;
}

/// One custodian after the other, so that none starves another; all of them without `now`.
std::optional<Executor::Impl::Slot> Executor::Impl::next_of(RunGroup& group, bool suspects,
                                                            std::optional<MonoTime> now) {
  if (suspects) {
    if (const auto found = next_suspect(group, now)) return found;
  }
  for (std::size_t left = group.turns.size(); left > 0; --left) {
    Share& share = *group.turns.front();
    group.turns.pop_front();
    if (waits(*share.custodian, now)) {
      group.turns.push_back(&share);
      continue;
    }
    const auto found = next_of(share);
    share.in_turns = !share.queue.empty();
    if (share.in_turns) group.turns.push_back(&share);
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace evmesh::work
