#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/exit_code.hpp"
#include "common/http_client.hpp"

namespace evmesh::cli {

/// The node to talk to: `given` (from --server or EVMESH_SERVER) when not empty, else the only admin socket
/// among
/// `./admin.sock` and `./*/admin.sock`, or else among `$XDG_RUNTIME_DIR/evmesh/*.sock`, or else
/// `/run/evmesh/*.sock`. `usage` for a wrong address or several sockets, naming them; `unavailable` when
/// there is none.
[[nodiscard]] peers::Outcome<peers::ServerAddress> find_server(
    const std::string& given, const std::map<std::string, std::string>& environment,
    const std::filesystem::path& working_directory);

}  // namespace evmesh::cli
