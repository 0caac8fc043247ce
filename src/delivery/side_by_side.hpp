#pragma once

#include <cstddef>
#include <functional>

#include "delivery/pool.hpp"

namespace evmesh::delivery {

/// Calls `step(0)` to `step(count - 1)`, at most `parallel_max` at once, and returns when all have ended. The
/// calls are offered to the pool; this thread makes those that nobody has taken, so it never waits for a free
/// thread. `step` does not throw.
void run_side_by_side(Pool& pool, std::size_t count, std::size_t parallel_max,
                      const std::function<void(std::size_t)>& step);

}  // namespace evmesh::delivery
