#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/mesh_core.hpp"
#include "routing/outbound.hpp"

namespace evmesh::bus {

/// Where dispatching threads leave events for the engine: it numbers them and tells whom they interest, so that
/// neither waits for the other's turn. What it looks up in the core changes only while the core holds this lock
/// (`ChangeLock`), and by then the core has got all that was numbered before. What the core gets is no such change.
/// Taken after the engine's lock, never before it.
class Intake final : public ChangeLock {
 public:
  using Lock = std::unique_lock<std::mutex>;

  /// More than this does not wait for the engine's next look: whoever adds it makes the engine take it.
  static constexpr std::uint64_t crowded_bytes = 384 << 10;

  /// `core` outlives it. Before anything else.
  void serve(MeshCore& core, std::size_t buses);

  // Dispatching threads, with the lock.
  [[nodiscard]] Lock lock_up() { return Lock(mutex_); }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool needed(std::size_t bus, std::span<const std::uint64_t> hashes) const {
    return core_->needed(bus, hashes);
  }

  /// Whether the flow window lets another event in; the engine knows better when it does not.
  [[nodiscard]] bool room(std::size_t bus) const { return queues_[bus].room_bytes > 0; }

  struct Added {
    std::uint64_t seq = 0;
    routing::PeerMask interested = 0;
  };
  /// `bytes`: the encoded event, or nothing when nobody needs it.
  Added add(std::size_t bus, std::string_view bytes, std::span<const std::uint64_t> hashes);

  /// Whether the caller has to see to it that the engine looks here, without the lock: it sleeps and nobody else
  /// does, or too much waits.
  [[nodiscard]] bool call_engine();

  // The engine, with its lock and without this one.
  /// Moves what waits into the core.
  void drain(base::MonoTime now);

  /// As `drain`, at the beginning of a turn that sends it; how much has come since the one before.
  std::uint64_t drain_for_sending(base::MonoTime now);

  /// False, and nothing else, when something waits.
  [[nodiscard]] bool fall_asleep();
  void wake_up();

  /// Much has come since it last drained for sending.
  [[nodiscard]] bool crowded() const;

  /// Nobody adds anything any more.
  void close();

 private:
  void lock() override;
  void unlock() override;

  struct Queue {
    std::uint64_t head = 0;        // last number given
    std::uint64_t room_bytes = 0;  // of the flow window
    routing::Batch batch;
    std::uint64_t batch_cost = 0;  // what it takes of that room
  };

  [[nodiscard]] static routing::Batch take(Queue& queue);
  void move_to_core(Lock& guard, base::MonoTime now);
  void look_at_core();

  MeshCore* core_ = nullptr;
  base::MonoTime now_{};  // when it last drained; the engine's

  mutable std::mutex mutex_;  // guards all below, and what is looked up in the core
  std::vector<Queue> queues_;
  std::uint64_t waiting_bytes_ = 0;  // since it last drained for sending
  bool asleep_ = false;
  bool called_ = false;  // somebody sees to it that the engine looks here
  bool closed_ = false;
};

}  // namespace evmesh::bus
