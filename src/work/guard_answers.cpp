#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "work/guard_impl.hpp"

// What nodes tell each other about what was taken over.

namespace evmesh::work {
namespace {

constexpr std::size_t frame_bytes_max = 48 * limits::kib;
constexpr std::size_t entry_bytes = 64;
constexpr std::size_t unsaid_max = 256;

Position here(const storage::Commit& log) { return log.empty() ? log.begin() : log.end(); }

/// In pieces that fit a frame; at least one, perhaps empty.
std::vector<std::vector<wire::StateEntry>> pieces(std::vector<wire::StateEntry> states) {
  std::vector<std::vector<wire::StateEntry>> pieces(1);
  std::size_t size = 0;
  for (wire::StateEntry& state : states) {
    if (size + entry_bytes + state.error.size() > frame_bytes_max) {
      pieces.emplace_back();
      size = 0;
    }
    size += entry_bytes + state.error.size();
    pieces.back().push_back(std::move(state));
  }
  return pieces;
}

}  // namespace

/// Another node answers for these now. It hears what is known here when letting go of them is on the disk.
void Guard::Impl::on(Turn turn, const Life& from, const wire::Adopted& adopted) {
  std::vector<wire::StateEntry> states;
  const Custody by{adopted.counter, from.id, from.epoch};
  for (const wire::WorkRanges& work : adopted.groups) {
    own_.let_go({adopted.owner, adopted.epoch}, work, by, turn.log, states);
  }
  for (wire::StateEntry& state : hooks_.adopted(turn, from, adopted)) states.push_back(std::move(state));
  if (adopted.last) give_way(turn, from, adopted);
  Answer answer{here(turn.log), from, {}};
  for (auto& piece : pieces(std::move(states))) {
    answer.frames.push_back({adopted.owner, adopted.epoch, false, std::move(piece)});
  }
  answer.frames.back().last = adopted.last;
  answers_.push_back(std::move(answer));
  synced(turn, synced_);
}

/// Word of a node may come before that node is up here: it is answered then, since what was let go is told once.
void Guard::Impl::say(Turn turn, Answer answer) {
  if (!up_.contains(answer.to)) {
    if (unsaid_.size() == unsaid_max) unsaid_.pop_front();
    unsaid_.push_back(std::move(answer));
    return;
  }
  for (const wire::AdoptedAnswer& frame : answer.frames) Outbox(options_.self, turn.frames).say(answer.to, frame);
}

void Guard::Impl::say_unsaid(Turn turn, const Life& to) {
  for (Answer& answer : std::exchange(unsaid_, {})) {
    if (answer.to == to || answer.to.id != to.id) say(turn, std::move(answer));
  }
}

/// A copy of the same log: kept while the adopter has no copies of its own, then not needed any more.
void Guard::Impl::give_way(Turn turn, const Life& from, const wire::Adopted& adopted) {
  const auto found = replicas_.find(adopted.owner);
  if (found == replicas_.end() || adopted.epoch < found->second.epoch || is_up(adopted.owner)) return;
  Replica& replica = found->second;
  replica.counter_seen = std::max(replica.counter_seen, adopted.counter);
  const bool covers = adopted.set_version >= replica.set_version && adopted.to >= replica.whole.to;
  if (covers && replica.set_version > 0) {
    return adopted.letters ? drop(adopted.owner, turn.log) : drop_but_ended(turn, adopted.owner);
  }
  if (adopted.set_version == 0) {
    // Who took it over from another heir had no copy of this log, and what lives of a copy of letters was taken over
    // before: neither will be said to be safe.
    if (adopted.to == 0 || (replica.letters_only && !adopted.letters)) return;
    replica.superseded = from;
    replica.adopt_at.reset();
  } else if (replica.superseded == from) {
    // What was taken over was of earlier guardians, or of one that was behind: there is more here.
    replica.superseded.reset();
    schedule(turn, adopted.owner, false);
  }
}

/// What somebody runs is his to end, and what he has ended is ended here.
void Guard::Impl::learn(Turn turn, const Life& from, const std::vector<wire::StateEntry>& states) {
  for (const wire::StateEntry& state : states) {
    const auto handle = own_.find(state.name);
    if (state.state == wire::WorkState::running && handle && from == options_.self) {
      here_.insert_or_assign(state.name, *handle);
      continue;
    }
    if (state.state == wire::WorkState::running && handle) {
      const auto job = own_.lease(*handle, turn.log);
      if (!job) continue;
      ++counters_.leased;
      hooks_.lease(turn, *job, from);
      continue;
    }
    if (state.state == wire::WorkState::queued && handle && !adoptions_.empty()) queued_.insert(*handle);
    if (state.state == wire::WorkState::newer && say_stale(turn, from, state.name)) continue;
    const auto before = own_.counters().ended_elsewhere;
    own_.settle(turn.now, turn.wall, state, from.id, turn.log, turn.actions);
    // Who is about to bury a redelivery lets go of it as well.
    const bool buries = state.state == wire::WorkState::refused && state.name.generation > 0 && from != options_.self;
    if (buries) say_stale(turn, from, state.name);
    counters_.ended += own_.counters().ended_elsewhere - before;
  }
}

void Guard::Impl::on(Turn turn, const Life& from, const wire::AdoptedAnswer& answer) {
  learn(turn, from, answer.states);
  if (!answer.last) return;
  for (Adoption& adoption : adoptions_) {
    if (adoption.owner == answer.owner && adoption.epoch == answer.epoch) adoption.waiting.erase(from);
  }
  forget(turn, from, {answer.owner, answer.epoch});
}

/// When nobody is left who could believe that work of lives up to this one is still his, nobody need be told again.
void Guard::Impl::forget(Turn turn, const Life& from, const Life& life) {
  const auto of_it = [&](const Key& key) { return key.first.id == life.id && key.first.epoch <= life.epoch; };
  const auto under_way = [&](const Adoption& adoption) {
    return adoption.owner == life.id || std::ranges::any_of(adoption.keys, of_it);
  };
  if (std::ranges::any_of(adoptions_, under_way)) return;
  bool known = false;
  bool all = true;
  for (auto& [key, memory] : memory_) {
    if (!of_it(key)) continue;
    memory.unheard.erase(from.id);
    known = true;
    all = all && memory.unheard.empty();
  }
  if (!known || !all) return;
  storage::encode_record(storage::Answered{life.id, life.epoch}, options_.self.id, text_);
  turn.log.add(text_);
  std::erase_if(memory_, [&](const auto& each) { return of_it(each.first); });
}

/// What was taken over ran here for its owner: it goes on with how that ended.
void Guard::Impl::ran_here(Turn turn, const wire::StateEntry& how) {
  const auto found = here_.find(how.name);
  if (found == here_.end()) return;
  const Handle handle = found->second;
  here_.erase(found);
  own_.settle(turn.now, turn.wall, how, options_.self.id, turn.log, turn.actions);
  const auto waits = [&](const Adoption& adoption) { return std::ranges::find(adoption.held, handle) != adoption.held.end(); };
  if (std::ranges::none_of(adoptions_, waits)) own_.release(turn.now, handle, turn.actions);
}

/// Whether this node answers for it, or for a later generation, or did until that ended here.
bool Guard::Impl::say_stale(Turn turn, const Life& to, const WorkName& name) const {
  Outbox out(options_.self, turn.frames);
  if (const auto handle = own_.find_later(name)) {
    out.say(to, wire::Stale{*own_.work_name(*handle), own_.custody(*handle)});
    return true;
  }
  const auto by = custody(name);
  if (by) out.say(to, wire::Stale{name, *by});
  return by.has_value();
}

/// Under which this node answered for it until it ended here; none: it never did.
std::optional<Custody> Guard::Impl::custody(const WorkName& name) const {
  const Life life{name.id.owner, name.id.epoch};
  const auto behind = memory_.upper_bound({life, std::numeric_limits<std::uint32_t>::max()});
  if (behind == memory_.begin() || std::prev(behind)->first.first != life || !own_.ended(name)) return std::nullopt;
  return Custody{std::prev(behind)->first.second, options_.self.id, options_.self.epoch};
}

}  // namespace evmesh::work
