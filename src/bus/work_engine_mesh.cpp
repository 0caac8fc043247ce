#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "bus/work_engine.hpp"

// What the engine of the mesh tells group work, and fetches from it. Its lock is held meanwhile, and no disk
// is waited for.

namespace evmesh::bus {

using work::Actions;

/// Does `what`, and all that follows from it. What is to be sent waits for the end of the engine's turn.
void WorkEngine::from_engine(const std::function<void(work::Turn)>& what) {
  Lock lock(mutex_);
  if (failure_) return;
  Actions actions;
  const work::Position before = pending_.end();
  what(turn(actions));
  if (pending_.end() > before) others_wait_for_ = pending_.end();
  nudged_ = true;
  append_elsewhere();
  ended_elsewhere_.notify_all();
  groups_changed_.notify_all();
  if (core_.rolled_back() && !fails_later_) fail_later();
  const auto waiters = due_waiters();
  after_change(lock, actions);
  for (const auto& [told, safety] : waiters) told(safety);
}

/// Under mutex_: the engine of the mesh must not be told while it tells.
void WorkEngine::fail_later() {
  const work::RolledBack back = *core_.rolled_back();
  const std::string why = "node " + back.witness.to_string() + " saw " + std::to_string(back.seen) +
                          " bytes of the journal in " + settings_.directory.string() + ", of which only " +
                          std::to_string(back.found) + " are there: it was put back to an older state; put " +
                          "the newer directory back, or move it away and start the node as a new one";
  fails_later_ = services_.timers.after(std::chrono::milliseconds{0},
                                        [this, why] { fail_with({ErrorCode::storage, why}); });
}

/// Under mutex_: a commit that grows while the syncing thread waits for the disk is appended by another.
void WorkEngine::append_elsewhere() {
  if (!journal_ || appending_elsewhere_ || pending_.bytes().size() < pending_bytes_max / 2) return;
  appending_elsewhere_ = services_.timers.after(std::chrono::milliseconds{0}, [this] {
    {
      const Lock lock(mutex_);
      appending_elsewhere_ = false;
    }
    flush();
  });
}

void WorkEngine::member_up(const wire::Life& life, const std::string& name, bool transient) {
  from_engine([&](work::Turn turn) { core_.member_up(turn, life, {name, transient}); });
}

void WorkEngine::member_down(const wire::Life& life) {
  from_engine([&](work::Turn turn) { core_.member_down(turn, life); });
}

void WorkEngine::life_ended(const wire::Life& life, bool clean) {
  from_engine([&](work::Turn turn) { core_.life_ended(turn, life, clean); });
}

void WorkEngine::raise_epoch(std::uint64_t epoch) {
  from_engine([&](work::Turn turn) { core_.raise_epoch(turn, epoch); });
}

void WorkEngine::gone(const NodeId& node) {
  from_engine([&](work::Turn turn) { core_.gone(turn, node); });
}

void WorkEngine::on_frame(const wire::Life& from, const wire::Frame& frame, const wire::Buffer& bytes) {
  {
    const Lock lock(mutex_);
    // Whoever sent it says it again, or is asked: a full commit drops frames as a broken link does.
    if (journal_ && pending_.bytes().size() >= pending_bytes_max) {
      frames_dropped_.add();
      return;
    }
  }
  from_engine([&](work::Turn turn) { core_.on_frame(turn, from, frame, bytes); });
}

/// Whether there are guardians for all copies.
Result<void> WorkEngine::admit_copies() {
  const Lock lock(mutex_);
  if (settings_.level != Level::replicated || !core_.degraded()) return {};
  const work::Safety now = core_.safety(0);
  return fail(ErrorCode::back_pressure,
              "level replicated wants copies on " + std::to_string(now.wanted) + " other nodes, and " +
                  std::to_string(now.copies) +
                  " keep them now; start more nodes that have a data directory, or set degraded to allow");
}

void WorkEngine::leave() {
  Lock lock(mutex_);
  Actions actions;
  core_.leave(turn(actions));
  after_change(lock, actions);
}

bool WorkEngine::pump(const work::Room& room, work::Frames& out) {
  {
    Lock lock(mutex_);
    if (failure_) return false;
    Actions actions;
    core_.pump(turn(actions), room);
    std::move(outbox_.begin(), outbox_.end(), std::back_inserter(out));
    outbox_.clear();
    nudged_ = true;
    after_change(lock, actions);
  }
  // Who came meanwhile has not nudged.
  const Lock lock(mutex_);
  nudged_ = false;
  return !outbox_.empty() || core_.wants_pump();
}

}  // namespace evmesh::bus
