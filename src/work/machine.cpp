#include "work/machine.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "work/impl.hpp"

namespace evmesh::work {
namespace {

constexpr std::array<std::string_view, 5> state_names{"ready", "running", "waiting", "burying", "settled"};

std::string_view name_of(State state) { return state_names[static_cast<std::size_t>(state)]; }

}  // namespace

Machine::Impl::Impl(MachineOptions options)
    : options_(options), book_(options.self, options.event_bytes_max), random_(options.seed) {}

Machine::Machine(MachineOptions options) : impl_(std::make_unique<Impl>(options)) {}
Machine::~Machine() = default;

// Groups.

GroupIndex Machine::group(std::string_view bus, const Group& name, const Policy& policy) {
  const GroupIndex index = impl_->book_.group(bus, name);
  impl_->book_.groups()[index].policy = policy;
  return index;
}

std::optional<GroupIndex> Machine::find(std::string_view bus, const Group& name) const {
  return impl_->book_.find_group(bus, name.to_string());
}

void Machine::pause(GroupIndex group, bool paused, Actions& actions) { impl_->pause(group, paused, actions); }
std::uint64_t Machine::cancel(GroupIndex group, storage::Commit& log) { return impl_->cancel(group, log); }

std::uint64_t Machine::give_up(MonoTime now, Timestamp wall, GroupIndex group, std::string_view why,
                               storage::Commit& log) {
  return impl_->give_up(now, wall, group, why, log);
}

// Acceptance and the journal.

Result<void> Machine::fits(std::span<const GroupIndex> groups, std::uint64_t events, std::uint64_t bytes) {
  return impl_->fits(groups, events, bytes);
}

Result<Accepted> Machine::accept(const Acceptance& acceptance, storage::Commit& log) {
  return impl_->accept(acceptance, log);
}

Result<std::optional<Accepted>> Machine::redeliver(const Letter& letter, const Acceptance& acceptance,
                                                   storage::Commit& log) {
  return impl_->redeliver(letter, acceptance, log);
}

void Machine::written(Position end, Actions& actions) { impl_->written(end, actions); }
void Machine::synced(Position end, Actions& actions) { impl_->synced(end, actions); }
Position Machine::oldest() const { return impl_->oldest(); }

bool Machine::carry(Position keep, std::uint64_t bytes, const Read& read, storage::Commit& log) {
  return impl_->carry(keep, bytes, read, log);
}

std::optional<Position> Machine::position(Handle handle) const {
  const auto slot = impl_->book_.slot(handle);
  return slot ? std::optional(impl_->book_.held_of(*slot).position) : std::nullopt;
}

// Execution and time.

void Machine::take(GroupIndex group, std::size_t max, std::vector<Job>& out, bool suspects) {
  impl_->take(group, max, out, suspects);
}
std::optional<Machine::NextSuspect> Machine::next_suspect(GroupIndex group) const {
  return impl_->next_suspect(group);
}
void Machine::give_back(Handle handle, storage::Commit& log, Actions& actions) {
  impl_->give_back(handle, log, actions);
}

Flight Machine::flight(Handle handle) const { return impl_->flight(handle); }

void Machine::finished(MonoTime now, Timestamp wall, Handle handle, const Ran& ran, storage::Commit& log,
                       Actions& actions) {
  impl_->finished(now, wall, handle, ran, log, actions);
}

void Machine::letter_stored(MonoTime now, Handle handle, bool kept, storage::Commit& log) {
  impl_->letter_stored(now, handle, kept, log);
}

void Machine::letter_removed(MonoTime now, Handle handle, bool gone, storage::Commit& log, Actions& actions) {
  impl_->letter_removed(now, handle, gone, log, actions);
}

void Machine::forget_letter(const WorkName& name, storage::Commit& log) { impl_->forget_letter(name, log); }

bool Machine::owes(const WorkName& name) const { return impl_->find(name, true).has_value(); }

void Machine::tick(MonoTime now, storage::Commit& log, Actions& actions) { impl_->tick(now, log, actions); }
std::optional<MonoTime> Machine::next_deadline() const { return impl_->next_deadline(); }

// Recovery.

Result<void> Machine::replay(Position position, std::string_view record) {
  return impl_->replay(position, record);
}

void Machine::recovered(MonoTime now, Timestamp wall, const std::optional<std::vector<Flight>>& flights,
                        storage::Commit& log) {
  impl_->recovered(now, wall, flights, log);
}

void Machine::goodbye(storage::Commit& log) { impl_->goodbye(log); }
void Machine::raise_epoch(std::uint64_t epoch, storage::Commit& log) { impl_->raise_epoch(epoch, log); }

// Among nodes.

std::optional<WorkName> Machine::work_name(Handle handle) const {
  const auto slot = impl_->book_.slot(handle);
  return slot ? std::optional(impl_->work_name(*slot)) : std::nullopt;
}

bool Machine::done(const WorkName& name) const { return impl_->done(name); }
bool Machine::ended(const WorkName& name) const { return impl_->ended(name); }

Custody Machine::custody(Handle handle) const {
  const auto slot = impl_->book_.slot(handle);
  return slot ? impl_->custody(*slot) : Custody{0, impl_->options_.self, impl_->options_.epoch};
}

std::optional<Handle> Machine::find_later(const WorkName& name) const {
  const auto slot = impl_->find(name, true);
  const bool later = slot && impl_->book_[*slot].generation >= name.generation;
  return later ? std::optional(impl_->book_.handle(*slot)) : std::nullopt;
}

std::optional<Handle> Machine::find(const WorkName& name) const {
  const auto slot = impl_->find(name, false);
  return slot ? std::optional(impl_->book_.handle(*slot)) : std::nullopt;
}

void Machine::lost(MonoTime now, Timestamp wall, Handle handle, const NodeId& node, std::string_view node_name,
                   storage::Commit& log, Actions& actions) {
  impl_->lost(now, wall, handle, node, node_name, log, actions);
}

Machine::Snapshot Machine::begin_snapshot() { return impl_->book_.add_bookmark(); }
void Machine::end_snapshot(Snapshot snapshot) { impl_->book_.remove_bookmark(snapshot); }

bool Machine::snapshot(Snapshot snapshot, std::uint64_t bytes, const Read& read, std::vector<std::string>& records) {
  return impl_->snapshot(snapshot, bytes, read, records);
}

bool Machine::visit(Snapshot snapshot, std::uint64_t bytes, const Read& read, Which which,
                    const VisitOwed& visit) {
  return impl_->visit(snapshot, bytes, read, which, visit);
}
bool Machine::keep_ended() { return impl_->keep_ended(); }

std::vector<Handle> Machine::adopt(const storage::Owed& owed, std::uint32_t counter, storage::Doubt doubt,
                                   storage::Commit& log) {
  return impl_->adopt(owed, counter, doubt, log);
}

void Machine::release(MonoTime now, Handle handle, Actions& actions) { impl_->release(now, handle, actions); }

std::optional<Job> Machine::lease(Handle handle, storage::Commit& log) { return impl_->lease(handle, log); }
void Machine::doubt_owed() { impl_->doubt_elsewhere(); }
void Machine::hold_back_all() { impl_->hold_back_all(); }
bool Machine::may_have_run(Handle handle, Timestamp wall) const { return impl_->may_have_run(handle, wall); }
bool Machine::retried(Handle handle) const {
  const auto slot = impl_->book_.slot(handle);
  return slot && impl_->book_[*slot].attempts > 0;
}
void Machine::suspect(Handle handle, storage::Commit& log) { impl_->suspect(handle, log); }
void Machine::doubt(Handle handle) { impl_->doubt(handle); }
std::vector<Handle> Machine::held_back() const { return impl_->held_back(); }

void Machine::let_go(const Life& owner, const wire::WorkRanges& work, const Custody& by, storage::Commit& log,
                     std::vector<wire::StateEntry>& states) {
  impl_->let_go(owner, work, by, log, states);
}

bool Machine::let_go(const WorkName& name, const Custody& by, storage::Commit& log) {
  return impl_->let_go(name, by, log);
}

std::vector<Handle> Machine::take_withdrawn() { return std::exchange(impl_->withdrawn_, {}); }

bool Machine::settle(MonoTime now, Timestamp wall, const wire::StateEntry& state, const NodeId& from,
                     storage::Commit& log, Actions& actions) {
  return impl_->settle(now, wall, state, from, log, actions);
}

bool Machine::has_ended(Handle handle) const {
  const auto slot = impl_->book_.slot(handle);
  return slot && impl_->book_[*slot].ended;
}
std::uint64_t Machine::letters_left_out() const { return impl_->letters_left_out_; }

Replica& Machine::replica() { return *impl_->options_.replica; }
bool Machine::ended_in_order() const { return impl_->said_goodbye_; }

// Views.

GroupCounts Machine::counts(GroupIndex group) const {
  const GroupState& state = impl_->book_.groups()[group];
  const auto of = [&](State which) { return state.of_state[static_cast<std::size_t>(which)]; };
  GroupCounts counts{.ready = of(State::ready),
                     .running = of(State::running),
                     .retrying = of(State::waiting),
                     .burying = of(State::burying),
                     .settled = of(State::settled),
                     .bytes = state.bytes,
                     .oldest = {},
                     .paused = state.paused};
  if (state.first != none) counts.oldest = impl_->book_.held_of(state.first).time;
  return counts;
}

const Counters& Machine::counters() const { return impl_->counters_; }

Machine::GroupName Machine::name(GroupIndex group) const {
  const GroupState& state = impl_->book_.groups()[group];
  return {state.bus, state.name};
}

std::size_t Machine::group_count() const { return impl_->book_.groups().size(); }

std::vector<Machine::Owed> Machine::owed(std::span<const EventId> events) const {
  const Book& book = impl_->book_;
  std::vector<EventId> asked(events.begin(), events.end());
  std::ranges::sort(asked);
  std::vector<Owed> found;
  for (HeldSlot held = book.first_held(); held != none; held = book.held(held).after) {
    if (!std::ranges::binary_search(asked, book.held(held).event_id)) continue;
    for (Slot slot = book.held(held).first; slot != none; slot = book[slot].next_of_held) {
      const Obligation& it = book[slot];
      found.push_back({.handle = book.handle(slot),
                       .event_id = book.held(held).event_id,
                       .id = book.id_of(book.held(held)),
                       .group = it.group,
                       .state = name_of(it.state),
                       .generation = it.generation,
                       .attempt = it.attempts + (it.ended ? 0 : 1),
                       .accepted = book.held(held).time,
                       .attempts = book.attempts(slot)});
    }
  }
  return found;
}

std::vector<Finished> Machine::finished(std::span<const EventId> events) const {
  return impl_->finished_.of(events);
}

void Machine::watch(Handle handle) {
  if (const auto slot = impl_->book_.slot(handle)) impl_->book_[*slot].watched = true;
}

bool Machine::letters_wait() const { return impl_->letters_wait(); }
std::uint64_t Machine::watched_ended() const { return impl_->watched_ended_; }

std::uint64_t Machine::owed_count() const { return impl_->book_.owed(); }
std::uint64_t Machine::record_bytes() const { return impl_->book_.record_bytes(); }

}  // namespace evmesh::work
