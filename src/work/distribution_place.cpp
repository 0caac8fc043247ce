#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "work/distribution_impl.hpp"

// Who runs what is ready, and its way into frames.

namespace evmesh::work {
namespace {

constexpr std::size_t turn_max = 256;         // deliveries of one group before another has its turn: a frame of small ones
constexpr std::size_t types_max = 1'024;      // of one group that runners here do not know
constexpr std::size_t aside_at_once = 16;     // looked at in one turn
constexpr std::uint64_t delivery_bytes = 96;  // about, in a frame, beside the event
constexpr std::uint64_t frame_bytes_max = limits::packed_message_bytes_max - limits::kib;

bool deliverable(const Job& job) { return job.event && !job.event->bytes.empty(); }

}  // namespace

/// Of bytes that are no event, of nothing.
std::uint64_t type_of(std::string_view event) {
  constexpr std::size_t fixed = 1 + 1 + 16 + 8;  // version, format, id, time
  if (event.size() <= fixed) return 0;
  return base::hash64(event.substr(fixed + 1, static_cast<std::uint8_t>(event[fixed])));
}

// Choosing.

Distribution::Impl::Wish Distribution::Impl::wish_of(const Job& job) {
  return {type_of(job.event->bytes), job.suspect, job.away_from};
}

/// Has credit, and its link has room.
bool Distribution::Impl::may_take(MonoTime now, WorkGroup& group, const PeerRuns& runs, const Room& room) {
  Peer& peer = *runs.peer;
  if (!peer.up || runs.slots == 0 || runs.free() == 0 || peer.bytes >= options_.bytes_max) return false;
  if (runs.not_before > now) {
    list_later(group, runs.not_before);
    return false;
  }
  if (std::exchange(peer.room_of, pumps_) != pumps_)
    peer.room = room.room_bytes(peer.life, wire::Class::work);
  room_lacked_ = room_lacked_ || peer.room == 0;
  return peer.room > 0;
}

bool Distribution::Impl::knows(MonoTime now, const PeerRuns& runs, std::uint64_t type) const {
  const auto& unknown = runs.peer->unknown_types;
  if (unknown.empty()) return true;
  const auto it = unknown.find({type, runs.group->hash});
  return it == unknown.end() || it->second <= now;
}

bool Distribution::Impl::anybody(MonoTime now, const WorkGroup& group, std::uint64_t type) const {
  return std::ranges::any_of(group.runners, [&](const PeerRuns* runs) {
    return runs->peer->up && runs->slots > 0 && knows(now, *runs, type);
  });
}

/// The same, of those where a suspect was not before.
bool Distribution::Impl::elsewhere(MonoTime now, const WorkGroup& group, const Wish& wish) const {
  return std::ranges::any_of(group.runners, [&](const PeerRuns* runs) {
    const bool was_there = runs->peer->life.id == wish.away_from && !wish.away_from.nil();
    return !was_there && runs->peer->up && runs->slots > 0 && knows(now, *runs, wish.type);
  });
}

bool Distribution::Impl::known_here(MonoTime now, const WorkGroup& group, std::uint64_t type) {
  const auto unknown = group.unknown_types.find(type);
  return group.local_slots > 0 && (unknown == group.unknown_types.end() || unknown->second <= now);
}

/// A suspect that was everywhere else where it could run.
bool Distribution::Impl::only_here(MonoTime now, const WorkGroup& group, const Wish& wish) const {
  return wish.suspect && known_here(now, group, wish.type) && !elsewhere(now, group, wish);
}

void Distribution::Impl::leave_here(Turn& turn, WorkGroup& group, Handle handle) {
  group.left_here = handle;
  give_back(turn, group, handle);
}

/// A suspect is alone where it runs, and away from where it was, unless nobody else can run it.
bool Distribution::Impl::fits(MonoTime now, const WorkGroup& group, const PeerRuns& runs,
                              const Wish& wish) const {
  if (!knows(now, runs, wish.type)) return false;
  if (!wish.suspect) return true;
  if (runs.peer->suspects > 0) return false;
  if (runs.peer->life.id != wish.away_from || wish.away_from.nil()) return true;
  return !known_here(now, group, wish.type) && !elsewhere(now, group, wish);
}

/// Who has the least to do for the credit it gives; on ties one after the other.
Distribution::Impl::PeerRuns* Distribution::Impl::choose(MonoTime now, WorkGroup& group, const Room& room,
                                                         const Wish* wish) {
  const std::size_t count = group.runners.size();
  PeerRuns* best = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (group.turn + i) % count;
    PeerRuns* it = group.runners[at];
    if (!may_take(now, group, *it, room) || (wish && !fits(now, group, *it, *wish))) continue;
    if (best && it->open * (best->open + best->free()) >= best->open * (it->open + it->free())) continue;
    best = it;
    group.after_chosen = at + 1;
  }
  return best;
}

/// How much of what is ready is not left to runners on this node, who have some time to come for it. Taking
/// until nothing comes lets the machine say when there is something again.
std::uint64_t Distribution::Impl::for_others(MonoTime now, WorkGroup& group) {
  const GroupCounts counts = machine_.counts(*group.index);
  const std::uint64_t away = group.outstanding + group.loading + group.aside.size();
  const std::uint64_t here = counts.running > away ? counts.running - away : 0;
  const std::uint64_t free_here = group.local_slots > here ? group.local_slots - here : 0;
  const MonoTime until = group.ready_since + options_.local_first;
  if (free_here == 0 || counts.ready == 0 || now >= until) return turn_max;
  list_later(group, until);
  return counts.ready > free_here ? counts.ready - free_here : 0;
}

std::uint64_t Distribution::Impl::free_credit(const WorkGroup& group) const {
  std::uint64_t sum = 0;
  for (const PeerRuns* runs : group.runners) {
    if (runs->peer->up && runs->slots > 0) sum += runs->free();
  }
  return sum;
}

// Serving.

void Distribution::Impl::pump(Turn& turn, const Room& room) {
  ++pumps_;
  if (stopped_) {
    give_back_held(turn);
  } else {
    serve_leases(turn);
    serve_all(turn, room);
  }
  for (Peer* it : std::exchange(packing_, {})) flush(turn, *it);
  for (Peer* it : busy_) {
    if (it->up && (it->say_all || !it->unsaid.empty())) say_retired(turn, *it);
  }
  forget_idle();
}

/// What was taken and is not on its way to anybody.
void Distribution::Impl::give_back_held(Turn& turn) {
  for (Peer* it : busy_) {
    for (const Job& job : std::exchange(it->leases, {}))
      machine_.give_back(job.handle, turn.log, turn.actions);
  }
  for (const auto& [hash, group] : groups_) {
    for (const Job& job : std::exchange(group->aside, {})) give_back(turn, *group, job.handle);
  }
  for (const auto& [handle, it] : std::exchange(loading_, {})) {
    --it.group->loading;
    give_back(turn, *it.group, handle);
  }
}

/// Some of one group, some of the next, until nothing can go on.
void Distribution::Impl::serve_all(Turn& turn, const Room& room) {
  std::vector<WorkGroup*> blocked;
  while (!listed_.empty()) {
    for (WorkGroup* group : std::exchange(listed_, {})) {
      group->listed = false;
      if (!group->index) continue;
      switch (serve(turn, *group, room)) {
        case Served::nothing_left: break;
        case Served::more: list(*group); break;
        case Served::no_room: blocked.push_back(group); break;
      }
    }
  }
  for (WorkGroup* group : blocked) list(*group);
}

Distribution::Impl::Served Distribution::Impl::serve(Turn& turn, WorkGroup& group, const Room& room) {
  room_lacked_ = false;
  serve_aside(turn, group, room);
  if (!group.has_work) return room_lacked_ ? Served::no_room : Served::nothing_left;
  const std::uint64_t most = std::min<std::uint64_t>(for_others(turn.now, group), turn_max);
  PeerRuns* runs = nullptr;
  for (std::uint64_t i = 0; i < most; ++i) {
    if (!runs || !runs->generous() || !may_take(turn.now, group, *runs, room)) {
      runs = choose(turn.now, group, room, nullptr);
    }
    if (!runs) return room_lacked_ ? Served::no_room : Served::nothing_left;
    if (group.aside.size() >= options_.aside_max) return Served::nothing_left;
    if (group.loading > 0 && group.loading >= free_credit(group)) return Served::nothing_left;
    Job* const job = take_one(group);
    if (!job) return Served::nothing_left;  // and the machine says when there is something
    if (deliverable(*job)) {
      place(turn, group, room, *runs, std::move(*job));
    } else {
      load(turn, group, std::move(*job), std::nullopt);
    }
  }
  return most == turn_max ? Served::more : Served::nothing_left;
}

/// Runners on this node take what only they may have, and what nobody else runs but where it was.
bool Distribution::Impl::may_take_suspect(const WorkGroup& group) const {
  if (group.local_slots == 0) return true;
  const auto next = machine_.next_suspect(*group.index);
  if (!next) return true;
  return group.left_here != next->handle && std::ranges::any_of(group.runners, [&](const PeerRuns* runs) {
    return runs->peer->up && runs->slots > 0 && runs->peer->life.id != next->away_from;
  });
}

bool Distribution::Impl::suspect_goes_away(GroupIndex index) const {
  const WorkGroup* const group = known_group(index);
  return group != nullptr && group->local_slots > 0 && machine_.next_suspect(index) && may_take_suspect(*group);
}

/// Null: there is none. It stays until the next is taken. A suspect that is left to runners here is still work: whoever
/// begins to run the group may have it, and the machine does not say it again.
Job* Distribution::Impl::take_one(WorkGroup& group) {
  taken_.clear();
  machine_.take(*group.index, 1, taken_, may_take_suspect(group));
  group.has_work = !taken_.empty() || machine_.next_suspect(*group.index);
  return taken_.empty() ? nullptr : &taken_.front();
}

void Distribution::Impl::place(Turn& turn, WorkGroup& group, const Room& room, PeerRuns& runs, Job&& job) {
  const Wish wish = wish_of(job);
  if (fits(turn.now, group, runs, wish)) return give(turn, runs, std::move(job), wish);
  if (PeerRuns* other = choose(turn.now, group, room, &wish)) return give(turn, *other, std::move(job), wish);
  if (only_here(turn.now, group, wish)) return leave_here(turn, group, job.handle);
  if (!anybody(turn.now, group, wish.type)) return refuse(turn, group, job.handle);
  list_later(group, turn.now + options_.beat);
  group.aside.push_back(std::move(job));
}

/// Nobody that is known runs the group and knows the type: it waits as it does on a node alone.
void Distribution::Impl::refuse(Turn& turn, WorkGroup&, Handle handle) {
  machine_.finished(turn.now, turn.wall, handle,
                    {Ran::Ending::unknown_type, "no node that runs the group knows the type", {}}, turn.log,
                    turn.actions);
}

void Distribution::Impl::serve_aside(Turn& turn, WorkGroup& group, const Room& room) {
  for (std::size_t left = std::min(group.aside.size(), aside_at_once); left > 0; --left) {
    Job job = std::move(group.aside.front());
    group.aside.pop_front();
    const Wish wish = wish_of(job);
    if (PeerRuns* runs = choose(turn.now, group, room, &wish)) {
      give(turn, *runs, std::move(job), wish);
    } else if (only_here(turn.now, group, wish)) {
      leave_here(turn, group, job.handle);
    } else if (anybody(turn.now, group, wish.type)) {
      group.aside.push_back(std::move(job));
    } else if (anybody(MonoTime::max(), group, wish.type)) {
      refuse(turn, group, job.handle);
    } else {
      give_back(turn, group, job.handle);
    }
  }
  if (!group.aside.empty()) list_later(group, turn.now + options_.beat);
}

void Distribution::Impl::serve_leases(Turn& turn) {
  for (Peer* it : busy_) {
    if (!it->up) continue;
    for (Job& job : std::exchange(it->leases, {})) {
      const Wish wish = wish_of(job);
      PeerRuns& runs = runs_at(*it, group_at(job.group).hash);
      give(turn, runs, std::move(job), wish);
    }
  }
}

void Distribution::Impl::lease(Turn& turn, const Job& job, const Life& executor) {
  WorkGroup& group = group_at(job.group);
  Peer* peer = find(executor);
  if (!peer || !peer->up) {
    ++counters_.lost;
    machine_.lost(turn.now, turn.wall, job.handle, executor.id, peer ? peer->name : "", turn.log,
                  turn.actions);
  } else if (deliverable(job)) {
    peer->leases.push_back(job);
    has_business(*peer);
  } else {
    load(turn, group, job, executor);
  }
}

bool Distribution::Impl::divert(Turn& turn, const Job& job, std::shared_ptr<const Parcel> event) {
  WorkGroup& group = group_at(job.group);
  if (group.aside.size() >= options_.aside_max) return false;
  Job moved = job;
  if (event) moved.event = std::move(event);
  const bool known = deliverable(moved);
  if (!anybody(turn.now, group, known ? type_of(moved.event->bytes) : 0)) return false;
  if (!known) {
    load(turn, group, std::move(moved), std::nullopt, true);
    return true;
  }
  not_known_here(turn.now, group, moved);
  group.aside.push_back(std::move(moved));
  list(group);
  return true;
}

// Events that are not in memory.

void Distribution::Impl::not_known_here(MonoTime now, WorkGroup& group, const Job& job) const {
  if (group.unknown_types.size() >= types_max)
    std::erase_if(group.unknown_types, [&](const auto& it) { return it.second <= now; });
  if (group.unknown_types.size() < types_max)
    group.unknown_types[type_of(job.event->bytes)] = now + options_.type_unknown;
}

void Distribution::Impl::load(Turn& turn, WorkGroup& group, Job job, std::optional<Life> lease, bool diverted) {
  ++counters_.loads;
  ++group.loading;
  turn.actions.emplace_back(LoadEvent{job.handle, job.position});
  const Handle handle = job.handle;
  loading_.insert_or_assign(handle, Loading{std::move(job), &group, lease, diverted});
}

void Distribution::Impl::loaded(Turn& turn, Handle handle, std::shared_ptr<const Parcel> event,
                                std::string_view why) {
  const auto it = loading_.find(handle);
  if (it == loading_.end()) return;
  Loading loading = std::move(it->second);
  loading_.erase(it);
  --loading.group->loading;
  loading.job.event = std::move(event);
  if (!deliverable(loading.job)) {
    ++counters_.unreadable;
    machine_.finished(turn.now, turn.wall, handle, {Ran::Ending::refused, "not run: " + std::string(why), {}},
                      turn.log, turn.actions);
  } else if (loading.lease) {
    lease(turn, loading.job, *loading.lease);
  } else {
    if (loading.diverted) not_known_here(turn.now, *loading.group, loading.job);
    loading.group->aside.push_back(std::move(loading.job));
  }
  list(*loading.group);
}

// Frames.

void Distribution::Impl::give(Turn& turn, PeerRuns& runs, Job&& job, const Wish& wish) {
  Peer& peer = *runs.peer;
  const std::uint64_t bytes = job.event->bytes.size();
  const bool full = peer.frame.deliveries.size() == limits::work_deliveries_max ||
                    peer.frame_bytes + delivery_bytes + bytes > frame_bytes_max;
  if (full) flush(turn, peer);
  if (peer.frame.deliveries.empty()) {
    peer.frame.first = peer.next;
    packing_.push_back(&peer);
  }
  has_business(peer);
  const auto known = job.flight();
  const Flight flight = known ? *known : machine_.flight(job.handle);
  const WorkName name{flight.id, flight.group, flight.generation};
  peer.open.add(peer.next++, {.name = name,
                              .handle = job.handle,
                              .runs = &runs,
                              .type = wish.type,
                              .sent = turn.now,
                              .bytes = static_cast<std::uint32_t>(bytes),
                              .suspect = job.suspect});
  peer.frame.deliveries.push_back({.name = name,
                                   .attempt = job.attempt,
                                   .custody = machine_.custody(job.handle),
                                   .possibly_duplicate = job.possibly_duplicate,
                                   .suspect = job.suspect,
                                   .event = job.event->bytes});
  peer.frame_bytes += delivery_bytes + bytes;
  peer.room -= std::min(peer.room, delivery_bytes + bytes);
  peer.bytes += bytes;
  peer.suspects += job.suspect ? 1 : 0;
  peer.packed.push_back(std::move(job));
  runs.group->turn = runs.group->after_chosen;
  ++runs.sent;
  ++runs.open;
  ++runs.group->outstanding;
  ++outstanding_;
  ++counters_.delivered;
  counters_.bytes += bytes;
}

void Distribution::Impl::flush(Turn& turn, Peer& peer) {
  if (peer.frame.deliveries.empty()) return;
  ++counters_.frames;
  Outbox(options_.self, turn.frames).send(peer.life, wire::Class::work, std::exchange(peer.frame, {}));
  peer.packed.clear();
  peer.frame_bytes = 0;
}

/// The changes since it was said last; all of it on a new link.
void Distribution::Impl::say_retired(Turn& turn, Peer& peer) {
  const NumberSet& numbers = std::exchange(peer.say_all, false) ? peer.retired : peer.unsaid;
  const auto& known = peer.retired.ranges();
  const std::uint64_t through = known.empty() || known.front().first > 1 ? 0 : known.front().last;
  std::vector<NumberRange> also = numbers.ranges();
  std::erase_if(also, [&](const NumberRange& range) { return range.last <= through; });
  Outbox outbox(options_.self, turn.frames);
  if (also.empty() && through > 0) outbox.say(peer.life, wire::Retired{through, {}});
  in_pieces(std::span(std::as_const(also)), [&](std::vector<NumberRange> some) {
    outbox.say(peer.life, wire::Retired{through, std::move(some)});
  });
  peer.unsaid.clear();
}

}  // namespace evmesh::work
