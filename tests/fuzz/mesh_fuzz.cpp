// Whole meshes: membership, routing, delivery.
#include "played.hpp"
#include "sim/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return evmesh::fuzz::play<evmesh::sim::World>(data, size, evmesh::sim::draw);
}
