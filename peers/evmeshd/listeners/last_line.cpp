#include "evmeshd/listeners/last_line.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace evmesh::daemon {
namespace {

constexpr std::string_view spaces = " \t\r\n\v\f";

bool blank(std::string_view text) { return text.find_first_not_of(spaces) == std::string_view::npos; }

/// The longest beginning of at most `bytes` that cuts no character in two.
std::string_view beginning(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (text[bytes] & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

void LastLine::add(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t end = std::min(piece.find('\n'), piece.size());
    // A character more than is shown, so that what is cut off is known to be none.
    current_.append(piece.substr(0, std::min(end, bytes_max + 4 - std::min(current_.size(), bytes_max + 4))));
    if (end == piece.size()) return;
    if (!blank(current_)) last_ = current_;
    current_.clear();
    piece.remove_prefix(end + 1);
  }
}

std::string LastLine::text() const {
  std::string_view line = blank(current_) ? last_ : current_;
  if (blank(line)) return {};
  line.remove_prefix(line.find_first_not_of(spaces));
  line = line.substr(0, line.find_last_not_of(spaces) + 1);
  line = beginning(line, bytes_max);
  if (base::printable(line)) return std::string(line);
  return std::string(beginning(base::escaped(line, bytes_max), bytes_max));
}

}  // namespace evmesh::daemon
