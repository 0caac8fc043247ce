#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frames.hpp"

namespace evmesh::wire::test {

/// Literal bytes in hexadecimal, spaces between them; the same as in src/wire/README.md.
struct Vector {
  std::string_view name;
  std::string_view hex;
};

/// One frame of each kind, and last the event that the NOTIFY carries.
[[nodiscard]] const std::vector<Vector>& vectors();
[[nodiscard]] const std::vector<Vector>& work_vectors();  ///< those of group work
[[nodiscard]] std::string_view hex_of(std::string_view name);

/// Spaces are skipped.
[[nodiscard]] std::string from_hex(std::string_view hex);

/// What the vector of that name says.
struct Sample {
  std::string name;
  std::string bytes;
  Frame frame;
};
[[nodiscard]] const std::vector<Sample>& samples();

/// Of group work, what the body says.
struct NamedBody {
  std::string_view name;
  Kind kind = Kind::groups;
  Body body;
};
[[nodiscard]] std::vector<NamedBody> work_bodies();
[[nodiscard]] const Sample& sample(std::string_view name);

/// The 16 bytes from `first` upwards.
[[nodiscard]] NodeId node(std::uint8_t first);

/// A frame of version 1 with a good header and this body.
[[nodiscard]] std::string frame_of(Kind kind, std::string_view body_hex);

/// `bytes` with those at `offset` replaced.
[[nodiscard]] std::string patched(std::string bytes, std::size_t offset, std::string_view hex);

/// `bytes` with a body length that fits what is there.
[[nodiscard]] std::string with_length(std::string bytes);

}  // namespace evmesh::wire::test
