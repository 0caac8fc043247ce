#include "common/exit_code.hpp"

#include <cstdio>

namespace evmesh::peers {

int report(const char* program, const Failure& failure) {
  std::fprintf(stderr, "%s: %s\n", program, failure.message.c_str());
  return static_cast<int>(failure.code);
}

}  // namespace evmesh::peers
