#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/result.hpp>

#include "base/clock.hpp"

namespace evmesh::bus {

/// What a bus needs of the mesh; a mono node has none. Implemented by the engine, one per bus. Thread-safe.
class Uplink {
 public:
  Uplink() = default;
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;
  virtual ~Uplink() = default;

  /// An event to be published, for as long as the call takes.
  struct Outgoing {
    const Event* event = nullptr;
    std::span<const RegistrationKey> keys;
  };

  struct Published {
    std::uint64_t seq = 0;         ///< number of the last event
    std::uint32_t interested = 0;  ///< peers whose interest matched any of them
  };

  /// Accepts `events` for the peers, in order and all or none; encodes only what somebody needs. Waits up to
  /// the node's `notify_wait` for the flow window, but never when `inside_listener`: then it draws on the
  /// reserve or refuses. `each`, when not empty, has a place for each event: how many peers that one interested.
  /// Errors: back_pressure, busy, event_too_large, closed, node_failed.
  [[nodiscard]] virtual Result<Published> publish(std::span<const Outgoing> events, bool inside_listener,
                                                  std::span<std::uint32_t> each) = 0;

  /// What a change of the bus's registry means for the announcement.
  struct InterestChange {
    std::vector<RegistrationKey> added;    ///< keys that got their first listener
    std::vector<RegistrationKey> removed;  ///< keys that lost their last one
    std::optional<bool> each_node;  ///< set when the first each-node listener came or the last one went
  };

  /// Changes the bus's registry and this node's announcement as one step that no inbound event can fall into:
  /// calls `apply` once, with the announcement version that carries the change, on this thread. `apply`
  /// changes the registry (new registrations keep that version), takes leaf locks only and calls nothing of
  /// the mesh. Returns the version.
  virtual std::uint64_t change_interest(
      const std::function<InterestChange(std::uint64_t version)>& apply) = 0;

  /// Waits until every live member has acknowledged `version`, or `timeout`.
  /// `since` is when the registration was made.
  [[nodiscard]] virtual RegistrationReceipt acknowledged(std::uint64_t version, base::MonoTime since,
                                                         std::chrono::milliseconds timeout) = 0;

  /// Waits until every peer that wants any number from `first` to `last` has reported them all, or `timeout`.
  [[nodiscard]] virtual SeenBy wait_seen(std::uint64_t first, std::uint64_t last,
                                         std::chrono::milliseconds timeout) = 0;

  /// Errors: closed, node_failed.
  [[nodiscard]] virtual Result<void> usable() const = 0;
};

}  // namespace evmesh::bus
