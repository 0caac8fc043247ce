#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "wire/cursor.hpp"

namespace evmesh::wire {

/// Length of what stands at the head of every frame of every version.
inline constexpr std::size_t header_bytes = 56;

/// Appends the header, with a body length of 0.
void write_header(std::string& out, const Header& header);

/// Sets the body length in the header that `frame` begins with, to what follows it.
void write_body_length(std::string& frame);

/// Takes the header and returns the body length it claims.
std::uint32_t read_header(Reader& reader, Header& header);

/// Overwrites bytes of `frame` that were left open, lowest first.
template <class T>
void patch(std::string& frame, std::size_t offset, T value) {
  assert(frame.size() >= offset + sizeof(T));
  base::put(frame.data() + offset, value);
}

}  // namespace evmesh::wire
