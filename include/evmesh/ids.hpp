#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh {

/// 16 bytes that name something, printed and parsed as a UUID (RFC 9562). All zero is *nil* and names
/// nothing. Value.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  /// Lower-case, 36 characters: 0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01.
  [[nodiscard]] std::string to_string() const;

  /// Any version and variant, either case; anything else is `invalid_argument` naming the text.
  [[nodiscard]] static Result<Uuid> parse(std::string_view text);

  [[nodiscard]] bool nil() const { return *this == Uuid{}; }

  auto operator<=>(const Uuid&) const = default;
};

/// The application's name of an event. Never deduplicates: the same event dispatched twice is two dispatches.
struct EventId : Uuid {
  /// A new UUIDv7: sorts by creation time, 74 random bits of a stream whose key the operating system gives. Thread-safe.
  [[nodiscard]] static EventId fresh();
  /// The same for a caller who has looked at the clock.
  [[nodiscard]] static EventId fresh(std::chrono::sys_time<std::chrono::microseconds> now);
  [[nodiscard]] static Result<EventId> parse(std::string_view text);

  auto operator<=>(const EventId&) const = default;
};

/// A node, for ever: kept in its data directory and unchanged by restarts.
struct NodeId : Uuid {
  [[nodiscard]] static Result<NodeId> parse(std::string_view text);

  auto operator<=>(const NodeId&) const = default;
};

/// One acceptance of an event: which node, in which of its lives, and its number there, from 1. The event id is the
/// application's; this is ours. Value.
struct DispatchId {
  NodeId owner;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;

  /// OWNER/EPOCH/SEQ.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static Result<DispatchId> parse(std::string_view text);

  auto operator<=>(const DispatchId&) const = default;
};

}  // namespace evmesh

template <>
struct std::hash<evmesh::NodeId> {
  std::size_t operator()(const evmesh::NodeId& id) const noexcept;
};
template <>
struct std::hash<evmesh::EventId> {
  std::size_t operator()(const evmesh::EventId& id) const noexcept;
};
