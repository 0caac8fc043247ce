#include "work/executor.hpp"

#include <algorithm>
#include <utility>

#include "work/executor_impl.hpp"

namespace evmesh::work {
namespace {

constexpr std::size_t custodians_max = 1'024;  // those that have ended and left nothing are forgotten beyond

wire::WorkEnding ending_of(Ran::Ending ending) {
  switch (ending) {
    case Ran::Ending::done: return wire::WorkEnding::done;
    case Ran::Ending::failed: return wire::WorkEnding::failed;
    case Ran::Ending::refused: return wire::WorkEnding::refused;
    case Ran::Ending::unknown_type: break;
  }
  return wire::WorkEnding::unknown_type;
}

}  // namespace

// Custodians.

Executor::Impl::Custodian* Executor::Impl::find(const Life& life) {
  const auto it = custodians_.find(life);
  return it == custodians_.end() ? nullptr : it->second.get();
}

Executor::Impl::Custodian& Executor::Impl::custodian(const Life& life) {
  auto& place = custodians_[life];
  if (!place) {
    place = std::make_unique<Custodian>();
    place->life = life;
  }
  return *place;
}

Executor::Impl::Share& Executor::Impl::share(Custodian& custodian, RunGroup& group) {
  Share& share = custodian.shares[group.hash];
  share.custodian = &custodian;
  share.group = &group;
  return share;
}

/// Says everything anew: what was said on an earlier link may be lost.
void Executor::Impl::member_up(MonoTime now, const Life& life) {
  sweep();
  Custodian& it = custodian(life);
  it.up = true;
  it.ended = false;
  it.was_down = false;
  if (it.lease_until == MonoTime{}) it.lease_until = now + options_.lease;
  it.runs_due = true;
  it.next_beat = now + options_.beat;
  it.unsaid.clear();
  it.entries.for_each([&](std::uint64_t number, Slot slot) {
    if (entries_[slot].state == State::finished) it.unsaid.push_back(number);
  });
  mark(it);
}

/// Whoever is down for us has us down, too, and may have given what is queued here to another.
void Executor::Impl::member_down(const Life& life) {
  Custodian* it = find(life);
  if (!it) return;
  it->up = false;
  it->was_down = true;
  it->entries.for_each([&](std::uint64_t, Slot slot) {
    if (entries_[slot].state == State::queued) entries_[slot].possibly_duplicate = true;
  });
}

void Executor::Impl::life_ended(const Life& life) {
  Custodian* it = find(life);
  if (!it || it->ended) return;
  member_down(life);
  it->ended = true;
  it->moved.clear();
  it->entries.for_each([&](std::uint64_t, Slot slot) {
    if (entries_[slot].state == State::finished) orphans_.push_back(handle(slot));
  });
  drop_orphans();
  sweep();
}

/// Those that never speak again and have nothing here any more.
void Executor::Impl::sweep() {
  std::vector<Custodian*> gone;
  for (const auto& [life, it] : custodians_) {
    if (it->ended && it->entries.empty()) gone.push_back(it.get());
  }
  std::size_t idle = custodians_.size();
  for (const auto& [life, it] : custodians_) {
    if (idle <= custodians_max) break;
    if (it->up || it->ended || !it->entries.empty()) continue;
    gone.push_back(it.get());
    --idle;
  }
  for (Custodian* it : gone) forget(*it);
}

void Executor::Impl::forget(Custodian& custodian) {
  for (auto& [hash, share] : custodian.shares) std::erase(share.group->turns, &share);
  std::erase(dirty_, &custodian);
  const Life life = custodian.life;
  custodians_.erase(life);
}

void Executor::Impl::mark(Custodian& custodian) {
  if (!std::exchange(custodian.dirty, true)) dirty_.push_back(&custodian);
}

// Groups and their queues.

Executor::Impl::RunGroup* Executor::Impl::group_of(GroupIndex index) const {
  return index < by_index_.size() ? by_index_[index] : nullptr;
}

void Executor::Impl::runs(Turn& turn, GroupIndex index, std::uint64_t hash, std::uint32_t slots) {
  RunGroup& group = groups_[hash];
  if (leaving_ || (group.slots == slots && group.index == index && group_of(index))) return;
  group.index = index;
  group.hash = hash;
  group.slots = slots;
  if (by_index_.size() <= index) by_index_.resize(index + 1);
  by_index_[index] = &group;
  ++runs_version_;
  if (slots == 0) give_back_queued(group, turn);
  say_anew();
}

void Executor::Impl::pause(Turn& turn, GroupIndex index, std::uint64_t hash, bool paused) {
  RunGroup& group = groups_[hash];
  group.index = index;
  group.hash = hash;
  if (std::exchange(group.paused, paused) == paused) return;
  if (paused) give_back_queued(group, turn);
  say_anew();
}

void Executor::Impl::say_anew() {
  for (const auto& [life, it] : custodians_) {
    it->runs_due = true;
    mark(*it);
  }
}

void Executor::Impl::leave(Turn& turn) {
  if (std::exchange(leaving_, true)) return;
  ++runs_version_;
  for (auto& [hash, group] : groups_) {
    group.slots = 0;
    give_back_queued(group, turn);
  }
  say_anew();
}

void Executor::Impl::give_back_queued(RunGroup& group, Turn& turn) {
  while (const auto slot = next_of(group, true, std::nullopt)) {
    leave_queue(entries_[*slot]);
    end(*slot, wire::WorkEnding::given_back, turn);
  }
}

// Running.

bool Executor::Impl::has(GroupIndex index) const {
  const RunGroup* group = group_of(index);
  return group && group->queued > 0;
}

void Executor::Impl::take(MonoTime now, GroupIndex index, std::size_t max, std::vector<Job>& out,
                          bool suspects) {
  RunGroup* group = group_of(index);
  if (!group) return;
  for (std::size_t taken = 0; taken < max; ++taken) {
    const auto slot = next_of(*group, suspects && !suspect_running_, now);
    if (!slot) {
      group->told = false;
      return;
    }
    start(now, *slot, out);
  }
}

void Executor::Impl::start(MonoTime now, Slot slot, std::vector<Job>& out) {
  Entry& it = entries_[slot];
  leave_queue(it);
  it.state = State::running;
  it.since = now;
  ++it.custodian->running;
  ++running_;
  if (it.suspect) suspect_running_ = handle(slot);
  out.push_back({.handle = handle(slot),
                 .id = it.name.id,
                 .group = it.share->group->index,
                 .attempt = it.attempt,
                 .possibly_duplicate = it.possibly_duplicate,
                 .suspect = it.suspect,
                 .event = it.event,
                 .group_hash = it.name.group,
                 .generation = it.name.generation,
                 .foreign = true});
}

void Executor::Impl::stop_running(Slot slot, Turn& turn) {
  --entries_[slot].custodian->running;
  --running_;
  if (suspect_running_ != handle(slot)) return;
  suspect_running_.reset();
  tell_suspects(turn);
}

void Executor::Impl::give_back(Turn& turn, Handle handle) {
  const auto found = slot(handle, State::running);
  if (!found) return;
  stop_running(*found, turn);
  const bool unwanted = entries_[*found].unwanted;
  if (!unwanted && entries_[*found].share->group->open()) return enqueue(*found, true, turn);
  end(*found, wire::WorkEnding::given_back, turn);
  if (unwanted) erase(*found);
}

void Executor::Impl::finished(Turn& turn, Handle handle, const Ran& ran) {
  const auto found = slot(handle, State::running);
  if (!found) return;
  Entry& it = entries_[*found];
  ++counters_.finished;
  stop_running(*found, turn);
  if (ran.ending != Ran::Ending::unknown_type) measure(*it.share->group, turn.now - it.since);
  it.not_before = ran.not_before;
  it.error = ran.error.substr(0, limits::attempt_error_bytes_max);
  end(*found, ending_of(ran.ending), turn);
  if (it.unwanted) erase(*found);
}

void Executor::Impl::measure(RunGroup& group, std::chrono::nanoseconds took) {
  group.usual = std::exchange(group.measured, true) ? (group.usual * 7 + took) / 8 : took;
}

/// One delivery of the share is neither queued nor running any more.
void Executor::Impl::close(Share* share) {
  if (!share) return;
  ++share->ended;
  if (--share->open == 0) --share->group->sharers;
  if (std::exchange(share->due, true)) return;
  share->custodian->due.push_back(share);
  mark(*share->custodian);
}

/// It is in no queue and does not run.
void Executor::Impl::end(Slot slot, wire::WorkEnding ending, Turn& turn) {
  Entry& it = entries_[slot];
  if (ending == wire::WorkEnding::given_back) ++counters_.given_back;
  it.state = State::finished;
  it.ending = ending;
  it.event.reset();
  it.since = turn.now;
  close(it.share);
  keep_verdict(slot);
}

void Executor::Impl::keep_verdict(Slot slot) {
  Custodian& custodian = *entries_[slot].custodian;
  ++custodian.verdicts;
  if (custodian.ended) {
    orphans_.push_back(handle(slot));
    return drop_orphans();
  }
  custodian.unsaid.push_back(entries_[slot].number);
  mark(custodian);
}

void Executor::Impl::drop_orphans() {
  while (orphans_.size() > options_.verdicts_max) {
    const auto found = slot(orphans_.front(), State::finished);
    orphans_.pop_front();
    if (!found) continue;
    ++counters_.verdicts_dropped;
    erase(*found);
  }
}

/// Whatever its state, but running.
void Executor::Impl::erase(Slot slot) {
  Entry& it = entries_[slot];
  if (it.state == State::queued) {
    leave_queue(it);
    close(it.share);
  } else {
    --it.custodian->verdicts;
  }
  it.custodian->entries.remove(it.number);
  it.custodian->over.add(it.number);
  unname(slot);
  entries_.remove(slot);
}

std::optional<MonoTime> Executor::Impl::heard_at(const Life& life) const {
  const auto it = custodians_.find(life);
  if (it == custodians_.end() || it->second->ended || it->second->lease_until == MonoTime{}) return std::nullopt;
  return it->second->lease_until - options_.lease;
}

std::vector<Executor::View> Executor::Impl::custodians() const {
  std::vector<View> views;
  for (const auto& [life, it] : custodians_) {
    views.push_back({life, it->queued, it->running, it->verdicts, it->received});
  }
  return views;
}

// What stands before it.

Executor::Executor(ExecutorOptions options) : impl_(std::make_unique<Impl>(options)) {}
Executor::~Executor() = default;

void Executor::member_up(Turn turn, const Life& life) { impl_->member_up(turn.now, life); }
void Executor::raise_epoch(std::uint64_t epoch) { impl_->raise_epoch(epoch); }
void Executor::member_down(const Life& life) { impl_->member_down(life); }
void Executor::life_ended(const Life& life) { impl_->life_ended(life); }
void Executor::look_first(Look look) { impl_->look_ = std::move(look); }
void Executor::on(Turn turn, const Life& from, const wire::Deliver& deliver, const wire::Buffer&) {
  impl_->deliver(turn, from, deliver);
}
void Executor::on(Turn turn, const Life& from, const wire::Query& query) { impl_->query(turn, from, query); }
void Executor::on(Turn, const Life& from, const wire::Retired& retired) { impl_->retired(from, retired); }
void Executor::on(Turn turn, const Life& from, const wire::WorkBeat& beat) { impl_->renew(turn, from, beat); }
std::vector<wire::StateEntry> Executor::adopted(Turn turn, const Life& adopter,
                                                const wire::Adopted& adopted) {
  return impl_->adopted(turn, adopter, adopted);
}
std::vector<wire::StateEntry> Executor::claimed(Turn turn, const Life& claimer) {
  return impl_->claimed(turn, claimer);
}
void Executor::runs(Turn turn, GroupIndex group, std::uint64_t hash, std::uint32_t slots) {
  impl_->runs(turn, group, hash, slots);
}
void Executor::pause(Turn turn, GroupIndex group, std::uint64_t hash, bool paused) {
  impl_->pause(turn, group, hash, paused);
}
void Executor::take(MonoTime now, GroupIndex group, std::size_t max, std::vector<Job>& out, bool suspects) {
  impl_->take(now, group, max, out, suspects);
}
bool Executor::has(GroupIndex group) const { return impl_->has(group); }
bool Executor::runs_suspect() const { return impl_->suspect_running_.has_value(); }
void Executor::give_back(Turn turn, Handle handle) { impl_->give_back(turn, handle); }
void Executor::finished(Turn turn, Handle handle, const Ran& ran) { impl_->finished(turn, handle, ran); }
void Executor::leave(Turn turn) { impl_->leave(turn); }
std::optional<WorkName> Executor::running(Handle handle) const { return impl_->running(handle); }
std::uint64_t Executor::running() const { return impl_->running_; }
void Executor::groups_digest(std::uint64_t digest) { impl_->groups_digest_ = digest; }
void Executor::pump(Turn turn) { impl_->pump(turn); }
void Executor::tick(Turn turn) { impl_->tick(turn); }
std::optional<MonoTime> Executor::next_deadline() const { return impl_->next_deadline(); }
std::optional<MonoTime> Executor::heard_at(const Life& life) const { return impl_->heard_at(life); }
std::vector<Executor::View> Executor::custodians() const { return impl_->custodians(); }
const ExecutorCounters& Executor::counters() const { return impl_->counters_; }

}  // namespace evmesh::work
