#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace evmesh::base {

/// Longest piece of a bad value that an error message repeats, in characters.
inline constexpr std::size_t shown_chars_max = 64;

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. The empty text is
/// valid.
[[nodiscard]] bool valid_utf8(std::string_view text);

/// Valid UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F).
[[nodiscard]] bool printable(std::string_view text);

/// `text` made safe for a terminal, a log line and an error message: control characters, quotes, backslashes
/// and bytes that are no UTF-8 are escaped (\n, \", \x1b), and after `chars_max` characters of the result
/// "..." ends it.
[[nodiscard]] std::string escaped(std::string_view text, std::size_t chars_max = shown_chars_max);

/// `escaped` between double quotes.
[[nodiscard]] std::string quoted(std::string_view text);

/// The candidate a person probably meant by `word`: the fewest typing errors, at most one per three
/// characters of the word and at least one allowed; the first of equals. Nothing when none is near.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> candidates);

}  // namespace evmesh::base
