#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

namespace evmesh::daemon {

/// Cuts a command into program and arguments as a shell does, without expanding anything: spaces separate,
/// `'...'` is taken as it is, in `"..."` and outside a backslash takes the next character as it is (in
/// `"..."` only before `"` and `\`), a word that begins with `#` ends the command. What only a shell could
/// do is refused, so that nobody waits for it: an unquoted `|`, `&`, `;`, `<`, `>`, `(`, `)`, `$`, `*`, `?`,
/// `~` or backquote. `invalid_argument` naming the character, an open quote, or that there is no word.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace evmesh::daemon
