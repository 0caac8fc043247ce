#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/exit_code.hpp"
#include "evmesh/command.hpp"

namespace evmesh::cli {

/// The events to dispatch, each as a JSON item of the event route. Value.
struct Items {
  std::vector<std::string> items;
  std::uint64_t rounds = 1;  ///< how often all of them are sent
};

/// From words and flags: TYPE with BODY ("-": standard input) and --count, or --file. `usage` for what contradicts, `data`
/// naming the line of a file that holds no JSON, `io` when something cannot be read.
[[nodiscard]] peers::Outcome<Items> read_items(const Arguments& arguments);

}  // namespace evmesh::cli
