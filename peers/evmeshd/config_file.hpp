#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/exit_code.hpp"

namespace evmesh::daemon {

/// One `key = value` of a file.
struct ConfigLine {
  std::string name;    ///< `section.key`
  std::string value;   ///< without space around it
  std::string origin;  ///< `FILE:LINE`
};

/// Reads INI text: `[section]`, `key = value`, comments from `#` or `;` at the beginning of a line or after a
/// space. `config` naming file and line: no section, no `=`, an empty key, an unknown key (with the nearest),
/// a key given twice that may not be repeated, bytes that are no UTF-8 text. `file` is only named.
[[nodiscard]] peers::Outcome<std::vector<ConfigLine>> parse_config(std::string_view text,
                                                                   const std::string& file);

/// The same from a file of at most 1 MiB.
[[nodiscard]] peers::Outcome<std::vector<ConfigLine>> read_config(const std::filesystem::path& file);

}  // namespace evmesh::daemon
