#pragma once

#include <cstdint>

#include <evmesh/event.hpp>

namespace evmesh::event {

/// What headers count in every limit: names and values.
[[nodiscard]] inline std::uint64_t header_bytes(const Headers& headers) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : headers) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace evmesh::event
