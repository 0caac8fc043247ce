#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "evmesh-maildir/scan.hpp"

namespace evmesh::maildir {

/// A message that is in a folder or was in it. Value.
struct Located {
  std::string folder;  ///< id
  std::string base;
  FileFacts file;

  bool operator==(const Located&) const = default;
};

/// Positions in the two lists given to `find_moves`.
struct Move {
  std::size_t from = 0;  ///< in what is missing
  std::size_t to = 0;    ///< in what has appeared

  bool operator==(const Move&) const = default;
};

/// Which of the messages that appeared are messages missing from another folder: those of the same base name,
/// and then those of the same file (inode, size and time, because inode numbers are given again). Each
/// message is in one move at most. Sorted by `to`.
[[nodiscard]] std::vector<Move> find_moves(const std::vector<Located>& missing,
                                           const std::vector<Located>& appeared);

}  // namespace evmesh::maildir
