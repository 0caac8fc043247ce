// Meshes that share group work over disks that crash.
#include "played.hpp"
#include "sim_group/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return evmesh::fuzz::play<evmesh::sim_group::World>(data, size, evmesh::sim_group::draw);
}
