#include "work/claims.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "work/mesh_outbox.hpp"

namespace evmesh::work {

void Claims::begin(MonoTime now, const std::vector<NodeId>& guardians) {
  unheard_ = guardians;
  held_ = machine_.held_back();
  if (!held_.empty()) until_ = now + patience;
}

/// Asked even when nothing is held back: what is queued there would be run for nobody.
void Claims::member_up(Turn turn, const Life& life) {
  Outbox(self_, turn.frames).say(life, wire::Claim{++requests_});
}

/// Late answers serve, too: what is done is done.
void Claims::on(Turn turn, const Life& from, const wire::ClaimAnswer& answer) {
  for (const wire::StateEntry& state : answer.states) use(turn, from, state);
  // What it took over it has said before.
  if (answer.last) std::erase(unheard_, from.id);
}

void Claims::use(Turn turn, const Life& from, const wire::StateEntry& state) {
  const bool failed = state.state == wire::WorkState::failed || state.state == wire::WorkState::refused;
  // Who has taken it over may be heard of yet: until then nobody retries it here, or buries it.
  if (failed && until_) return ends_.push_back({state, from.id});
  if (state.state != wire::WorkState::running) {
    machine_.settle(turn.now, turn.wall, state, from.id, turn.log, turn.actions);
    return;
  }
  const auto handle = machine_.find(state.name);
  const auto job = handle ? machine_.lease(*handle, turn.log) : std::nullopt;
  if (job) distribution_.lease(turn, *job, from);
}

void Claims::tick(Turn turn) {
  if (!until_ || turn.now < *until_) return;
  until_.reset();
  for (const End& end : std::exchange(ends_, {})) {
    machine_.settle(turn.now, turn.wall, end.state, end.node, turn.log, turn.actions);
  }
  for (const Handle handle : std::exchange(held_, {})) {
    if (!unheard_.empty()) machine_.doubt(handle);
    machine_.release(turn.now, handle, turn.actions);
  }
}

void Claims::answer(Turn turn, const Life& self, const Life& to, const wire::Claim& claim, const Seen& seen,
                    std::span<const wire::StateEntry> states) {
  Outbox outbox(self, turn.frames);
  wire::ClaimAnswer answer;
  answer.request = claim.request;
  answer.highest_epoch = seen.epoch;
  answer.witness = seen.synced;
  std::size_t left = states.size();
  in_pieces(states, [&](std::vector<wire::StateEntry> some) {
    left -= some.size();
    answer.states = std::move(some);
    answer.last = left == 0;
    outbox.say(to, answer);
  });
  if (states.empty()) outbox.say(to, answer);
}

}  // namespace evmesh::work
