#include "work/distribution.hpp"

#include <algorithm>
#include <utility>

#include "storage/records.hpp"
#include "work/distribution_impl.hpp"

namespace evmesh::work {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds ask_again{1};

}  // namespace

// Executors.

Distribution::Impl::Peer* Distribution::Impl::find(const Life& life) const {
  const auto it = peers_.find(life);
  return it == peers_.end() ? nullptr : it->second.get();
}

Distribution::Impl::Peer& Distribution::Impl::peer(const Life& life) {
  auto& place = peers_[life];
  if (!place) {
    place = std::make_unique<Peer>();
    place->life = life;
  }
  return *place;
}

void Distribution::Impl::has_business(Peer& peer) {
  if (std::exchange(peer.busy, true)) return;
  const auto before = [](const Peer* it, const Life& life) { return it->life < life; };
  busy_.insert(std::lower_bound(busy_.begin(), busy_.end(), peer.life, before), &peer);
}

void Distribution::Impl::forget_idle() {
  std::erase_if(busy_, [](Peer* it) {
    it->busy = !it->open.empty() || !it->leases.empty() || !it->waiting.empty() || !it->unsaid.empty() || it->say_all;
    return !it->busy;
  });
}

/// What was asked or said on an earlier link may be lost.
void Distribution::Impl::member_up(Turn& turn, const Life& life, std::string name) {
  Peer& it = peer(life);
  it.name = std::move(name);
  it.up = true;
  it.heard = turn.now;
  it.received_at = turn.now;
  it.say_all = true;
  has_business(it);
  say_retired(turn, it);
  query_open(turn, it);
  list_groups(it);
}

void Distribution::Impl::member_down(Turn& turn, const Life& life) {
  Peer* it = find(life);
  if (!it || !std::exchange(it->up, false)) return;
  it->down_at = turn.now;
  lose(turn, *it, false);
}

void Distribution::Impl::life_ended(Turn& turn, const Life& life) {
  Peer* it = find(life);
  if (!it) return;
  it->up = false;
  lose(turn, *it, true);
  forget(*it);
}

/// What is open there goes back as something that may have run. Of a suspect that would be its end, so it stays until it
/// is certain that the executor did not come back from it.
void Distribution::Impl::lose(Turn& turn, Peer& peer, bool for_good) {
  peer.open.for_each([&](std::uint64_t, Delivery& it) {
    if (it.lost || (it.suspect && !for_good)) return;
    it.lost = true;
    ++peer.lost;
    --it.runs->open;
    --it.runs->group->outstanding;
    --outstanding_;
    peer.bytes -= it.bytes;
    peer.suspects -= it.suspect ? 1 : 0;
    lose_one(turn, peer, it.handle);
  });
  std::erase_if(peer.leases, [&](const Job& job) {
    if (job.suspect && !for_good) return false;
    lose_one(turn, peer, job.handle);
    return true;
  });
  list_groups(peer);
}

std::optional<MonoTime> Distribution::Impl::probation_ends(const Peer& peer) const {
  if (peer.up || peer.suspects == 0) return std::nullopt;
  return peer.down_at + options_.probation;
}

void Distribution::Impl::lose_one(Turn& turn, const Peer& peer, Handle handle) {
  ++counters_.lost;
  machine_.lost(turn.now, turn.wall, handle, peer.life.id, peer.name, turn.log, turn.actions);
}

void Distribution::Impl::forget(Peer& peer) {
  auto& ran = ran_[peer.life];
  for (auto& [hash, runs] : peer.groups) {
    ran[hash] = runs.slots;
    leave_group(runs);
  }
  if (ran_.size() > limits::members_max) ran_.erase(ran_.begin());
  std::erase(busy_, &peer);
  const Life life = peer.life;
  peers_.erase(life);
}

/// Groups that were never delivered to it, so that it cannot name ever more of them.
void Distribution::Impl::forget_unused(Peer& peer) {
  std::erase_if(peer.groups, [&](const auto& each) {
    if (each.second.slots > 0 || each.second.sent > 0) return false;
    leave_group(each.second);
    return true;
  });
}

void Distribution::Impl::leave_group(const PeerRuns& runs) {
  std::erase(runs.group->runners, &runs);
  if (runs.group->runners.empty() && !runs.group->index) groups_.erase(runs.group->hash);
}

// Groups.

Distribution::Impl::WorkGroup& Distribution::Impl::group(std::uint64_t hash) {
  auto& place = groups_[hash];
  if (!place) {
    place = std::make_unique<WorkGroup>();
    place->hash = hash;
  }
  return *place;
}

Distribution::Impl::WorkGroup& Distribution::Impl::group_at(GroupIndex index) {
  if (by_index_.size() <= index) by_index_.resize(index + 1);
  if (!by_index_[index]) {
    const auto name = machine_.name(index);
    by_index_[index] = &group(storage::group_hash(name.bus, name.group.to_string()));
    by_index_[index]->index = index;
  }
  return *by_index_[index];
}

const Distribution::Impl::WorkGroup* Distribution::Impl::known_group(GroupIndex index) const {
  return index < by_index_.size() ? by_index_[index] : nullptr;
}

Distribution::Impl::PeerRuns& Distribution::Impl::runs_at(Peer& peer, std::uint64_t hash) {
  const auto [it, fresh] = peer.groups.try_emplace(hash);
  if (fresh) {
    it->second.peer = &peer;
    it->second.group = &group(hash);
    it->second.group->runners.push_back(&it->second);
  }
  return it->second;
}

void Distribution::Impl::ready(MonoTime now, GroupIndex index) {
  WorkGroup& it = group_at(index);
  if (!std::exchange(it.has_work, true)) it.ready_since = now;
  list(it);
}

void Distribution::Impl::local(GroupIndex index, std::uint32_t slots) {
  group_at(index).local_slots = slots;
  group_at(index).left_here.reset();
  group_at(index).unknown_types.clear();
  list(group_at(index));
}

void Distribution::Impl::list(WorkGroup& group) {
  if ((!group.has_work && group.aside.empty()) || std::exchange(group.listed, true)) return;
  listed_.push_back(&group);
}

void Distribution::Impl::list_groups(const Peer& peer) {
  for (const auto& [hash, runs] : peer.groups) list(*runs.group);
}

void Distribution::Impl::list_later(WorkGroup& group, MonoTime at) {
  if (group.again == MonoTime{}) {
    later_.push_back(&group);
    group.again = at;
  }
  group.again = std::min(group.again, at);
}

/// Certainly not run: the same attempt is made elsewhere.
void Distribution::Impl::give_back(Turn& turn, WorkGroup& group, Handle handle) {
  machine_.give_back(handle, turn.log, turn.actions);
  if (!std::exchange(group.has_work, true)) group.ready_since = turn.now;
  list(group);
}

// Time.

void Distribution::Impl::query_open(Turn& turn, Peer& peer) {
  NumberSet numbers;
  peer.open.for_each([&](std::uint64_t number, const Delivery&) { numbers.add(number); });
  query(turn, peer, numbers);
}

void Distribution::Impl::query(Turn& turn, Peer& peer, const NumberSet& numbers) {
  if (numbers.empty() || !peer.up) return;
  peer.asked = turn.now;
  for (const NumberRange& range : numbers.ranges()) counters_.queried += range.last - range.first + 1;
  in_pieces(std::span(numbers.ranges()), [&](std::vector<NumberRange> some) {
    Outbox(options_.self, turn.frames).say(peer.life, wire::Query{std::move(some)});
  });
}

void Distribution::Impl::tick(Turn& turn) {
  for (Peer* it : busy_) {
    if (const auto end = probation_ends(*it); end && turn.now >= *end) lose(turn, *it, true);
    if (!it->up || it->open.empty()) continue;
    if (turn.now >= std::max(it->heard + options_.silence, it->asked + ask_again)) query_open(turn, *it);
  }
  std::erase_if(later_, [&](WorkGroup* group) {
    if (group->again > turn.now) return false;
    group->again = MonoTime{};
    list(*group);
    return true;
  });
}

std::optional<MonoTime> Distribution::Impl::next_deadline() const {
  std::optional<MonoTime> next;
  const auto at = [&next](MonoTime when) { next = next ? std::min(*next, when) : when; };
  for (const Peer* it : busy_) {
    if (const auto end = probation_ends(*it)) at(*end);
    if (it->up && !it->open.empty()) at(std::max(it->heard + options_.silence, it->asked + ask_again));
  }
  for (const WorkGroup* group : later_) at(group->again);
  return next;
}

// Views.

std::vector<Distribution::Runner> Distribution::Impl::runners(GroupIndex index) const {
  std::vector<Runner> found;
  const WorkGroup* group = known_group(index);
  if (!group) {
    const auto name = machine_.name(index);
    const auto it = groups_.find(storage::group_hash(name.bus, name.group.to_string()));
    if (it == groups_.end()) return found;
    group = it->second.get();
  }
  for (const PeerRuns* runs : group->runners) {
    if (runs->slots == 0 && runs->open == 0) continue;
    const Peer& peer = *runs->peer;
    found.push_back({peer.life, peer.name, peer.up, runs->slots, runs->open, runs->free()});
  }
  return found;
}

std::optional<std::uint32_t> Distribution::Impl::slots(const Life& life, std::uint64_t group) const {
  if (const Peer* peer = find(life)) {
    const auto runs = peer->groups.find(group);
    return runs == peer->groups.end() ? 0 : runs->second.slots;
  }
  const auto over = ran_.find(life);
  if (over == ran_.end()) return std::nullopt;
  const auto runs = over->second.find(group);
  return runs == over->second.end() ? 0 : runs->second;
}

bool Distribution::Impl::runs_elsewhere(GroupIndex index) const {
  return std::ranges::any_of(runners(index), [](const Runner& it) { return it.up && it.slots > 0; });
}

std::optional<Life> Distribution::Impl::where(Handle handle) const {
  for (const auto& [life, it] : peers_) {
    bool found = false;
    it->open.for_each(
        [&](std::uint64_t, const Delivery& each) { found = found || (!each.lost && each.handle == handle); });
    if (found) return life;
  }
  return std::nullopt;
}

std::uint64_t Distribution::Impl::outstanding(GroupIndex index) const {
  const WorkGroup* group = known_group(index);
  return group ? group->outstanding : 0;
}

// What stands before it.

Distribution::Distribution(DistributionOptions options, Machine& machine)
    : impl_(std::make_unique<Impl>(options, machine)) {}
Distribution::~Distribution() = default;

void Distribution::member_up(Turn turn, const Life& life, std::string name) {
  impl_->member_up(turn, life, std::move(name));
}
void Distribution::raise_epoch(std::uint64_t epoch) { impl_->raise_epoch(epoch); }
void Distribution::member_down(Turn turn, const Life& life) { impl_->member_down(turn, life); }
void Distribution::life_ended(Turn turn, const Life& life) { impl_->life_ended(turn, life); }
void Distribution::on(Turn turn, const Life& from, const wire::Runs& runs) { impl_->runs(turn, from, runs); }
void Distribution::on(Turn, const Life& from, const wire::Credit& credit) { impl_->credit(from, credit); }
void Distribution::on(Turn turn, const Life& from, const wire::Verdicts& verdicts) {
  impl_->verdicts(turn, from, verdicts);
}
void Distribution::on(Turn turn, const Life& from, const wire::WorkBeat& beat) {
  impl_->beat(turn, from, beat);
}
void Distribution::on(Turn turn, const Life& from, const wire::Unknown& unknown) {
  impl_->unknown(turn, from, unknown);
}
void Distribution::on(Turn turn, const Life& from, const wire::Stale& stale) {
  impl_->stale(turn, from, stale);
}
void Distribution::ready(MonoTime now, GroupIndex group) { impl_->ready(now, group); }
void Distribution::local(GroupIndex group, std::uint32_t slots) { impl_->local(group, slots); }
void Distribution::lease(Turn turn, const Job& job, const Life& executor) {
  impl_->lease(turn, job, executor);
}
bool Distribution::divert(Turn turn, const Job& job, std::shared_ptr<const Parcel> event) {
  return impl_->divert(turn, job, std::move(event));
}
void Distribution::loaded(Turn turn, Handle handle, std::shared_ptr<const Parcel> event,
                          std::string_view why) {
  impl_->loaded(turn, handle, std::move(event), why);
}
void Distribution::withdraw(Turn turn, std::vector<Handle> handles) { impl_->withdraw(turn, std::move(handles)); }
void Distribution::settled(Position end) { impl_->settled(end); }
void Distribution::stop() { impl_->stopped_ = true; }
void Distribution::pump(Turn turn, const Room& room) { impl_->pump(turn, room); }
void Distribution::tick(Turn turn) { impl_->tick(turn); }
std::optional<MonoTime> Distribution::next_deadline() const { return impl_->next_deadline(); }
std::vector<Distribution::Runner> Distribution::runners(GroupIndex group) const {
  return impl_->runners(group);
}
bool Distribution::runs_elsewhere(GroupIndex group) const { return impl_->runs_elsewhere(group); }
std::optional<std::uint32_t> Distribution::slots(const Life& life, std::uint64_t group) const {
  return impl_->slots(life, group);
}
bool Distribution::suspect_goes_away(GroupIndex group) const { return impl_->suspect_goes_away(group); }
std::optional<Life> Distribution::where(Handle handle) const { return impl_->where(handle); }
std::uint64_t Distribution::outstanding() const { return impl_->outstanding_; }
std::uint64_t Distribution::outstanding(GroupIndex group) const { return impl_->outstanding(group); }
const DistributionCounters& Distribution::counters() const { return impl_->counters_; }

}  // namespace evmesh::work
