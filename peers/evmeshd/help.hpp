#pragma once

#include <string>

namespace evmesh::daemon {

/// What `evmeshd --help` prints: every option with its unit and default.
[[nodiscard]] std::string help_text();

}  // namespace evmesh::daemon
