#include <algorithm>
#include <cstring>
#include <utility>

#include "work/executor_impl.hpp"

// What custodians and adopters say.

namespace evmesh::work {
namespace {

constexpr std::uint64_t open_max = 65'536;  // of one custodian and group, whatever credit it thinks it has
constexpr std::chrono::seconds active{2};

}  // namespace

// By name.

std::uint64_t Executor::Impl::hash_of(const WorkName& name) {
  std::uint64_t owner = 0;
  std::memcpy(&owner, name.id.owner.bytes.data() + 8, sizeof owner);
  return ((name.id.epoch * 0xc2b2ae3d27d4eb4fULL + owner) * 0x9e3779b97f4a7c15ULL ^ (name.group + name.generation)) +
         name.id.seq;
}

std::optional<Executor::Impl::Slot> Executor::Impl::known(const WorkName& name) const {
  return names_.find(hash_of(name), [&](Slot slot) { return entries_[slot].name == name; });
}

void Executor::Impl::name(Slot slot) {
  names_.add(hash_of(entries_[slot].name), slot);
  entries_[slot].named = true;
}

void Executor::Impl::unname(Slot slot) {
  if (std::exchange(entries_[slot].named, false)) names_.remove(hash_of(entries_[slot].name), slot);
}

// Deliveries.

void Executor::Impl::deliver(Turn& turn, const Life& from, const wire::Deliver& deliver) {
  Custodian& custodian = this->custodian(from);
  if (custodian.ended) return;
  if (custodian.lease_until == MonoTime{}) custodian.lease_until = turn.now + options_.lease;
  if (turn.now > custodian.lease_until) custodian.echo_needed = clock_of(turn.now) + 1;
  custodian.active_until = turn.now + active;
  custodian.next_beat = std::min(custodian.next_beat, turn.now + options_.beat);
  std::uint64_t number = deliver.first;
  for (const wire::Delivered& it : deliver.deliveries) {
    if (const auto moved = custodian.moved.find(number); moved != custodian.moved.end()) {
      ++counters_.repeated;
      Outbox(options_.self, turn.frames).say(from, moved->second);
    } else if (fresh(custodian, number)) {
      arrive(turn, custodian, number, it);
    }
    ++number;
  }
}

/// Whether the number never came.
bool Executor::Impl::fresh(Custodian& custodian, std::uint64_t number) {
  if (const Slot* slot = custodian.entries.find(number)) {
    ++counters_.repeated;
    if (entries_[*slot].state != State::finished) return false;
    custodian.unsaid.push_back(number);
    mark(custodian);
    return false;
  }
  custodian.received = std::max(custodian.received, number);
  if (!custodian.over.contains(number)) return true;
  ++counters_.over;
  return false;
}

void Executor::Impl::arrive(Turn& turn, Custodian& custodian, std::uint64_t number,
                            const wire::Delivered& it) {
  ++counters_.delivered;
  if (custodian.verdicts >= 2 * options_.verdicts_max) {
    ++counters_.over_credit;
    return custodian.over.add(number);
  }
  const Ours ours = look_ ? look_(it.name) : Ours{};
  if (ours.custody && it.custody < *ours.custody)
    return refuse_stale(turn, custodian, number, {it.name, *ours.custody});
  const auto older = known(it.name);
  if (ours.done) return end(add(custodian, number, it, older), wire::WorkEnding::done, turn);
  if (!older) return run_or_refuse(turn, add(custodian, number, it, older), it);
  Entry& entry = entries_[*older];
  if (it.custody < entry.custody) return refuse_stale(turn, custodian, number, {it.name, entry.custody});
  switch (entry.state) {
    case State::finished:
      if (conclusive(entry, it)) return answer(*older, custodian, number, it);
      break;
    case State::running: return take_over(turn, *older, custodian, number, it);
    case State::queued:
      ++counters_.taken_over;
      depart(turn, entry, it.custody);
      unname(*older);
      entries_.remove(*older);
      return run_or_refuse(turn, add(custodian, number, it, {}), it);
  }
  run_or_refuse(turn, add(custodian, number, it, older), it);
}

/// Under its number, in no queue yet. `older` was the latest of its name.
Executor::Impl::Slot Executor::Impl::add(Custodian& custodian, std::uint64_t number, const wire::Delivered& it,
                                         std::optional<Slot> older) {
  if (older) unname(*older);
  const Slot slot = entries_.add();
  Entry& entry = entries_[slot];
  entry.name = it.name;
  entry.custody = it.custody;
  entry.custodian = &custodian;
  entry.number = number;
  entry.serial = ++serial_ & 0x7fff'ffff;
  entry.attempt = it.attempt;
  entry.possibly_duplicate = it.possibly_duplicate || custodian.was_down;
  entry.suspect = it.suspect;
  custodian.entries.add(number, slot);
  name(slot);
  const auto group = groups_.find(it.name.group);
  if (group == groups_.end()) return slot;
  entry.share = &share(custodian, group->second);
  if (entry.share->open++ == 0) ++group->second.sharers;
  return slot;
}

void Executor::Impl::run_or_refuse(Turn& turn, Slot slot, const wire::Delivered& it) {
  Entry& entry = entries_[slot];
  if (!entry.share || !entry.share->group->open() || over_bound(entry)) {
    return end(slot, wire::WorkEnding::given_back, turn);
  }
  entry.event = parcel_of(std::string(it.event));
  enqueue(slot, false, turn);
}

bool Executor::Impl::over_bound(const Entry& it) {
  const bool bytes = it.custodian->queued_bytes >= options_.queued_bytes_max;
  const bool count = it.share->open > open_max;
  if (bytes) ++counters_.over_bytes;
  if (count) ++counters_.over_credit;
  return bytes || count;
}

/// Whether the end of the known one is that of the delivery, too.
bool Executor::Impl::conclusive(const Entry& known, const wire::Delivered& it) const {
  switch (known.ending) {
    case wire::WorkEnding::done: return true;
    case wire::WorkEnding::failed:
    case wire::WorkEnding::refused: return known.attempt >= it.attempt;
    case wire::WorkEnding::unknown_type:
    case wire::WorkEnding::given_back: break;
  }
  return false;
}

void Executor::Impl::answer(Slot known, Custodian& custodian, std::uint64_t number,
                            const wire::Delivered& it) {
  ++counters_.answered;
  const Slot slot = add(custodian, number, it, known);
  Entry& entry = entries_[slot];
  const Entry& older = entries_[known];
  entry.state = State::finished;
  entry.ending = older.ending;
  entry.not_before = older.not_before;
  entry.error = older.error;
  entry.since = older.since;
  close(entry.share);
  keep_verdict(slot);
  if (older.custodian->ended) erase(known);
}

void Executor::Impl::refuse_stale(Turn& turn, Custodian& custodian, std::uint64_t number,
                                  const wire::Stale& stale) {
  ++counters_.stale;
  if (const auto group = groups_.find(stale.name.group); group != groups_.end()) {
    Share& it = share(custodian, group->second);
    if (it.open++ == 0) ++group->second.sharers;
    close(&it);
  }
  Outbox(options_.self, turn.frames).say(custodian.life, stale);
  custodian.moved[number] = stale;
}

/// It leaves its custodian and number for another one that answers for it now.
void Executor::Impl::depart(Turn& turn, Entry& it, const Custody& by) {
  Custodian& custodian = *it.custodian;
  if (it.state == State::queued) leave_queue(it);
  if (it.state == State::running) --custodian.running;
  close(it.share);
  custodian.entries.remove(it.number);
  if (custodian.ended || it.custody >= by) return custodian.over.add(it.number);
  const wire::Stale stale{it.name, by};
  custodian.moved[it.number] = stale;
  if (custodian.up) Outbox(options_.self, turn.frames).say(custodian.life, stale);
}

/// It goes on running; its verdict goes elsewhere.
void Executor::Impl::take_over(Turn& turn, Slot slot, Custodian& custodian, std::uint64_t number,
                               const wire::Delivered& it) {
  Entry& entry = entries_[slot];
  ++counters_.taken_over;
  depart(turn, entry, it.custody);
  entry.custodian = &custodian;
  entry.number = number;
  entry.custody = it.custody;
  entry.unwanted = false;
  entry.share = &share(custodian, *entry.share->group);
  if (entry.share->open++ == 0) ++entry.share->group->sharers;
  ++custodian.running;
  custodian.entries.add(number, slot);
}

// Questions, and what is over.

void Executor::Impl::query(Turn& turn, const Life& from, const wire::Query& query) {
  Custodian* custodian = find(from);
  if (!custodian || custodian->ended) return;
  std::vector<NumberRange> unknown;
  std::vector<const wire::Stale*> stale;
  for (const NumberRange& range : query.numbers) {
    std::uint64_t at = range.first;
    while (at != 0 && at <= range.last) {
      const auto entry = custodian->entries.next(at);
      const auto moved = custodian->moved.lower_bound(at);
      std::uint64_t next = entry ? *entry : range.last;
      if (moved != custodian->moved.end()) next = std::min(next, moved->first);
      const bool is_entry = entry && *entry == next;
      const bool is_moved = moved != custodian->moved.end() && moved->first == next;
      if (next > range.last || (!is_entry && !is_moved)) break;
      if (next > at) unknown.push_back({at, next - 1});
      if (is_moved) stale.push_back(&moved->second);
      if (is_entry && entries_[*custodian->entries.find(next)].state == State::finished) {
        custodian->unsaid.push_back(next);
      } else if (is_entry) {
        custodian->beat_due = true;
      }
      at = next + 1;
    }
    if (at != 0 && at <= range.last) unknown.push_back({at, range.last});
  }
  // First what never came: STALE names no number, and is of one that came.
  fence(turn, *custodian, unknown);
  for (const wire::Stale* it : stale) Outbox(options_.self, turn.frames).say(from, *it);
  mark(*custodian);
}

void Executor::Impl::fence(Turn& turn, Custodian& custodian, const std::vector<NumberRange>& unknown) {
  for (const NumberRange& range : unknown) {
    if (!custodian.over.contains(range.first)) counters_.fenced += range.last - range.first + 1;
#ifdef EVMESH_SEEDED_BUG_UNKNOWN_NOT_FENCED
    if (range.first > 2) continue;
#endif
    custodian.over.add(range);
  }
  bound_fences(custodian);
  in_pieces(std::span(unknown), [&](std::vector<NumberRange> some) {
    Outbox(options_.self, turn.frames).say(custodian.life, wire::Unknown{std::move(some)});
  });
}

/// At the bound the oldest holes are closed: what never came of them is refused, too, and said to be unknown
/// when it is asked about.
void Executor::Impl::bound_fences(Custodian& custodian) {
  while (custodian.over.ranges().size() > options_.fences_max) {
    counters_.fenced_at_bound += custodian.over.close_lowest_hole();
  }
}

void Executor::Impl::retired(const Life& from, const wire::Retired& retired) {
  Custodian* custodian = find(from);
  if (!custodian) return;
  if (retired.through > 0) retire(*custodian, {1, retired.through});
  for (const NumberRange& range : retired.also) retire(*custodian, range);
  bound_fences(*custodian);
}

void Executor::Impl::retire(Custodian& custodian, const NumberRange& range) {
  for (auto number = custodian.entries.next(range.first); number && *number <= range.last;
       number = custodian.entries.next(*number + 1)) {
    const Slot slot = *custodian.entries.find(*number);
    if (entries_[slot].state == State::running) {
      entries_[slot].unwanted = true;
      continue;
    }
    // Taken back when it had run already: who took it back is told, and retires it again.
    if (entries_[slot].state == State::finished && !entries_[slot].said) continue;
    if (entries_[slot].state == State::queued) ++counters_.dropped;
    erase(slot);
  }
  const auto& moved = custodian.moved;
  custodian.moved.erase(moved.lower_bound(range.first), moved.upper_bound(range.last));
  custodian.over.add(range);
}

/// What it had taken back when it sent this is known by now: it said so before, on the same link.
void Executor::Impl::renew(Turn& turn, const Life& from, const wire::WorkBeat& beat) {
  Custodian* const custodian = find(from);
  if (!custodian) return;
  custodian->beat_heard = std::max(custodian->beat_heard, beat.sent);
  mark(*custodian);
  if (beat.heard == 0 || beat.heard > clock_of(turn.now)) return;
  const MonoTime sent{std::chrono::milliseconds{beat.heard}};
  const bool waited = waits(*custodian, turn.now);
  custodian->echoed = std::max(custodian->echoed, beat.heard);
  custodian->lease_until = std::max(custodian->lease_until, sent + options_.lease);
  if (!waited || waits(*custodian, turn.now)) return;
  for (auto& [hash, share] : custodian->shares) tell(*share.group, turn);
}

// Adoption.

void Executor::Impl::give_up(Turn& turn, Slot slot, const Custody& by,
                             std::vector<wire::StateEntry>& states) {
  Entry& it = entries_[slot];
  wire::StateEntry state{it.name, wire::WorkState::queued, it.attempt, it.error};
  if (it.state == State::running) state.state = wire::WorkState::running;
  if (it.state == State::finished) {
    switch (it.ending) {
      case wire::WorkEnding::done: state.state = wire::WorkState::done; break;
      case wire::WorkEnding::failed: state.state = wire::WorkState::failed; break;
      case wire::WorkEnding::refused: state.state = wire::WorkState::refused; break;
      case wire::WorkEnding::unknown_type:
      case wire::WorkEnding::given_back: return;
    }
  }
  states.push_back(std::move(state));
  if (it.state != State::queued) return;
  ++counters_.dropped;
  depart(turn, it, by);
  unname(slot);
  entries_.remove(slot);
}

std::vector<wire::StateEntry> Executor::Impl::adopted(Turn& turn, const Life& adopter,
                                                      const wire::Adopted& adopted) {
  const Custody by{adopted.counter, adopter.id, adopter.epoch};
  const auto among = [&](const WorkName& name) {
    if (name.id.owner != adopted.owner || name.id.epoch != adopted.epoch) return false;
    const auto group = std::ranges::lower_bound(adopted.groups, name.group, {}, &wire::WorkRanges::group);
    if (group == adopted.groups.end() || group->group != name.group) return false;
    const auto seqs = std::ranges::lower_bound(group->seqs, name.id.seq, {}, &NumberRange::last);
    return seqs != group->seqs.end() && seqs->first <= name.id.seq;
  };
  std::vector<wire::StateEntry> states;
  for (Slot slot = 0; slot < entries_.end(); ++slot) {
    const Entry& it = entries_[slot];
    // Of a redelivery it is not certain that the adopter has it: its custodian knows, while it lives.
    const bool may_be_newer = it.name.generation > 0 && it.state == State::queued && it.custodian && !it.custodian->ended;
    if (it.custodian && it.custody < by && among(it.name) && !may_be_newer) give_up(turn, slot, by, states);
  }
  std::ranges::sort(states, {}, [](const wire::StateEntry& it) { return std::pair(it.name, it.attempt); });
  return states;
}

std::vector<wire::StateEntry> Executor::Impl::claimed(Turn& turn, const Life& claimer) {
  std::vector<wire::StateEntry> states;
  for (Slot slot = 0; slot < entries_.end(); ++slot) {
    const Entry& it = entries_[slot];
    if (!it.custodian || it.custodian->life.id != claimer.id || it.custodian->life.epoch >= claimer.epoch)
      continue;
    give_up(turn, slot, {it.custody.counter, it.custody.node, ~std::uint64_t{0}}, states);
  }
  std::ranges::sort(states, {}, [](const wire::StateEntry& it) { return std::pair(it.name, it.attempt); });
  return states;
}

}  // namespace evmesh::work
