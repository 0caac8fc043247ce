#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evmeshd/option_table.hpp"

namespace evmesh::daemon {

/// Which listeners a key of a section is for.
enum class KeyScope : std::uint8_t {
  all,
  groups,           ///< those that have `group`
  groups_and_exec,  ///< those that have `group`, and type exec
  exec,
  file,
  log,
};

/// One key of a `[listener.NAME]`. Its option has the bare name, without the section.
struct ListenerKey {
  OptionSpec option;
  KeyScope scope = KeyScope::all;
  bool verbatim = false;  ///< the rest of the line is the value, marks of comments included
};

/// All keys, in the order in which people should read them.
[[nodiscard]] std::span<const ListenerKey> listener_keys();

/// Null when there is none of this name.
[[nodiscard]] const ListenerKey* find_listener_key(std::string_view name);

/// `listener.NAME.key`, as complaints name it.
[[nodiscard]] std::string full_name(std::string_view listener, std::string_view key);

}  // namespace evmesh::daemon
