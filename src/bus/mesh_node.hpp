#pragma once

#include <memory>

#include <evmesh/node.hpp>

namespace evmesh::bus {

/// Checks what a member of the mesh needs beyond `check_options`: endpoints, seeds, and that nobody else can
/// reach it unless `insecure`. `invalid_argument` names the option or the value.
[[nodiscard]] Result<void> check_mesh_options(const NodeOptions& options);

/// Opens a node of mode scale_efficient or broadcast. As `Node::open`.
[[nodiscard]] Result<std::unique_ptr<Node>> open_mesh(NodeOptions options);

}  // namespace evmesh::bus
