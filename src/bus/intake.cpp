#include "bus/intake.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::bus {

namespace {

/// What an event costs beside its bytes.
constexpr std::uint64_t event_overhead_bytes = 64;

/// What may wait while the engine is awake; beyond it a dispatching thread waits for the engine's lock.
constexpr std::uint64_t waiting_bytes_max = 1 << 20;

}  // namespace

void Intake::serve(MeshCore& core, std::size_t buses) {
  core_ = &core;
  queues_.resize(buses);
  look_at_core();
}

Intake::Added Intake::add(std::size_t bus, std::string_view bytes, std::span<const std::uint64_t> hashes) {
  Queue& queue = queues_[bus];
  Added added{++queue.head, 0};
  if (!bytes.empty()) {
    added.interested = core_->match(bus, hashes);
    const std::uint64_t cost = bytes.size() + event_overhead_bytes;
    waiting_bytes_ += cost;
    queue.batch_cost += cost;
    queue.room_bytes -= std::min(queue.room_bytes, cost);
  }
  queue.batch.add(bytes, hashes, added.interested);
  return added;
}

bool Intake::call_engine() {
  if (waiting_bytes_ == 0) return false;  // what nobody wants can wait
  const bool too_much = waiting_bytes_ >= (asleep_ ? crowded_bytes : waiting_bytes_max);
  if (!too_much && (called_ || !asleep_)) return false;
  called_ = true;
  return true;
}

void Intake::drain(base::MonoTime now) {
  Lock guard(mutex_);
  move_to_core(guard, now);
}

std::uint64_t Intake::drain_for_sending(base::MonoTime now) {
  Lock guard(mutex_);
  const std::uint64_t drained = std::exchange(waiting_bytes_, 0);
  called_ = false;
  move_to_core(guard, now);
  return drained;
}

bool Intake::fall_asleep() {
  const std::lock_guard guard(mutex_);
  if (waiting_bytes_ > 0) return false;
  asleep_ = true;
  return true;
}

void Intake::wake_up() {
  const std::lock_guard guard(mutex_);
  asleep_ = false;
}

bool Intake::crowded() const {
  const std::lock_guard guard(mutex_);
  return waiting_bytes_ >= crowded_bytes;
}

void Intake::close() {
  const std::lock_guard guard(mutex_);
  closed_ = true;
}

void Intake::lock() {
  mutex_.lock();
  for (std::size_t bus = 0; bus < queues_.size(); ++bus) {
    if (!queues_[bus].batch.empty()) core_->accept(now_, bus, take(queues_[bus]));
  }
}

void Intake::unlock() {
  look_at_core();
  mutex_.unlock();
}

routing::Batch Intake::take(Queue& queue) {
  queue.batch_cost = 0;
  return std::exchange(queue.batch, {});
}

/// Whoever dispatches goes on while the core gets what has been taken: nothing that is looked up there changes by that,
/// and what is numbered meanwhile comes next.
void Intake::move_to_core(Lock& guard, base::MonoTime now) {
  now_ = now;
  for (std::size_t bus = 0; bus < queues_.size(); ++bus) {
    if (queues_[bus].batch.empty()) continue;
    routing::Batch batch = take(queues_[bus]);
    guard.unlock();
    core_->accept(now, bus, std::move(batch));
    guard.lock();
  }
  look_at_core();
}

/// With what waits here.
void Intake::look_at_core() {
  for (std::size_t bus = 0; bus < queues_.size(); ++bus) {
    Queue& queue = queues_[bus];
    const routing::OutboundStream& stream = core_->routing().outbound(bus);
    const std::uint64_t room = stream.room_bytes();
    queue.head = stream.head() + queue.batch.events().size();
    queue.room_bytes = room - std::min(room, queue.batch_cost);
  }
}

}  // namespace evmesh::bus
