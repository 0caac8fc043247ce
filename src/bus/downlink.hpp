#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "routing/types.hpp"

namespace evmesh::bus {

/// What the engine needs of a bus. Called under the engine's lock: nothing here waits, calls the engine, or
/// runs a listener.
class Downlink {
 public:
  Downlink() = default;
  Downlink(const Downlink&) = delete;
  Downlink& operator=(const Downlink&) = delete;
  virtual ~Downlink() = default;

  /// Appends the listeners of `keys` and the each-node listeners.
  virtual void match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const = 0;

  /// Appends every key and each-node listener.
  virtual void everyone(std::vector<routing::Match>& out) const = 0;

  /// Puts events, or a gap, into a listener's inbox. A listener that has gone is no error.
  virtual void deliver(const routing::Deliver& events) = 0;
  virtual void deliver_gap(routing::ListenerHandle listener, const Gap& gap) = 0;

  /// As `ListenerLookup::crowded`.
  [[nodiscard]] virtual bool crowded() const = 0;
};

}  // namespace evmesh::bus
