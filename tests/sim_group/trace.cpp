#include "trace.hpp"

#include <sstream>

namespace evmesh::sim_group {

std::string name_of(const NodeId& id) {
  std::string name = "n" + std::to_string(id.bytes[1]);
  if (id.bytes[2] > 0) name += std::string(id.bytes[2], '\'');
  return name;
}

std::string name_of(const wire::Life& life) { return name_of(life.id) + '/' + std::to_string(life.epoch); }

std::string describe(const wire::Frame& frame) {
  std::ostringstream out;
  out << "kind " << static_cast<unsigned>(frame.header.kind);
  return out.str();
}

}  // namespace evmesh::sim_group
