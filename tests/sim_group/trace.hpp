#pragma once

#include <string>

#include "wire/frames.hpp"
#include "wire/life.hpp"

namespace evmesh::sim_group {

/// A node's number stands in its id, and how often it lost its disk.
[[nodiscard]] std::string name_of(const wire::Life& life);
[[nodiscard]] std::string name_of(const NodeId& id);

/// A frame in words.
[[nodiscard]] std::string describe(const wire::Frame& frame);

}  // namespace evmesh::sim_group
