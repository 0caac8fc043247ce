#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include <evmesh/bus.hpp>
#include <evmesh/result.hpp>

namespace evmesh::bus {

/// What a bus needs of the mesh; a mono node has none. Implemented by the engine, one per bus. Thread-safe.
class Uplink {
 public:
  Uplink() = default;
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;
  virtual ~Uplink() = default;

  struct Published {
    std::uint64_t seq = 0;         ///< number of the last event
    std::uint32_t interested = 0;  ///< peers whose interest matched
  };

  /// Accepts `events` for the peers, in order and all or none; encodes only what somebody needs. Waits up to the node's
  /// `notify_wait` for the flow window, but never when `inside_listener`: then it draws on the reserve or refuses.
  /// Errors: back_pressure, busy, event_too_large, closed, node_failed.
  [[nodiscard]] virtual Result<Published> publish(std::span<const KeyedEvent> events, bool inside_listener) = 0;

  /// The bus's listeners have changed (`Registry` of the bus already holds the change when this is called). Returns the
  /// announcement version that carries it, for `acknowledged`; every call yields a version of its own or later.
  [[nodiscard]] virtual std::uint64_t interest_changed() = 0;

  /// Waits until every live member has acknowledged `version`, or `timeout`.
  [[nodiscard]] virtual RegistrationReceipt acknowledged(std::uint64_t version, std::chrono::milliseconds timeout) = 0;

  [[nodiscard]] virtual SeenBy wait_seen(std::uint64_t seq, std::chrono::milliseconds timeout) = 0;
};

}  // namespace evmesh::bus
