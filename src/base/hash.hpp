#pragma once

#include <cstdint>
#include <string_view>

namespace evmesh::base {

/// XXH3, 64 bits, seed 0. Part of the wire contract (interest is announced as hashes): the same on every
/// machine and in every version, pinned by literal vectors in its test. Not a defence against somebody who
/// looks for collisions.
[[nodiscard]] std::uint64_t hash64(std::string_view bytes);

}  // namespace evmesh::base
