#include "work/core.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "storage/records.hpp"
#include "work/claims.hpp"
#include "work/distribution.hpp"
#include "work/executor.hpp"
#include "work/owner_lease.hpp"

namespace evmesh::work {

namespace {

Life self_of(const CoreOptions& options) { return {options.machine.self, options.machine.epoch}; }

}  // namespace

/// The machines and what passes between them.
class Core::Impl {
 public:
  explicit Impl(const CoreOptions& options)
      : options_(options),
        machine_(options.machine),
        executor_({.self = self_of(options)}),
        distribution_({.self = self_of(options)}, machine_),
        claims_(self_of(options), machine_, distribution_),
        copies_({.self = self_of(options),
                 .copies = options.replicates ? options.copies : 1,
                 .seeded = options.seeded},
                machine_),
        guard_({.self = self_of(options), .guards = options.guards}, machine_, hooks()),
        groups_({.self = self_of(options), .alone = options.alone}) {
    executor_.look_first([this](const WorkName& name) { return look(name); });
  }

  /// The frames that concern somebody here; all others are ignored.
  void on_frame(Turn turn, const Life& from, const wire::Frame& frame, const wire::Buffer& bytes) {
    doubt_when_unheard(turn.now);
    std::visit([&](const auto& body) { on(turn, from, body, bytes); }, frame.body);
    settle(turn);
  }

  void take(Turn turn, GroupIndex group, std::size_t max, std::vector<Job>& out) {
    doubt_when_unheard(turn.now);
    // What this node owes and what others do come first in turn.
    const bool own_first = std::exchange(own_first_, !own_first_);
    const std::size_t enough = out.size() + max;
    if (own_first) take_own(group, (max + 1) / 2, out);
    executor_.take(turn.now, group, enough - out.size(), out, !own_suspect_);
    if (out.size() < enough) take_own(group, enough - out.size(), out);
  }

  /// Before anything is given out or the guardians change: who has not heard of this node for too long may have taken
  /// over what it owes by now.
  void doubt_when_unheard(MonoTime now) {
    if (!options_.replicates) return;
    guardians_.clear();
    copies_.lives(guardians_);
    const auto heard_at = [this](const Life& life) { return executor_.heard_at(life); };
    if (lease_.lapsed(now, guardians_, heard_at)) machine_.doubt_owed();
  }

  /// Whoever owes them: one suspect runs here at a time.
  void take_own(GroupIndex group, std::size_t max, std::vector<Job>& out) {
    const std::size_t before = out.size();
    const bool away = distribution_.suspect_goes_away(group);
    if (away) suspects_away_.insert(group);
    machine_.take(group, max, out, !executor_.runs_suspect() && !away);
    for (std::size_t at = before; at < out.size(); ++at) {
      if (out[at].suspect) own_suspect_ = out[at].handle;
    }
  }

  /// It does not run here any more: other suspects may.
  void over(Turn turn, Handle handle, bool suspect) {
    if (own_suspect_ == handle) own_suspect_.reset();
    if (!suspect) return;
    for (GroupIndex group = 0; group < machine_.group_count(); ++group) {
      if (machine_.next_suspect(group) || executor_.has(group)) turn.actions.emplace_back(Ready{group});
    }
  }

  /// It may have been taken over here since.
  void ran_for_another(Turn turn, const Job& job, const Ran& ran) {
    if (!guard_.waits_for_runs() || job.group_hash == 0) return;
    wire::WorkState state = wire::WorkState::queued;
    if (ran.ending == Ran::Ending::done) state = wire::WorkState::done;
    if (ran.ending == Ran::Ending::failed) state = wire::WorkState::failed;
    if (ran.ending == Ran::Ending::refused) state = wire::WorkState::refused;
    guard_.ran_here(turn, {{job.id, job.group_hash, job.generation}, state, job.attempt, ran.error});
  }

  void finished(Turn turn, const Job& job, const Ran& ran) {
    if (is_foreign(job.handle)) {
      executor_.finished(turn, job.handle, ran);
      ran_for_another(turn, job, ran);
    } else if (ran.ending != Ran::Ending::unknown_type || !distribution_.divert(turn, job, job.event)) {
      machine_.finished(turn.now, turn.wall, job.handle, ran, turn.log, turn.actions);
    }
    over(turn, job.handle, job.suspect);
    settle(turn);
  }

  /// What the machine said is ready may run elsewhere, too.
  void settle(Turn turn) {
    if (auto handles = machine_.take_withdrawn(); !handles.empty()) distribution_.withdraw(turn, std::move(handles));
    std::erase_if(suspects_away_, [&](GroupIndex group) {
      if (distribution_.suspect_goes_away(group)) return false;
      turn.actions.emplace_back(Ready{group});
      return true;
    });
    hear(turn, 0);
    dirty_ = members_ > 0;
  }
  void hear(Turn turn, std::size_t from) {
    for (std::size_t at = from; at < turn.actions.size(); ++at) {
      const auto* ready = std::get_if<Ready>(&turn.actions[at]);
      if (ready == nullptr) continue;
      distribution_.ready(turn.now, ready->group);
      dirty_ = members_ > 0;
    }
  }

  /// It may have asked before it was up here.
  void met(Turn turn, const Life& life) {
    std::erase_if(up_, [&](const Life& other) { return other.id == life.id; });
    up_.insert(life);
    const auto claim = early_claims_.find(life);
    if (claim != early_claims_.end()) on(turn, life, wire::Claim(claim->second), {});
    std::erase_if(early_claims_, [&](const auto& each) { return each.first.id == life.id; });
  }

  [[nodiscard]] Position safe() const { return std::min(synced_, copies_.safe()); }

  /// More may be safe than before.
  void settled(Turn turn) {
    // A letter goes when its redelivery would survive this disk, and is kept when its end does.
    machine_.synced(safe(), turn.actions);
    distribution_.settled(safe());
    guard_.settled(turn, safe());
  }

  Result<void> replay(Position position, std::string_view record) {
    auto replayed = machine_.replay(position, record);
    if (!replayed || !storage::concerns_copies(record)) return replayed;
    if (auto replayed = guard_.replay(position, record); !replayed) return replayed;
    const auto decoded = storage::decode_record(record, options_.machine.self);
    if (!decoded) return tl::unexpected(decoded.error());
    if (const auto* set = std::get_if<storage::Guardians>(&*decoded)) copies_.replay(position, *set);
    return {};
  }

  [[nodiscard]] Machine::Read reader() const {
    return options_.read ? options_.read : [](Position) -> std::shared_ptr<const Parcel> { return nullptr; };
  }

  CoreOptions options_;
  Machine machine_;
  Executor executor_;
  Distribution distribution_;
  Claims claims_;
  Copies copies_;
  Guard guard_;
  RequiredGroups groups_;
  OwnerLease lease_;
  std::vector<Life> guardians_;  // its memory stays
  Position written_ = 0;
  Position synced_ = 0;
  Position recovered_end_ = 0;  // of the log, when this life found it
  std::optional<RolledBack> rolled_back_;
  std::size_t members_ = 0;  // that are up
  bool own_first_ = true;
  std::optional<Handle> own_suspect_;  // owed here, and runs here
  std::set<GroupIndex> suspects_away_;  // runners here were not given the next one of these groups
  std::set<Life> up_;
  std::map<Life, wire::Claim> early_claims_;  // of those who are not up here yet
  bool dirty_ = false;  // something may be there to send since the last pump

 private:
  template <class Body>
  void on(Turn, const Life&, const Body&, const wire::Buffer&) {}

  /// It was taken over from here, or is answered for here since it was taken over.
  [[nodiscard]] Executor::Ours look(const WorkName& name) const {
    if (name.id.owner == options_.machine.self) return {.custody = {}, .done = machine_.done(name)};
    const auto handle = machine_.counters().adopted > 0 ? machine_.find_later(name) : std::nullopt;
    if (!handle) return {};
    return {.custody = machine_.custody(*handle), .done = false};
  }

  GuardHooks hooks() {
    GuardHooks hooks;
    hooks.adopted = [this](Turn turn, const Life& adopter, const wire::Adopted& adopted) {
      return executor_.adopted(turn, adopter, adopted);
    };
    hooks.slots = [this](const Life& life, std::uint64_t group) { return distribution_.slots(life, group); };
    hooks.lease = [this](Turn turn, const Job& job, const Life& where) { distribution_.lease(turn, job, where); };
    return hooks;
  }

  void on(Turn turn, const Life& from, const wire::Copied& it, const wire::Buffer&) {
    copies_.on(turn, from, it);
    settled(turn);
  }
  void on(Turn turn, const Life& from, const wire::Copy& it, const wire::Buffer&) { guard_.on(turn, from, it); }
  void on(Turn turn, const Life& from, const wire::Guard& it, const wire::Buffer&) { guard_.on(turn, from, it); }
  void on(Turn turn, const Life& from, const wire::Adopted& it, const wire::Buffer&) {
    guard_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::AdoptedAnswer& it, const wire::Buffer&) {
    guard_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Stale& it, const wire::Buffer&) {
    machine_.let_go(it.name, it.custody, turn.log);
    distribution_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Deliver& it, const wire::Buffer& bytes) {
    executor_.on(turn, from, it, bytes);
  }
  void on(Turn turn, const Life& from, const wire::Query& it, const wire::Buffer&) {
    executor_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Retired& it, const wire::Buffer&) {
    executor_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Claim& it, const wire::Buffer&) {
    if (!up_.contains(from)) {
      if (early_claims_.size() < limits::members_max) early_claims_[from] = it;
      return;
    }
    const Guard::Witness seen = guard_.witness(from);
    Claims::answer(turn, self_of(options_), from, it, {seen.epoch, seen.synced}, executor_.claimed(turn, from));
  }
  void on(Turn turn, const Life& from, const wire::ClaimAnswer& it, const wire::Buffer&) {
    claims_.on(turn, from, it);
    const bool of_earlier = it.highest_epoch > 0 && it.highest_epoch < options_.machine.epoch;
    if (of_earlier && it.witness > recovered_end_) rolled_back_ = RolledBack{from.id, it.witness, recovered_end_};
  }
  void on(Turn turn, const Life& from, const wire::Runs& it, const wire::Buffer&) {
    distribution_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Credit& it, const wire::Buffer&) {
    distribution_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Verdicts& it, const wire::Buffer&) {
    distribution_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::WorkBeat& it, const wire::Buffer&) {
    distribution_.on(turn, from, it);
    executor_.on(turn, from, it);
    groups_.on_digest(turn, from, it.groups_digest);
  }
  void on(Turn turn, const Life& from, const wire::Groups& it, const wire::Buffer&) {
    groups_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::GroupsAck& it, const wire::Buffer&) {
    groups_.on(turn, from, it);
  }
  void on(Turn turn, const Life& from, const wire::Unknown& it, const wire::Buffer&) {
    distribution_.on(turn, from, it);
  }
};

Core::Core(CoreOptions options) : impl_(std::make_unique<Impl>(options)) {}
Core::~Core() = default;

Machine& Core::machine() { return impl_->machine_; }
RequiredGroups& Core::groups() { return impl_->groups_; }
const RequiredGroups& Core::groups() const { return impl_->groups_; }

void Core::told(Turn turn) { impl_->settle(turn); }

void Core::member_up(Turn turn, const Life& life, const Peer& peer) {
  impl_->doubt_when_unheard(turn.now);
  impl_->lease_.came_up(life, turn.now);
  ++impl_->members_;
  impl_->executor_.member_up(turn, life);
  impl_->distribution_.member_up(turn, life, peer.name);
  impl_->claims_.member_up(turn, life);
  impl_->copies_.member_up(turn, life, peer.transient);
  impl_->guard_.member_up(turn, life);
  impl_->met(turn, life);
  impl_->groups_.member_up(turn, life, peer.name);
  impl_->settle(turn);
}

void Core::member_down(Turn turn, const Life& life) {
  impl_->doubt_when_unheard(turn.now);
  --impl_->members_;
  impl_->up_.erase(life);
  impl_->executor_.member_down(life);
  impl_->distribution_.member_down(turn, life);
  impl_->copies_.member_down(turn, life);
  impl_->guard_.member_down(turn, life);
  impl_->settled(turn);
  impl_->groups_.member_down(life);
  impl_->settle(turn);
}

void Core::life_ended(Turn turn, const Life& life, bool clean) {
  impl_->doubt_when_unheard(turn.now);
  impl_->up_.erase(life);
  impl_->early_claims_.erase(life);
  impl_->lease_.ended(life);
  impl_->executor_.life_ended(life);
  impl_->distribution_.life_ended(turn, life);
  impl_->copies_.life_ended(turn, life, clean);
  impl_->guard_.life_ended(turn, life, clean);
  impl_->settled(turn);
  impl_->groups_.member_down(life);
  impl_->settle(turn);
}

void Core::raise_epoch(Turn turn, std::uint64_t epoch) {
  Impl& it = *impl_;
  it.options_.machine.epoch = epoch;
  // The later life finds all that this process has written.
  it.recovered_end_ = turn.log.end();
  it.machine_.raise_epoch(epoch, turn.log);
  it.executor_.raise_epoch(epoch);
  it.distribution_.raise_epoch(epoch);
  it.claims_.raise_epoch(epoch);
  it.copies_.raise_epoch(epoch, it.recovered_end_);
  it.guard_.raise_epoch(epoch);
  it.groups_.raise_epoch(epoch);
}

void Core::gone(Turn turn, const NodeId& node) {
  impl_->guard_.gone(turn, node);
  impl_->settle(turn);
}

void Core::on_frame(Turn turn, const Life& from, const wire::Frame& frame, const wire::Buffer& bytes) {
  impl_->on_frame(turn, from, frame, bytes);
}

void Core::pump(Turn turn, const Room& room) {
  impl_->doubt_when_unheard(turn.now);
  impl_->dirty_ = false;
  const std::size_t before = turn.actions.size();
  impl_->executor_.groups_digest(impl_->groups_.digest());
  impl_->distribution_.pump(turn, room);
  const Machine::Read read = impl_->reader();
  impl_->guard_.pump(turn, read);
  impl_->copies_.pump(turn, room, read, impl_->options_.letters);
  impl_->executor_.pump(turn);
  impl_->hear(turn, before);
}

bool Core::wants_pump() const { return impl_->dirty_ || impl_->guard_.wants_pump(); }

void Core::tick(Turn turn) {
  impl_->doubt_when_unheard(turn.now);
  impl_->machine_.tick(turn.now, turn.log, turn.actions);
  impl_->executor_.tick(turn);
  impl_->distribution_.tick(turn);
  impl_->claims_.tick(turn);
  impl_->copies_.tick(turn);
  impl_->guard_.tick(turn);
  impl_->settled(turn);
  impl_->groups_.tick(turn);
  impl_->settle(turn);
}

std::optional<MonoTime> Core::next_deadline() const {
  std::optional<MonoTime> first;
  for (const auto& each : {impl_->machine_.next_deadline(), impl_->executor_.next_deadline(),
                           impl_->distribution_.next_deadline(), impl_->claims_.next_deadline(),
                           impl_->copies_.next_deadline(), impl_->guard_.next_deadline(),
                           impl_->groups_.next_deadline()}) {
    if (each && (!first || *each < *first)) first = each;
  }
  return first;
}

void Core::appended(const storage::Commit& commit) {
  impl_->copies_.appended(commit);
  impl_->dirty_ = impl_->members_ > 0;
}

void Core::written(Turn turn, Position end) {
  if (end == std::exchange(impl_->written_, end)) return;
  impl_->machine_.written(end, turn.actions);
  impl_->settle(turn);
}

void Core::synced(Turn turn, Position end) {
  if (end == std::exchange(impl_->synced_, end)) return;
  impl_->copies_.synced(end);
  impl_->guard_.synced(turn, end);
  impl_->settled(turn);
  impl_->settle(turn);
}

Result<void> Core::replay(Position position, std::string_view record) {
  return impl_->replay(position, record);
}

void Core::recovered(Turn turn, const std::optional<std::vector<Flight>>& flights) {
  impl_->recovered_end_ = turn.log.begin();
  impl_->copies_.recovered(turn.log.begin());
  impl_->machine_.recovered(turn.now, turn.wall, flights, turn.log);
  const auto& guardians = impl_->copies_.had_guardians();
  if (!guardians.empty()) impl_->machine_.hold_back_all();
  impl_->claims_.begin(turn.now, guardians);
  impl_->guard_.recovered(turn);
  impl_->settle(turn);
}

Position Core::oldest() const {
  return std::min({impl_->machine_.oldest(), impl_->copies_.oldest(), impl_->guard_.oldest()});
}

bool Core::carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log) {
  impl_->copies_.carry(keep, log);
  const Position enough = log.end() + bytes;
  const bool own = impl_->machine_.carry(keep, bytes, read, log);
  return log.end() < enough && impl_->guard_.carry(keep, enough - log.end(), read, log) && own;
}

Position Core::safe() const { return impl_->safe(); }

Safety Core::safety(Position end) const {
  return {.synced = impl_->synced_ >= end,
          .copies = impl_->copies_.copies(end),
          .wanted = impl_->copies_.wanted(),
          .degraded = impl_->copies_.degraded()};
}

std::optional<RolledBack> Core::rolled_back() const { return impl_->rolled_back_; }

bool Core::degraded() const { return impl_->copies_.degraded(); }

std::uint64_t Core::record_bytes() const {
  return impl_->machine_.record_bytes() + impl_->guard_.record_bytes();
}

std::vector<Guard::View> Core::copies_kept() const { return impl_->guard_.copies(); }
std::vector<Copies::View> Core::guardians() const { return impl_->copies_.guardians(); }
const GuardCounters& Core::guard_counters() const { return impl_->guard_.counters(); }
const CopiesCounters& Core::copies_counters() const { return impl_->copies_.counters(); }

void Core::runs(Turn turn, GroupIndex group, std::uint32_t slots) {
  const Machine::GroupName name = impl_->machine_.name(group);
  impl_->executor_.runs(turn, group, storage::group_hash(name.bus, name.group.to_string()), slots);
  impl_->distribution_.local(group, slots);
  impl_->settle(turn);
}

void Core::pause(Turn turn, GroupIndex group, bool paused) {
  const Machine::GroupName name = impl_->machine_.name(group);
  impl_->machine_.pause(group, paused, turn.actions);
  impl_->executor_.pause(turn, group, storage::group_hash(name.bus, name.group.to_string()), paused);
  impl_->settle(turn);
}

void Core::take(Turn turn, GroupIndex group, std::size_t max, std::vector<Job>& out) {
  impl_->take(turn, group, max, out);
}

void Core::give_back(Turn turn, Handle handle) {
  if (is_foreign(handle)) {
    const auto name = impl_->guard_.waits_for_runs() ? impl_->executor_.running(handle) : std::nullopt;
    impl_->executor_.give_back(turn, handle);
    if (name) impl_->guard_.ran_here(turn, {*name, wire::WorkState::queued, 0, {}});
  } else {
    impl_->machine_.give_back(handle, turn.log, turn.actions);
  }
  impl_->over(turn, handle, impl_->own_suspect_ == handle);
  impl_->settle(turn);
}

void Core::finished(Turn turn, const Job& job, const Ran& ran) { impl_->finished(turn, job, ran); }

void Core::loaded(Turn turn, Handle handle, std::shared_ptr<const Parcel> event, std::string_view why) {
  impl_->distribution_.loaded(turn, handle, std::move(event), why);
  impl_->settle(turn);
}

void Core::leave(Turn turn) {
  impl_->executor_.leave(turn);
  impl_->distribution_.stop();
  impl_->settle(turn);
}

}  // namespace evmesh::work
