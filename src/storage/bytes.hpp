#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace evmesh::storage {

/// Writes `value` at `to`, lowest byte first; the next byte. Compilers make one store of it.
template <std::unsigned_integral T>
char* put(char* to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) *to++ = static_cast<char>(value >> (8 * i));
  return to;
}

/// What `put` wrote at `from`.
template <std::unsigned_integral T>
[[nodiscard]] T get(const char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i));
  }
  return value;
}

}  // namespace evmesh::storage
