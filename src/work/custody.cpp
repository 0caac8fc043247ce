#include <algorithm>
#include <utility>

#include "work/impl.hpp"

// Obligations among nodes: who answers for them, taking them over, giving them up.

namespace evmesh::work {
namespace {

constexpr std::size_t states_max = 65'536;

/// Orphaned twice, it may be what ended its custodians: it runs alone.
constexpr std::uint32_t suspect_from_custody = 2;

bool among(const std::vector<wire::NumberRange>& ranges, std::uint64_t number) {
  const auto behind = std::ranges::upper_bound(ranges, number, {}, &wire::NumberRange::first);
  return behind != ranges.begin() && number <= std::prev(behind)->last;
}

wire::WorkState state_of(storage::Fate fate) {
  switch (fate) {
    case storage::Fate::done: return wire::WorkState::done;
    case storage::Fate::dead: return wire::WorkState::dead;
    case storage::Fate::cancelled: return wire::WorkState::removed;
    case storage::Fate::let_go: break;
  }
  return wire::WorkState::let_go;
}

}  // namespace

Custody Machine::Impl::custody(Slot slot) const { return {book_[slot].custody, options_.self, options_.epoch}; }

WorkName Machine::Impl::work_name(Slot slot) const {
  const storage::Place where = place(slot);
  return {where.id, where.group, where.generation};
}

std::optional<Slot> Machine::Impl::find(const WorkName& name, bool any_generation) const {
  const auto group = book_.find_group(name.group);
  const auto slot = group ? book_.find(name.id, *group) : std::nullopt;
  return slot && (any_generation || book_[*slot].generation == name.generation) ? slot : std::nullopt;
}

bool Machine::Impl::done(const WorkName& name) const {
  return std::ranges::any_of(finished_.all(), [&](const Finished& each) {
    return each.id == name.id && each.fate == storage::Fate::done && book_.groups()[each.group].hash == name.group;
  });
}

bool Machine::Impl::ended(const WorkName& name) const {
  return std::ranges::any_of(finished_.all(), [&](const Finished& each) {
    return each.id == name.id && each.generation >= name.generation && each.fate != storage::Fate::let_go &&
           book_.groups()[each.group].hash == name.group;
  });
}

void Machine::Impl::lost(MonoTime now, Timestamp wall, Handle handle, const NodeId& node, std::string_view node_name,
                         storage::Commit& log, Actions& actions) {
  const auto slot = book_.slot(handle);
  if (!slot || book_[*slot].state != State::running) return;
  const bool condemned = suspect_running_ == handle;
  if (condemned) clear_suspect(actions);
  if (book_[*slot].cancelled) return end(*slot, storage::Fate::cancelled, log);
  ++counters_.lost;
  const std::string where = "node " + std::string(node_name);
  book_[*slot].doubt = storage::Doubt::process_ended;
  fail(now, *slot,
       {.wall = wall,
        .node = node,
        .error = condemned ? "crash: a node ended twice while it ran, the second time as the only suspect: " + where
                           : where + " ended while it ran",
        .last = condemned},
       log);
  if (condemned) ++counters_.quarantined;
  book_[*slot].suspect = !book_[*slot].ended;
  say(storage::Suspect{place(*slot)}, log);
}

std::optional<Machine::NextSuspect> Machine::Impl::next_suspect(GroupIndex index) {
  GroupState& group = book_.groups()[index];
  if (group.suspects.empty() || suspect_running_) return std::nullopt;
  const auto slot = next_of(group);
  if (!slot || !book_[*slot].suspect) return std::nullopt;
  return NextSuspect{book_.handle(*slot), last_node(*slot)};
}

// Taking over.

/// What is owed here already makes room only for a later generation.
bool Machine::Impl::gives_way(Slot ours, const storage::OwedGroup& theirs, std::uint32_t counter,
                              storage::Commit& log) {
  Obligation& it = book_[ours];
  it.custody = std::max(it.custody, counter);
  if (it.generation >= theirs.generation) return false;
  leave_suspect(ours, log);
  book_.remove(ours);
  return true;
}

std::vector<Handle> Machine::Impl::adopt(const storage::Owed& owed, std::uint32_t counter, storage::Doubt doubt,
                                         storage::Commit& log) {
  std::vector<std::pair<GroupIndex, storage::OwedGroup>> taken;
  for (const storage::OwedGroup& each : owed.groups) {
    const auto name = Group::parse(each.name);
    if (!name) continue;
    const GroupIndex group = book_.group(owed.bus, *name);
    const auto ours = book_.find(owed.id, group);
    if (!ours || gives_way(*ours, each, counter, log)) taken.emplace_back(group, each);
  }
  if (taken.empty()) return {};
  std::shared_ptr<const Parcel> event;
  if (book_.has_room(owed.event.size())) event = parcel_of(std::string(owed.event));
  const HeldSlot held = book_.hold(owed.id, owed.event_id, owed.time, std::move(event), owed.event.size());
  std::vector<Handle> handles;
  for (auto& [group, each] : taken) {
    each.custody = counter;
    const storage::Doubt ours = each.ended ? storage::Doubt::none : doubt;
    each.suspect = each.suspect || (counter >= suspect_from_custody && ours != storage::Doubt::none);
    if (each.doubt == storage::Doubt::none) each.doubt = ours;
    restore(held, each, group);
    hold_back(book_.held(held).first);
    handles.push_back(book_.handle(book_.held(held).first));
  }
  counters_.adopted += handles.size();
  say_owed(held, owed.event, log);
  for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
    book_[slot].needs = book_.held(held).position;
    if (has_letter(slot)) after_sync(slot, book_[slot].needs);
  }
  return handles;
}

void Machine::Impl::hold_back(Slot slot) {
  Obligation& it = book_[slot];
  if (it.state == State::settled) return;
  it.held_back = true;
  if (it.state == State::ready) book_.set(slot, State::waiting);
}

void Machine::Impl::hold_back_all() {
  for (const Slot slot : all()) hold_back(slot);
}

void Machine::Impl::doubt(Handle handle) {
  const auto slot = book_.slot(handle);
  if (!slot || !book_[*slot].held_back) return;
  if (book_[*slot].doubt == storage::Doubt::none) book_[*slot].doubt = storage::Doubt::owner_ended;
}

/// Not what still waits for its next attempt. That it was begun may not have been copied.
bool Machine::Impl::may_have_run(Handle handle, Timestamp wall) const {
  const auto slot = book_.slot(handle);
  if (!slot || !book_[*slot].held_back) return false;
  const Obligation& it = book_[*slot];
  if (it.ended || it.suspect) return false;
  if (it.attempts == 0 || it.unsure || !it.extra || it.extra->history.empty()) return true;
  return book_.past(it.extra->history.back()).time + it.extra->wait <= wall;
}

void Machine::Impl::suspect(Handle handle, storage::Commit& log) {
  const auto slot = book_.slot(handle);
  if (!slot) return;
  book_[*slot].suspect = true;
  book_[*slot].doubt = storage::Doubt::process_ended;
  say(storage::Suspect{place(*slot)}, log);
}

std::vector<Handle> Machine::Impl::held_back() const {
  std::vector<Handle> handles;
  for (const Slot slot : all()) {
    if (book_[slot].held_back) handles.push_back(book_.handle(slot));
  }
  return handles;
}

void Machine::Impl::release(MonoTime now, Handle handle, Actions& actions) {
  const auto slot = book_.slot(handle);
  if (!slot || !book_[*slot].held_back) return;
  book_[*slot].held_back = false;
  go_on(now, *slot, actions);
}

void Machine::Impl::go_on(MonoTime now, Slot slot, Actions& actions) {
  Obligation& it = book_[slot];
  if (it.ended) {
    book_.set(slot, State::burying);
    return it.needs < synced_ ? bury(slot, actions) : after_sync(slot, it.needs);
  }
  if (it.unsure || (it.attempts > 0 && !it.announced)) {
    book_.set(slot, State::waiting);
    return plan(it.unsure ? now : now + book_.extra(slot).wait, slot, false);
  }
  queue(slot);
  tell(it.group, actions);
}

std::optional<Job> Machine::Impl::lease(Handle handle, storage::Commit& log) {
  const auto slot = book_.slot(handle);
  if (!slot || !book_[*slot].held_back || book_[*slot].ended || goodbye_stands_) return std::nullopt;
  Obligation& it = book_[*slot];
  if (it.suspect && suspect_running_) return std::nullopt;
  it.held_back = false;
  it.unsure = false;
  it.announced = it.attempts > 0;
  if (it.announced) say(storage::Started{place(*slot), it.attempts + 1}, log);
  std::vector<Job> jobs;
  give(*slot, jobs);
  return jobs.front();
}

// Giving up.

/// It is on its way out, and with it the place of the one suspect that may run.
void Machine::Impl::leave_suspect(Slot slot, storage::Commit& log) {
  if (suspect_running_ == book_.handle(slot)) suspect_ends_ = log.end();
}

void Machine::Impl::end_elsewhere(Slot slot, storage::Fate fate, storage::Commit& log) {
  if (book_[slot].state == State::running) withdrawn_.push_back(book_.handle(slot));
  leave_suspect(slot, log);
  book_[slot].held_back = false;
  end(slot, fate, log);
}

void Machine::Impl::let_go(const Life& owner, const wire::WorkRanges& work, const Custody& by, storage::Commit& log,
                           std::vector<wire::StateEntry>& states) {
  const auto group = book_.find_group(work.group);
  if (!group) return;
  for (Slot next = book_.groups()[*group].first; next != none;) {
    const Slot slot = std::exchange(next, book_[next].group_after);
    const DispatchId id = book_.id_of(book_.held_of(slot));
    bool listed = among(work.seqs, id.seq);
#ifdef EVMESH_SEEDED_BUG_CUSTODY_FOR_LIFE
    listed = listed || work.seqs.size() > 1;
#endif
    if (id.owner != owner.id || id.epoch != owner.epoch || !listed) continue;
    tell_let_go(slot, states);
    // A redelivery stays until it is certain that the other one has it.
    bool higher = custody(slot) < by;
#ifdef EVMESH_SEEDED_BUG_CUSTODY_TIE
    higher = higher || (by.counter > 0 && custody(slot).counter == by.counter);
#endif
    if (!higher || book_[slot].state == State::settled) continue;
    if (book_[slot].generation > 0) {
      if (book_[slot].doubt == storage::Doubt::none) book_[slot].doubt = storage::Doubt::owner_ended;
      continue;
    }
    end_elsewhere(slot, storage::Fate::let_go, log);
  }
  tell_finished(owner, work, states);
}

void Machine::Impl::tell_let_go(Slot slot, std::vector<wire::StateEntry>& states) const {
  const Obligation& it = book_[slot];
  if (states.size() == states_max) return;
  // What has failed for good needs no further attempt, whoever buries it.
  if (it.ended && it.state != State::settled) {
    const std::string_view error = book_.past(it.extra->history.back()).error;
    states.push_back({work_name(slot), wire::WorkState::refused, it.attempts, std::string(error)});
    return;
  }
  wire::WorkState state = it.generation > 0 ? wire::WorkState::newer : wire::WorkState::let_go;
  if (it.state == State::settled) state = state_of(it.fate);
  states.push_back({work_name(slot), state, it.attempts + 1, {}});
}

void Machine::Impl::tell_finished(const Life& owner, const wire::WorkRanges& work,
                                  std::vector<wire::StateEntry>& states) const {
  for (const Finished& each : finished_.all()) {
    const DispatchId& id = each.id;
    if (id.owner != owner.id || id.epoch != owner.epoch || !among(work.seqs, id.seq)) continue;
    const WorkName name{id, book_.groups()[each.group].hash, each.generation};
    if (name.group != work.group || each.fate == storage::Fate::let_go || states.size() == states_max) continue;
    states.push_back({name, state_of(each.fate), std::max(each.attempts, 1U), {}});
  }
}

bool Machine::Impl::let_go(const WorkName& name, const Custody& by, storage::Commit& log) {
  const auto slot = find(name, true);
  // The later generation is right, whatever the custody: that of a redelivery begins with its owner's.
  if (!slot || book_[*slot].generation > name.generation) return false;
  if (book_[*slot].generation == name.generation && !(custody(*slot) < by)) return false;
  if (book_[*slot].state == State::settled) return false;
  end_elsewhere(*slot, storage::Fate::let_go, log);
  return true;
}

// Hearing of an end.

bool Machine::Impl::settle(MonoTime now, Timestamp wall, const wire::StateEntry& state, const NodeId& from,
                           storage::Commit& log, Actions& /*actions*/) {
  const auto slot = find(state.name, true);
  if (!slot) return true;
  Obligation& it = book_[*slot];
  const bool idle = it.state == State::ready || it.state == State::waiting;
  if (!idle && it.state != State::running && !it.held_back) return false;
  const bool theirs = state.name.generation >= it.generation;
  const auto ended = [&](storage::Fate fate) {
    ++counters_.ended_elsewhere;
    end_elsewhere(*slot, fate, log);
    return true;
  };
  switch (state.state) {
    case wire::WorkState::done: return ended(storage::Fate::done);
    case wire::WorkState::dead: return theirs && ended(has_letter(*slot) ? storage::Fate::let_go : storage::Fate::dead);
    case wire::WorkState::removed: return theirs && ended(storage::Fate::cancelled);
    case wire::WorkState::newer: return state.name.generation > it.generation && ended(storage::Fate::let_go);
    case wire::WorkState::failed:
    case wire::WorkState::refused: break;
    default: return false;
  }
  if (!idle || it.ended || state.name.generation != it.generation) return false;
  // What was refused once needs no further attempt, whatever was counted meanwhile.
  const bool refused = state.state == wire::WorkState::refused;
  if (refused ? state.attempt > it.attempts + 1 : state.attempt != it.attempts + 1) return false;
  it.held_back = false;
  fail(now, *slot, {.wall = wall, .node = from, .error = state.error, .last = refused}, log);
  return false;
}

}  // namespace evmesh::work
