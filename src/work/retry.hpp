#pragma once

#include <chrono>
#include <cstdint>

#include <evmesh/bus.hpp>

namespace evmesh::work {

/// How long retry `n` (from 1) waits: `min(cap, first * 2^(n-1)) * (1 + jitter * chance)`, rounded up; never
/// shorter than the exponential. Zero for `n` outside 1 to `max_retries`. `chance` is in [0, 1). Pure.
/// Source: the James event bus, whose jitter does not shorten either; the cap is ours.
[[nodiscard]] std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::uint32_t n,
                                                    double chance);

}  // namespace evmesh::work
