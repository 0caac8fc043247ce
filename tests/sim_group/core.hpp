#pragma once

#include "work/core.hpp"

namespace evmesh::sim_group {

using work::Core;
using work::CoreOptions;

/// Whether nodes share their work.
inline constexpr bool meshed = false;

}  // namespace evmesh::sim_group
