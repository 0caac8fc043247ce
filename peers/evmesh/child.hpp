#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/exit_code.hpp"

namespace evmesh::cli {

/// Runs `command` with the shell, `input` on its standard input and `variables` added to its environment; its
/// output goes where ours goes. Waits for its end. Gives its exit code, 128 plus the signal that ended it;
/// `unavailable` when it cannot start.
[[nodiscard]] peers::Outcome<int> run_child(
    const std::string& command, const std::string& input,
    const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace evmesh::cli
