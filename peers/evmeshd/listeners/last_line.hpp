#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace evmesh::daemon {

/// Keeps the last line of a text that comes in pieces: what a program said before it failed. Bounded. Value.
class LastLine {
 public:
  static constexpr std::size_t bytes_max = 1024;

  void add(std::string_view piece);

  /// The beginning of the last line that holds more than space, at most `bytes_max` bytes, without space
  /// around it; control characters and what is no UTF-8 are escaped.
  [[nodiscard]] std::string text() const;

 private:
  std::string current_;
  std::string last_;
};

}  // namespace evmesh::daemon
