#pragma once

#include <memory>

#include <evmesh/node.hpp>

namespace evmesh::bus {

/// Opens a node of mode scale_efficient or broadcast. As `Node::open`.
[[nodiscard]] Result<std::unique_ptr<Node>> open_mesh(NodeOptions options);

}  // namespace evmesh::bus
