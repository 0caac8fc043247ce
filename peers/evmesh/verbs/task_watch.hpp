#pragma once

#include <string>
#include <vector>

#include "evmesh/command.hpp"

namespace evmesh::cli {

/// Waits until the tasks are over, showing how far they have got, then prints them. `negative` when one did
/// not end well, `try_again` when --timeout was given and has passed. `local`: only their parts on the node asked.
[[nodiscard]] peers::Outcome<void> wait_for_tasks(Session& session, const std::vector<std::string>& ids, bool local);

/// Prints `evmesh.task.v1` documents.
[[nodiscard]] peers::Outcome<void> print_tasks(const Session& session,
                                               const std::vector<std::string>& documents);

}  // namespace evmesh::cli
