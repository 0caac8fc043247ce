#include <utility>

#include <evmesh/node.hpp>

#include "bus/local_node.hpp"
#include "bus/mesh_node.hpp"

namespace evmesh {

Result<std::unique_ptr<Node>> Node::open(NodeOptions options) {
  if (options.mode == Mode::mono) return bus::open_mono(std::move(options));
  return bus::open_mesh(std::move(options));
}

}  // namespace evmesh
