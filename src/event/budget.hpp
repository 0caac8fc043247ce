#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace evmesh::event {

/// How a decoder gives up half way; it never leaves this room.
struct Undecodable {
  std::string message;
};

/// What decoding may allocate: 8 bytes for each byte of input and 64 KiB. Honest events need less than half
/// of it; it is the second belt behind the check of every count against the bytes that are left. Value.
class Budget {
 public:
  explicit Budget(std::uint64_t input_bytes) : left_(8 * input_bytes + 64 * 1024) {}

  /// Throws `Undecodable` when `bytes` more are too many.
  void take(std::uint64_t bytes) {
    if (bytes > left_)
      throw Undecodable{"it would need more memory than its size allows (8 bytes per byte and 64 KiB)"};
    left_ -= bytes;
  }

  /// For a text kept in a std::string, which holds up to 15 bytes in itself.
  void take_text(std::uint64_t bytes) {
    if (bytes > 15) take(bytes + 1);
  }

 private:
  std::uint64_t left_;
};

/// What a node of std::map and std::set costs beside its value (libstdc++: colour, parent, two children).
inline constexpr std::uint64_t tree_node_bytes = 32;

}  // namespace evmesh::event
