#pragma once

#include <filesystem>
#include <string>

#include <evmesh/node.hpp>

namespace evmesh::daemon {

/// What starting scripts wait for: one JSON object with pid, id, name, epoch, mode, the real endpoints and
/// the admin socket.
[[nodiscard]] std::string ready_json(const NodeStatus& status, const std::filesystem::path& admin_socket,
                                     long pid);

}  // namespace evmesh::daemon
