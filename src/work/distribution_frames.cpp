#include <algorithm>
#include <utility>

#include "work/distribution_impl.hpp"

// What executors say.

namespace evmesh::work {
namespace {

constexpr std::size_t types_max = 1'024;  // that one executor does not know

bool contains(const std::vector<NumberRange>& ranges, std::uint64_t number) {
  const auto it = std::ranges::lower_bound(ranges, number, {}, &NumberRange::last);
  return it != ranges.end() && it->first <= number;
}

}  // namespace

void Distribution::Impl::runs(Turn&, const Life& from, const wire::Runs& runs) {
  Peer& it = peer(from);
  if (runs.version <= it.runs_version) return;
  it.runs_version = runs.version;
  it.unknown_types.clear();
  for (auto& [hash, each] : it.groups) each.slots = 0;
  for (const wire::RunsEntry& entry : runs.entries) runs_at(it, entry.group).slots = entry.slots;
  for (const auto& [hash, each] : it.groups) each.group->left_here.reset();
  forget_unused(it);
  list_groups(it);
}

void Distribution::Impl::credit(const Life& from, const wire::Credit& credit) {
  Peer* it = find(from);
  if (!it) return;
  for (const wire::CreditEntry& entry : credit.entries) {
    const auto runs = it->groups.find(entry.group);
    if (runs == it->groups.end() || runs->second.limit >= entry.limit) continue;
    runs->second.limit = entry.limit;
    list(*runs->second.group);
  }
}

// Ends.

/// The delivery is over, as far as the executor is concerned.
Distribution::Impl::Delivery Distribution::Impl::close(Peer& peer, std::uint64_t number) {
  const Delivery it = *peer.open.find(number);
  peer.open.remove(number);
  if (it.lost) {
    --peer.lost;
    return it;
  }
  const bool was_full = peer.bytes >= options_.bytes_max;
  --it.runs->open;
  --it.runs->group->outstanding;
  --outstanding_;
  peer.bytes -= it.bytes;
  peer.suspects -= it.suspect ? 1 : 0;
  if (was_full && peer.bytes < options_.bytes_max) list_groups(peer);
  if (it.suspect) list(*it.runs->group);
  return it;
}

void Distribution::Impl::verdicts(Turn& turn, const Life& from, const wire::Verdicts& verdicts) {
  Peer* peer = find(from);
  if (!peer) return;
  for (const wire::WorkVerdict& it : verdicts.verdicts) apply(turn, *peer, it);
}

void Distribution::Impl::apply(Turn& turn, Peer& peer, const wire::WorkVerdict& verdict) {
  if (!peer.open.find(verdict.number)) {
    ++counters_.verdicts_unasked;
    if (peer.retired.contains(verdict.number)) retire(peer, verdict.number);
    return;
  }
  const Delivery it = close(peer, verdict.number);
  if (it.lost) return merge(turn, peer, it, verdict);
  Ran ran{Ran::Ending::done, verdict.error, verdict.not_before, peer.life.id};
  switch (verdict.ending) {
    case wire::WorkEnding::done: ++counters_.done; break;
    case wire::WorkEnding::failed:
      ++counters_.failed;
      ran.ending = Ran::Ending::failed;
      break;
    case wire::WorkEnding::refused:
      ++counters_.failed;
      ran.ending = Ran::Ending::refused;
      break;
    case wire::WorkEnding::unknown_type: retire(peer, verdict.number); return type_unknown(turn, peer, it);
    case wire::WorkEnding::given_back:
      ++counters_.given_back;
      retire(peer, verdict.number);
      it.runs->not_before = turn.now + options_.given_back_wait;
      return give_back(turn, *it.runs->group, it.handle);
  }
  machine_.finished(turn.now, turn.wall, it.handle, ran, turn.log, turn.actions);
  retire_when_safe(turn, peer, verdict.number);
}

/// It was taken back when its executor seemed dead. That it was done there counts all the same.
void Distribution::Impl::merge(Turn& turn, Peer& peer, const Delivery& delivery,
                               const wire::WorkVerdict& verdict) {
  const auto name = machine_.work_name(delivery.handle);
  if (verdict.ending != wire::WorkEnding::done || !name) return retire(peer, verdict.number);
  ++counters_.done;
  machine_.settle(turn.now, turn.wall, {*name, wire::WorkState::done, 1, {}}, peer.life.id, turn.log,
                  turn.actions);
  retire_when_safe(turn, peer, verdict.number);
}

void Distribution::Impl::type_unknown(Turn& turn, Peer& peer, const Delivery& delivery) {
  ++counters_.unknown_type;
  WorkGroup& group = *delivery.runs->group;
  auto& unknown = peer.unknown_types;
  if (unknown.size() >= types_max)
    std::erase_if(unknown, [&](const auto& it) { return it.second <= turn.now; });
  if (unknown.size() < types_max) {
    unknown[{delivery.type, group.hash}] = turn.now + options_.type_unknown;
  } else {
    ++counters_.types_unremembered;
  }
  if (group.local_slots > 0 || anybody(turn.now, group, delivery.type)) {
    return give_back(turn, group, delivery.handle);
  }
  refuse(turn, group, delivery.handle);
}

// What is owed here no more.

void Distribution::Impl::withdraw(Turn& turn, std::vector<Handle> handles) {
  std::ranges::sort(handles);
  const auto withdrawn = [&](const Job& job) { return std::ranges::binary_search(handles, job.handle); };
  for (const auto& [hash, group] : groups_) std::erase_if(group->aside, withdrawn);
  std::erase_if(loading_, [&](const auto& each) {
    if (!withdrawn(each.second.job)) return false;
    --each.second.group->loading;
    return true;
  });
  for (Peer* it : busy_) {
    std::erase_if(it->leases, withdrawn);
    withdraw_open(turn, *it, handles);
  }
}

/// `handles` ascend.
void Distribution::Impl::withdraw_open(Turn& turn, Peer& peer, std::span<const Handle> handles) {
  std::vector<std::uint64_t> numbers;
  peer.open.for_each([&](std::uint64_t number, const Delivery& it) {
    if (!it.lost && std::ranges::binary_search(handles, it.handle)) numbers.push_back(number);
  });
  for (const std::uint64_t number : numbers) {
    static_cast<void>(close(peer, number));
    retire(peer, number);
    ++counters_.overtaken;
  }
  if (peer.up && !numbers.empty()) say_retired(turn, peer);
}

// Retirement.

void Distribution::Impl::retire(Peer& peer, std::uint64_t number) {
  peer.retired.add(number);
  peer.unsaid.add(number);
  has_business(peer);
}

void Distribution::Impl::retire_when_safe(Turn& turn, Peer& peer, std::uint64_t number) {
#ifdef EVMESH_SEEDED_BUG_RETIRED_EARLY
  if (number > 4) return retire(peer, number);
#endif
  if (!turn.log.keeps() || turn.log.end() <= settled_) return retire(peer, number);
  peer.waiting.push_back({turn.log.end(), number});
  has_business(peer);
}

void Distribution::Impl::settled(Position end) {
  settled_ = std::max(settled_, end);
  for (Peer* it : busy_) {
    while (!it->waiting.empty() && it->waiting.front().behind <= settled_) {
      retire(*it, it->waiting.front().number);
      it->waiting.pop_front();
    }
  }
}

// Beats.

/// What arrived, is not open there and has no verdict: somebody lost a frame. What did not arrive may be on
/// its way, as long as others arrive.
void Distribution::Impl::beat(Turn& turn, const Life& from, const wire::WorkBeat& beat) {
  Peer* peer = find(from);
  if (!peer) return;
  peer->heard = turn.now;
  if (beat.received > peer->received) {
    peer->received = beat.received;
    peer->received_at = turn.now;
  }
  const MonoTime patience = turn.now - 2 * options_.beat;
  const bool stalled = peer->received_at <= patience;
  NumberSet ask;
  std::vector<std::uint64_t> given_up;
  peer->open.for_each([&](std::uint64_t number, const Delivery& it) {
    if (contains(beat.open, number)) {
      if (it.lost) given_up.push_back(number);
    } else if (number <= beat.received || it.lost || (stalled && it.sent <= patience)) {
      ask.add(number);
    }
  });
  for (const std::uint64_t number : given_up) {
    static_cast<void>(close(*peer, number));
    retire(*peer, number);
  }
  query(turn, *peer, ask);
}

void Distribution::Impl::unknown(Turn& turn, const Life& from, const wire::Unknown& unknown) {
  Peer* peer = find(from);
  if (!peer) return;
  for (const NumberRange& range : unknown.numbers) {
    for (auto number = peer->open.next(range.first); number && *number <= range.last;
         number = peer->open.next(*number + 1)) {
      const Delivery it = close(*peer, *number);
      ++counters_.fenced;
      --it.runs->sent;
      list(*it.runs->group);
      peer->retired.add(*number);
      if (!it.lost) give_back(turn, *it.runs->group, it.handle);
    }
  }
}

/// Which delivery of that name it was, of those that may have come: the credit of one that never came is given back when
/// that is said. Of several at most one is not lost, and that it was; the oldest when this node answers for it anew, as
/// it may have been given out again.
std::optional<std::uint64_t> Distribution::Impl::find_stale(Peer& peer, const WorkName& name, bool ours) {
  std::optional<std::uint64_t> found;
  peer.open.for_each([&](std::uint64_t number, const Delivery& it) {
    if (number > peer.received || it.name != name) return;
    if (!found || (!ours && !it.lost)) found = number;
  });
  return found;
}

/// One is over. The others are asked about, and have answers of their own.
void Distribution::Impl::stale(Turn& turn, const Life& from, const wire::Stale& stale) {
  Peer* peer = find(from);
  if (!peer) return;
  const auto handle = machine_.find(stale.name);
  const bool ours = handle && machine_.custody(*handle) >= stale.custody;
  const auto number = find_stale(*peer, stale.name, ours);
  if (!number) return;
  const Delivery it = close(*peer, *number);
  retire(*peer, *number);
  ++counters_.overtaken;
  if (ours && !it.lost) give_back(turn, *it.runs->group, it.handle);
}

}  // namespace evmesh::work
