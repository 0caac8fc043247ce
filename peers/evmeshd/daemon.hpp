#pragma once

#include <string>

#include "common/exit_code.hpp"
#include "common/stop_signal.hpp"
#include "evmeshd/settings.hpp"

namespace evmesh::daemon {

/// Starts the node and its admin socket, writes the ready file (unless `ready_file` is empty; there only
/// while the node is ready), and waits for a signal, a request to leave or the node's failure; then stops
/// politely. `stop` was made before any thread. Errors: `data` when the node failed for good, `cannot_create`
/// for the data directory, a port or the admin socket, `io` for a full or broken disk, the ready file or the
/// log file.
[[nodiscard]] peers::Outcome<void> run_daemon(const Settings& settings, const std::string& ready_file,
                                              peers::StopSignal& stop);

}  // namespace evmesh::daemon
