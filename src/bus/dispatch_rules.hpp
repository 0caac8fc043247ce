#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <evmesh/bus.hpp>

namespace evmesh::bus {

/// What may be dispatched. Immutable, thread-safe.
class DispatchRules {
 public:
  /// `payload` is how bodies travel.
  DispatchRules(std::uint64_t event_size_bytes_max, PayloadFormat payload)
      : event_size_bytes_max_(event_size_bytes_max), payload_(payload) {}

  /// What can be checked without encoding a body, which counts nothing here.
  /// Errors: invalid_argument, event_too_large, too_many_keys, batch_too_large.
  [[nodiscard]] Result<void> check(const Event& event, std::span<const RegistrationKey> keys) const;
  [[nodiscard]] Result<void> check(std::span<const KeyedEvent> batch) const;

  /// The event as the mesh may have it: one that could be too large is encoded here, and with that measured,
  /// whether or not a peer needs it. So it is refused or accepted whoever listens. `event` itself, or what is put
  /// into `made`. Errors: invalid_argument, event_too_large.
  [[nodiscard]] Result<const Event*> measured(const Event& event, std::optional<Event>& made) const;

  /// As for one event; and when what the bodies say is too much for a batch, all are encoded and counted.
  /// Errors: as above, and batch_too_large.
  [[nodiscard]] Result<std::vector<KeyedEvent>> measured(std::span<const KeyedEvent> events) const;

 private:
  const std::uint64_t event_size_bytes_max_;
  const PayloadFormat payload_;
};

}  // namespace evmesh::bus
