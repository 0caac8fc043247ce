#include <algorithm>
#include <iterator>

#include "base/hash.hpp"
#include "work/copies_impl.hpp"

// Who keeps the copies.

namespace evmesh::work {

std::size_t Copies::Impl::known() const { return met_.size() + 1; }

std::uint32_t Copies::Impl::wanted() const {
  if (options_.copies > 0) return options_.copies - 1;
  if (!options_.seeded && met_.empty()) return 0;
  return known() >= 5 ? 2 : 1;
}

/// Rendezvous: each owner has its own order of all nodes, the same at every node.
std::uint64_t Copies::Impl::weight(const NodeId& member) const {
  std::string both(options_.self.id.bytes.begin(), options_.self.id.bytes.end());
  both.append(member.bytes.begin(), member.bytes.end());
  return base::hash64(both);
}

/// Those that may become guardians, the best first.
std::vector<Life> Copies::Impl::candidates(MonoTime now) const {
  std::vector<Life> lives;
  for (const auto& [life, member] : members_) {
    if (member.up && !member.transient && member.avoid_until <= now) lives.push_back(life);
  }
  std::ranges::sort(lives, std::ranges::greater{}, [&](const Life& life) { return weight(life.id); });
  return lives;
}

Copies::Impl::Guardian* Copies::Impl::find(const Life& life) {
  const auto found = std::ranges::find(guardians_, life, &Guardian::life);
  return found == guardians_.end() ? nullptr : &*found;
}

void Copies::Impl::drop(const Life& life) {
  std::erase_if(guardians_, [&](const Guardian& guardian) {
    if (guardian.life != life) return false;
    if (guardian.walk) machine_.end_snapshot(*guardian.walk);
    return true;
  });
}

/// Who is in the set stays in it: a better one would cost a snapshot.
void Copies::Impl::choose(Turn turn, bool changed) {
  while (guardians_.size() > wanted()) {
    drop(Life(guardians_.back().life));
    changed = true;
  }
  std::vector<Life> lives = candidates(turn.now);
  // One that was late before is better than none.
  std::ranges::copy(candidates(MonoTime::max()), std::back_inserter(lives));
#ifdef EVMESH_SEEDED_BUG_COPIES_NOT_RESTORED
  if (version_ > 5) lives.clear();
#endif
  for (const Life& life : lives) {
    if (guardians_.size() >= wanted()) break;
    if (find(life)) continue;
    guardians_.push_back({.life = life, .walk = std::nullopt, .progress = turn.now, .repeated = turn.now});
    changed = true;
  }
  if (changed) say_set(turn);
}

void Copies::Impl::say_set(Turn turn) {
  ++version_;
  ++counters_.sets;
  storage::Guardians record{.set_version = version_, .nodes = {}};
  for (Guardian& guardian : guardians_) {
    record.nodes.push_back(guardian.life.id);
    if (guardian.version == 0) begin(guardian, turn.now, version_);
  }
  std::string bytes;
  storage::encode_record(record, options_.self.id, bytes);
  record_at_ = turn.log.add(bytes);
  tell_all(turn);
}

/// Who is not in the set deletes what it has: not before the others have everything.
void Copies::Impl::tell(Turn turn, const Life& life, Member& member) {
  if (version_ == 0 || !member.up) return;
  if (!find(life) && (guardians_.empty() || whole() < std::max<std::size_t>(guardians_.size(), wanted()))) return;
  wire::Guard guard{.set_version = version_, .found = found_, .guardians = {}};
  for (const Guardian& guardian : guardians_) guard.guardians.push_back(guardian.life.id);
  Outbox(options_.self, turn.frames).say(life, guard);
  member.told = version_;
}

void Copies::Impl::tell_all(Turn turn) {
  for (auto& [life, member] : members_) tell(turn, life, member);
  tell_at_ = turn.now + options_.tell;
}

void Copies::Impl::member_up(Turn turn, const Life& life, bool transient) {
  std::erase_if(members_, [&](const auto& known) { return known.first.id == life.id && known.first < life; });
  const auto old = std::ranges::find_if(
      guardians_, [&](const Guardian& guardian) { return guardian.life.id == life.id && guardian.life < life; });
  const bool changed = old != guardians_.end();
  if (changed) drop(Life(old->life));
  Member& member = members_[life];
  member.up = true;
  member.transient = transient;
  if (!transient) met_.insert(life.id);
  if (Guardian* guardian = find(life)) rewind(*guardian, turn.now);
  choose(turn, changed);
  tell(turn, life, member);
}

void Copies::Impl::member_down(Turn turn, const Life& life) {
  const auto member = members_.find(life);
  if (member == members_.end()) return;
  member->second.up = false;
  if (!find(life)) return;
  drop(life);
  choose(turn, true);
}

void Copies::Impl::life_ended(Turn turn, const Life& life, bool clean) {
  member_down(turn, life);
  members_.erase(life);
  if (clean) met_.erase(life.id);
  choose(turn, false);
}

/// A snapshot is not begun anew as readily as a few frames are sent again.
std::chrono::milliseconds Copies::Impl::patience(const Guardian& guardian) const {
  return guardian.is_whole() ? options_.again : 2 * options_.confirm;
}

/// Whoever does not confirm in time is sent everything again, then replaced; when nobody is there to replace it, it
/// does not count.
void Copies::Impl::check(Turn turn, Guardian& guardian) {
  if (!guardian.waits() && guardian.begun) {
    guardian.progress = turn.now;
    return;
  }
  if (turn.now >= guardian.progress + options_.confirm) guardian.late = true;
  const MonoTime since = std::max(guardian.progress, guardian.repeated);
  if (guardian.begun && turn.now >= since + patience(guardian)) rewind(guardian, turn.now);
}

void Copies::Impl::tick(Turn turn) {
  for (Guardian& guardian : guardians_) check(turn, guardian);
  std::vector<Life> late;
  for (const Guardian& guardian : guardians_) {
    if (guardian.late) late.push_back(guardian.life);
  }
  for (const Life& life : late) {
    const auto others = candidates(turn.now);
    if (std::ranges::none_of(others, [&](const Life& other) { return find(other) == nullptr; })) break;
    members_[life].avoid_until = turn.now + options_.avoid;
    drop(life);
    ++counters_.replaced;
    choose(turn, true);
  }
  if (guardians_.size() < wanted()) choose(turn, false);
  if (version_ == 0 || turn.now < tell_at_) return;
  tell_all(turn);
  say_synced(turn);
}

std::optional<MonoTime> Copies::Impl::next_deadline() const {
  if (version_ == 0) return std::nullopt;
  MonoTime due = tell_at_;
  for (const Guardian& guardian : guardians_) {
    if (!guardian.waits() && guardian.begun) continue;
    due = std::min(due, std::max(guardian.progress, guardian.repeated) + patience(guardian));
    if (!guardian.late) due = std::min(due, guardian.progress + options_.confirm);
  }
  return due;
}

}  // namespace evmesh::work
