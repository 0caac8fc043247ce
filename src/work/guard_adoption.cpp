#include <algorithm>
#include <utility>

#include "work/guard_impl.hpp"

// Taking over from an owner that is gone.

namespace evmesh::work {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t frame_ranges_max = 2'000;
constexpr std::size_t frame_groups_max = 500;

/// Of each group that an owner ran more may have been running than it had places: the end of some was not copied yet.
constexpr std::uint32_t uncopied_max = 16;

Position here(const storage::Commit& log) { return log.empty() ? log.begin() : log.end(); }

}  // namespace

bool Guard::Impl::is_up(const NodeId& node) const {
  return std::ranges::any_of(up_, [&](const Life& life) { return life.id == node; });
}

// Members.

void Guard::Impl::recovered(Turn turn) {
  recovered_end_ = here(turn.log);
  remind_at_ = turn.now + options_.remind;
  for (auto& [owner, replica] : replicas_) {
    replica.stale = true;
    if (!replica.letters_only || replica.gone) replica.adopt_at = turn.now + options_.stale;
  }
}

void Guard::Impl::member_up(Turn turn, const Life& life) {
  std::erase_if(up_, [&](const Life& other) { return other.id == life.id; });
  up_.insert(life);
  if (const auto found = replicas_.find(life.id); found != replicas_.end()) {
    found->second.adopt_at.reset();
    if (std::exchange(found->second.gone, false)) note(found->second, life.id, turn.log);
  }
  for (const auto& [key, memory] : memory_) tell(turn, life, key, memory);
  say_unsaid(turn, life);
}

void Guard::Impl::member_down(Turn turn, const Life& life) { life_ended(turn, life, false); }

void Guard::Impl::life_ended(Turn turn, const Life& life, bool clean) {
  up_.erase(life);
  std::erase_if(unsaid_, [&](const Answer& answer) { return answer.to == life; });
  for (Adoption& adoption : adoptions_) adoption.waiting.erase(life);
  for (auto& [owner, replica] : replicas_) {
    if (replica.superseded == life) {
      replica.superseded.reset();
      schedule(turn, owner, false);
    }
  }
  const auto found = replicas_.find(life.id);
  if (found != replicas_.end() && life.epoch >= found->second.epoch) schedule(turn, life.id, clean);
}

void Guard::Impl::gone(Turn turn, const NodeId& owner) {
  for (Adoption& adoption : adoptions_) {
    if (adoption.owner == owner) adoption.replica.gone = true;
  }
  const auto found = replicas_.find(owner);
  if (found == replicas_.end()) return;
  if (!std::exchange(found->second.gone, true)) note(found->second, owner, turn.log);
  schedule(turn, owner, false);
}

void Guard::Impl::schedule(Turn turn, const NodeId& owner, bool clean) {
  Replica& replica = replicas_[owner];
  if (is_up(owner) || replica.superseded || (replica.letters_only && !replica.gone)) return;
  const auto rank = std::ranges::find(replica.guardians, options_.self.id) - replica.guardians.begin();
  const MonoTime due = turn.now + (clean ? 0ms : options_.settle) + rank * options_.rank;
  replica.adopt_at = std::min(replica.adopt_at.value_or(due), due);
}

void Guard::Impl::tick(Turn turn) {
  std::vector<NodeId> due;
  for (const auto& [owner, replica] : replicas_) {
    if (replica.adopt_at && *replica.adopt_at <= turn.now) due.push_back(owner);
  }
#ifdef EVMESH_SEEDED_BUG_NO_ADOPTION
  for (const NodeId& owner : due) replicas_[owner].adopt_at.reset();
  std::erase_if(due, [&](const NodeId& owner) { return replicas_[owner].epoch > 2; });
#endif
  for (const NodeId& owner : due) begin(turn, owner);
  for (Adoption& adoption : adoptions_) {
    if (adoption.step != Step::asking || turn.now < adoption.deadline) continue;
    counters_.unanswered += adoption.waiting.size();
    adoption.waiting.clear();
  }
  if (memory_.empty() || turn.now < remind_at_) return;
  remind_at_ = turn.now + options_.remind;
  for (const auto& [key, memory] : memory_) {
    for (const Life& life : up_) {
      if (memory.unheard.contains(life.id)) tell(turn, life, key, memory);
    }
  }
}

std::optional<MonoTime> Guard::Impl::next_deadline() const {
  std::optional<MonoTime> due;
  const auto count = [&](MonoTime at) { due = std::min(due.value_or(at), at); };
  for (const auto& [owner, replica] : replicas_) {
    if (replica.adopt_at) count(*replica.adopt_at);
  }
  for (const Adoption& adoption : adoptions_) {
    if (adoption.step == Step::asking) count(adoption.deadline);
  }
  if (!memory_.empty()) count(remind_at_);
  return due;
}

// Taking over.

void Guard::Impl::begin(Turn /*turn*/, const NodeId& owner) {
  Replica& replica = replicas_[owner];
  Adoption adoption{.owner = owner,
                    .epoch = replica.epoch,
                    .set_version = replica.set_version,
                    .to = replica.whole.to,
                    .counter_min = replica.counter_seen + 1,
                    .sources = {},
                    .spent = {},
                    .letters = replica.gone,
                    .walk = std::nullopt,
                    .keys = {},
                    .held = {},
                    .held_letters = {},
                    .may_have_run = {},
                    .waiting = {}};
  const bool in_order = replica.whole.machine && !replica.fresh.machine && replica.whole.machine->ended_in_order();
  if (in_order) adoption.doubt = storage::Doubt::none;
  if (replica.whole.machine) adoption.sources.push_back(std::move(replica.whole.machine));
  if (replica.fresh.machine) adoption.sources.push_back(std::move(replica.fresh.machine));
  adoption.replica = std::move(replica);
  replicas_.erase(owner);
  adoptions_.push_back(std::move(adoption));
  ++counters_.adoptions;
}

/// Whether this node has taken it over from somebody with that custody, or a higher one.
bool Guard::Impl::has_taken(const Life& life, std::uint64_t group, std::uint64_t seq, std::uint32_t custody) const {
  for (auto each = memory_.upper_bound({life, custody}); each != memory_.end() && each->first.first == life; ++each) {
    const auto seqs = each->second.groups.find(group);
    if (seqs != each->second.groups.end() && seqs->second.contains(seq)) return true;
  }
  return false;
}

void Guard::Impl::take_over(Turn turn, Adoption& adoption, const storage::Owed& owed, std::map<Key, Memory>& taken) {
  const Life life{owed.id.owner, owed.id.epoch};
  storage::Owed rest = owed;
  std::uint32_t counter = adoption.counter_min;
  std::erase_if(rest.groups, [&](const storage::OwedGroup& each) {
    return has_taken(life, storage::group_hash(owed.bus, each.name), owed.id.seq, each.custody);
  });
#ifdef EVMESH_SEEDED_BUG_DEDUPLICATED_BY_EVENT
  const auto same = own_.owed(std::span(&rest.event_id, 1));
  std::erase_if(rest.groups, [&](const storage::OwedGroup& each) {
    return std::ranges::any_of(same, [&](const Machine::Owed& ours) {
      return ours.id != rest.id && own_.name(ours.group).group.to_string() == each.name;
    });
  });
#endif
#ifdef EVMESH_SEEDED_BUG_ADOPTER_STARTS_AGAIN
  for (storage::OwedGroup& each : rest.groups) {
    if (each.attempts > 1 && !each.ended) each.attempts = 0;
  }
#endif
  if (rest.groups.empty()) return;
  for (const storage::OwedGroup& each : rest.groups) counter = std::max(counter, each.custody + 1);
  const auto handles = own_.adopt(rest, counter, adoption.doubt, turn.log);
  for (const Handle handle : handles)
    (own_.has_ended(handle) ? adoption.held_letters : adoption.held).push_back(handle);
  counters_.adopted += handles.size();
  const Key key{life, counter};
  adoption.keys.insert(key);
  for (const storage::OwedGroup& each : rest.groups) {
    taken[key].groups[storage::group_hash(owed.bus, each.name)].add(owed.id.seq);
  }
  taken[key].unheard.insert({life.id, adoption.owner});
  taken[key].letters = adoption.letters;
  if (life.id != adoption.owner) return;
  taken[key].set_version = adoption.set_version;
  taken[key].to = adoption.to;
}

/// A piece of it. When all is in, the copy has done its duty.
void Guard::Impl::import(Turn turn, Adoption& adoption, const Machine::Read& read) {
  if (!adoption.sources.empty()) {
    Machine& source = *adoption.sources.back();
    if (!adoption.walk) adoption.walk = source.begin_snapshot();
    std::map<Key, Memory> taken;
    const auto which = adoption.letters ? Machine::Which::all : Machine::Which::alive;
    const bool more =
        source.visit(*adoption.walk, options_.piece_bytes, read, which,
                     [&](const storage::Owed& owed) { take_over(turn, adoption, owed, taken); });
    for (auto& [key, memory] : taken) {
      say_memory(key, memory, turn.log);
      Memory& all = memory_[key];
      if (all.at == 0) all.at = memory.at;
      all.set_version = memory.set_version;
      all.to = memory.to;
      all.letters = all.letters || memory.letters;
      all.unheard.merge(memory.unheard);
      for (const auto& [group, seqs] : memory.groups) {
        for (const wire::NumberRange& range : seqs.ranges()) all.groups[group].add(range);
      }
    }
    if (more) return;
    source.end_snapshot(*adoption.walk);
    adoption.walk.reset();
    adoption.spent.push_back(std::move(adoption.sources.back()));
    adoption.sources.pop_back();
    if (!adoption.sources.empty()) return;
  }
  end_import(turn, adoption);
  adoption.behind = turn.log.end();
  adoption.step = Step::syncing;
}

/// The letters of an owner that may come back stay where they are: it has them, too.
void Guard::Impl::end_import(Turn turn, Adoption& adoption) {
  auto spent = std::exchange(adoption.spent, {});
  if (!adoption.letters && !spent.empty()) {
    Replica& replica = replicas_[adoption.owner] = std::exchange(adoption.replica, {});
    replica.noted_at = 0;
    replica.whole.machine = std::move(spent.back());
    if (spent.size() > 1) replica.fresh.machine = std::move(spent.front());
    return drop_but_ended(turn, adoption.owner);
  }
  drop(adoption.owner, turn.log);
}

/// It is on this node's disk: everybody is told, and asked what they know.
void Guard::Impl::ask(Turn turn, Adoption& adoption) {
  adoption.step = Step::asking;
  adoption.waiting = up_;
  adoption.deadline = turn.now + options_.answers;
  std::vector<wire::Adopted> frames;
  std::uint32_t counter = adoption.counter_min;
  for (const Key& key : adoption.keys) {
    counter = std::max(counter, key.second);
    for (wire::Adopted& frame : frames_of(key, memory_[key])) frames.push_back(std::move(frame));
  }
  frames.push_back({.owner = adoption.owner,
                    .epoch = adoption.epoch,
                    .to = adoption.to,
                    .counter = counter,
                    .last = true,
                    .groups = {},
                    .letters = adoption.letters});
  Outbox out(options_.self, turn.frames);
  for (wire::Adopted& frame : frames) {
    frame.set_version = 0;
    frame.letters = adoption.letters;
    for (const Life& life : up_) out.say(life, frame);
    learn(turn, options_.self, hooks_.adopted(turn, options_.self, frame));
  }
}

void Guard::Impl::pump(Turn turn, const Machine::Read& read) {
  for (Adoption& adoption : adoptions_) advance(turn, adoption, read);
  secure(turn);
}

bool Guard::Impl::wants_pump() const {
  const auto busy = [this](const Adoption& adoption) {
    return adoption.step == Step::importing || adoption.step == Step::releasing ||
           (adoption.step == Step::securing && settled_ >= adoption.behind) ||
           (adoption.step == Step::asking && adoption.waiting.empty());
  };
  return std::ranges::any_of(adoptions_, busy);
}

void Guard::Impl::advance(Turn turn, Adoption& adoption, const Machine::Read& read) {
  switch (adoption.step) {
    case Step::importing: return import(turn, adoption, read);
    case Step::syncing:
#ifdef EVMESH_SEEDED_BUG_CUSTODY_NOT_SYNCED
      if (counters_.adoptions > 1) return ask(turn, adoption);
#endif
      if (synced_ >= adoption.behind) ask(turn, adoption);
      return;
    case Step::asking:
      if (adoption.waiting.empty()) adoption.step = Step::releasing;
      return;
    case Step::releasing:
      if (release(turn, adoption, adoption.held)) adoption.step = Step::securing;
      return;
    case Step::securing: return;
  }
}

/// One of what the owner took first of its group, be it new or tried again, and nobody else has: that is what ran there when it
/// died, and may have been the cause of it. All others only waited.
void Guard::Impl::suspect_oldest(Turn turn, Adoption& adoption, Handle handle) {
  const bool waited = queued_.erase(handle) > 0 || adoption.doubt == storage::Doubt::none ||
                      up_.contains({adoption.owner, adoption.epoch});
  if (waited || !own_.may_have_run(handle, turn.wall)) return;
  const std::uint64_t group = own_.work_name(handle)->group;
  const auto [left, first] = adoption.may_have_run.try_emplace({group, own_.retried(handle)}, uncopied_max);
  const auto slots = first ? hooks_.slots({adoption.owner, adoption.epoch}, group) : std::nullopt;
  if (slots) left->second = *slots > 0 ? *slots + uncopied_max : 0;
  if (left->second == 0) return;
  --left->second;
  ++counters_.suspected;
  own_.suspect(handle, turn.log);
}

bool Guard::Impl::release(Turn turn, Adoption& adoption, std::deque<Handle>& held) {
  for (std::size_t count = 0; count < options_.released_max && !held.empty(); ++count) {
    const Handle handle = held.front();
    held.pop_front();
    const bool runs_here = std::ranges::any_of(here_, [&](const auto& each) { return each.second == handle; });
    if (!runs_here) {
      suspect_oldest(turn, adoption, handle);
      own_.release(turn.now, handle, turn.actions);
    }
    ++counters_.released;
  }
  return held.empty();
}

/// Copies of what was taken over are where they should be: whoever kept the owner's for that may delete them.
void Guard::Impl::secure(Turn turn) {
  Outbox out(options_.self, turn.frames);
  std::erase_if(adoptions_, [&](Adoption& adoption) {
    if (adoption.step != Step::securing || settled_ < adoption.behind) return false;
    if (!release(turn, adoption, adoption.held_letters)) return false;
    std::uint32_t counter = adoption.counter_min;
    for (const Key& key : adoption.keys) {
      counter = std::max(counter, key.second);
      if (const auto memory = memory_.find(key); memory != memory_.end()) memory->second.safe = true;
    }
    const wire::Adopted done{.owner = adoption.owner,
                             .epoch = adoption.epoch,
                             .set_version = adoption.set_version,
                             .to = adoption.to,
                             .counter = counter,
                             .last = true,
                             .groups = {},
                             .letters = adoption.letters};
    for (const Life& life : up_) out.say(life, done);
    return true;
  });
  if (adoptions_.empty()) queued_.clear();
}

void Guard::Impl::settled(Turn turn, Position end) {
  settled_ = std::max(settled_, end);
  secure(turn);
  if (settled_ < recovered_end_) return;
  for (auto& [key, memory] : memory_) {
    const auto under_way = [&](const Adoption& adoption) { return adoption.keys.contains(key); };
    if (replicas_.contains(key.first.id) || std::ranges::any_of(adoptions_, under_way)) continue;
    memory.safe = true;
  }
}

// Telling.

/// The obligations of one life in frames that are not too long, none of them the last.
std::vector<wire::Adopted> Guard::Impl::frames_of(const Key& key, const Memory& memory) {
  std::vector<wire::Adopted> frames;
  const wire::Adopted blank{.owner = key.first.id,
                            .epoch = key.first.epoch,
                            .set_version = memory.safe ? memory.set_version : 0,
                            .to = memory.to,
                            .counter = key.second,
                            .last = false,
                            .groups = {},
                            .letters = memory.letters};
  std::size_t ranges = frame_ranges_max;
  for (const auto& [group, seqs] : memory.groups) {
    for (const wire::NumberRange& range : seqs.ranges()) {
      if (ranges == frame_ranges_max || (frames.back().groups.size() == frame_groups_max &&
                                         frames.back().groups.back().group != group)) {
        frames.push_back(blank);
        ranges = 0;
      }
      auto& groups = frames.back().groups;
      if (groups.empty() || groups.back().group != group) groups.push_back({group, {}});
      groups.back().seqs.push_back(range);
      ++ranges;
    }
  }
  return frames;
}

void Guard::Impl::tell(Turn turn, const Life& to, const Key& key, const Memory& memory) const {
  Outbox out(options_.self, turn.frames);
  auto frames = frames_of(key, memory);
  const auto next = memory_.upper_bound(key);
  if (!frames.empty()) frames.back().last = next == memory_.end() || next->first.first != key.first;
  for (const wire::Adopted& frame : frames) out.say(to, frame);
}

}  // namespace evmesh::work
