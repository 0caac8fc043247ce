#pragma once

#include <cstdint>
#include <string_view>

namespace evmesh::base {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `bytes`, continuing `before`: crc32c(b, crc32c(a)) is that of a and b
/// together. Uses the processor's instruction where there is one. Part of the disk format, pinned by literal vectors.
/// Finds rot, not malice. Thread-safe.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

/// The same without the processor's help; only the tests, which compare the two, call it by name.
[[nodiscard]] std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace evmesh::base
