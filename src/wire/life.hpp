#pragma once

#include <compare>
#include <cstdint>

#include <evmesh/ids.hpp>

namespace evmesh::wire {

/// A node in one of its lives: every start has a higher epoch. Value.
struct Life {
  NodeId id;
  std::uint64_t epoch = 0;

  auto operator<=>(const Life&) const = default;
};

/// The classes of frames on a link, most urgent first; a class waits while a more urgent one has something to send.
enum class Class : std::uint8_t { control, notification, work, bulk };

}  // namespace evmesh::wire
