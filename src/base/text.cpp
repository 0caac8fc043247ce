#include "base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace evmesh::base {
namespace {

struct Decoded {
  char32_t code = 0;
  std::size_t length = 0;  // 0: not UTF-8
};

std::uint8_t byte_at(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

/// The character at the start of `text`, which is not empty.
Decoded decode_one(std::string_view text) {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};

  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};

  char32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte_at(text, i) & 0x3fU);
  }

  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {};
  return {code, length};
}

/// How many bytes at the start are plain printable ones, as nearly all are; eight are looked at at once.
std::size_t plain_bytes(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const std::uint64_t below_space = (bytes - 0x20 * ones) & ~bytes;
    const std::uint64_t above_tilde = bytes | (bytes + ones);
    if (((below_space | above_tilde) & high) != 0) break;
  }
  while (at < text.size() && text[at] >= ' ' && text[at] <= '~') ++at;
  return at;
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code <= 0x9f); }

std::string hex_escape(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
  }
  return out;
}

/// One character as it is shown, escaped where it must be.
std::string shown(Decoded decoded, std::string_view bytes) {
  if (decoded.length == 0) return hex_escape(bytes);
  switch (decoded.code) {
    case U'\n': return "\\n";
    case U'\r': return "\\r";
    case U'\t': return "\\t";
    case U'"': return "\\\"";
    case U'\\': return "\\\\";
    default: return is_control(decoded.code) ? hex_escape(bytes) : std::string(bytes);
  }
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

bool valid_utf8(std::string_view text) {
  for (text.remove_prefix(plain_bytes(text)); !text.empty(); text.remove_prefix(plain_bytes(text))) {
    const Decoded decoded = decode_one(text);
    if (decoded.length == 0) return false;
    text.remove_prefix(decoded.length);
  }
  return true;
}

bool printable(std::string_view text) {
  for (text.remove_prefix(plain_bytes(text)); !text.empty(); text.remove_prefix(plain_bytes(text))) {
    const Decoded decoded = decode_one(text);
    if (decoded.length == 0 || is_control(decoded.code)) return false;
    text.remove_prefix(decoded.length);
  }
  return true;
}

std::string escaped(std::string_view text, std::size_t chars_max) {
  std::string out;
  std::size_t chars = 0;
  while (!text.empty()) {
    const Decoded decoded = decode_one(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(decoded.length, 1));
    const std::string piece = shown(decoded, bytes);
    chars += piece == bytes ? 1 : piece.size();
    if (chars > chars_max) return out + "...";
    out += piece;
    text.remove_prefix(bytes.size());
  }
  return out;
}

std::string quoted(std::string_view text) { return '"' + escaped(text) + '"'; }

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > 2 * shown_chars_max) return std::nullopt;  // no option is that long; keeps the work small

  const std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  std::optional<std::string_view> best;
  std::size_t best_distance = allowed + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace evmesh::base
