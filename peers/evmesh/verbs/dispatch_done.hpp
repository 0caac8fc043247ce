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
  /// Why those wait, group by group; empty when all groups that they are owed to go on.
  std::vector<std::string> hindered{};
};

/// Waits until nothing is owed for these events, or `end`. A group that meanwhile has no runner, or is paused, is
/// told of as soon as that is seen.
[[nodiscard]] peers::Outcome<Ended> wait_until_over(Session& session, std::vector<std::string> events,
                                                    std::chrono::steady_clock::time_point end);

}  // namespace evmesh::cli
