#pragma once

#include <memory>

#include <evmesh/node.hpp>
#include <evmesh/result.hpp>

namespace evmesh::bus {

/// Opens a node that is alone: no sockets, no encoding, a new id each time. Errors: invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Node>> open_mono(NodeOptions options);

}  // namespace evmesh::bus
