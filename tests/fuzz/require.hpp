#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace evmesh::fuzz {

/// The fuzzer's way to report is the process's end.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::string_view text_of(const unsigned char* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace evmesh::fuzz
