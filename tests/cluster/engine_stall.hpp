#pragma once

#include <chrono>
#include <set>

namespace evmesh::peer {

/// The threads of this process that are not libzmq's own.
[[nodiscard]] std::set<int> threads_now();

/// Makes `stall` possible; once, before the threads start.
void prepare_stalls();

/// Holds each of `threads` inside a signal handler for `time`, wherever they are, locks included.
void stall(const std::set<int>& threads, std::chrono::milliseconds time);

}  // namespace evmesh::peer
