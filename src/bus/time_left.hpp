#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace evmesh::bus {

/// From `now` to `deadline`, rounded up; nothing when it has passed.
[[nodiscard]] inline std::chrono::milliseconds time_left(base::MonoTime now, base::MonoTime deadline) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - now), std::chrono::milliseconds{0});
}

}  // namespace evmesh::bus
