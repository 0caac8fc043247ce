#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "evmesh/session.hpp"

namespace evmesh::cli {

/// What became of dispatched events in their groups. Value.
struct Ended {
  std::uint64_t done = 0;  ///< every group has handled it, or nobody was owed it
  std::uint64_t dead = 0;  ///< a group gave it up
  std::uint64_t owed = 0;  ///< not over when the time had passed
};

/// Waits until nothing is owed for these events, or `end`.
[[nodiscard]] peers::Outcome<Ended> wait_until_over(Session& session, std::vector<std::string> events,
                                                    std::chrono::steady_clock::time_point end);

}  // namespace evmesh::cli
