#pragma once

#include <cstddef>

namespace evmesh::wire::test {

/// How many bytes this thread has asked `operator new` for, freed or not. The whole test program counts.
[[nodiscard]] std::size_t allocated_bytes();

}  // namespace evmesh::wire::test
