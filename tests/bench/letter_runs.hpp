#pragma once

#include <cstdint>
#include <string>

namespace bench {

/// Leaves `letters` dead letters on the disk, of ten groups and a hundred types, the last of a rare one.
void bury(const std::string& directory, std::uint64_t letters);

struct Pages {
  double open_seconds = 0;  ///< of the node
  double page_ms = 0;       ///< to read 100 letters: the slowest of several filters and places, by its median
  double match_ms = 0;      ///< the same of a text that stands in the last letter only
};
Pages pages(const std::string& directory);

}  // namespace bench
