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

/// A `[listener.NAME]`, with what stands below it.
struct ConfigListener {
  std::string name;
  std::string origin;  ///< `FILE:LINE` of its head
  std::vector<ConfigLine> lines;
};

/// What a file says. Value.
struct ConfigText {
  std::vector<ConfigLine> lines;
  std::vector<ConfigListener> listeners;
};

/// Reads INI text: `[section]`, `key = value`, comments from `#` or `;` at the beginning of a line or after a
/// space (in `command` and `shell` of a listener they are part of the value). `config` naming file and line:
/// no section, no `=`, an empty key, an unknown key (with the nearest), a key given twice that may not be
/// repeated, a listener's section given twice or without a good name, bytes that are no UTF-8 text. `file` is
/// only named.
[[nodiscard]] peers::Outcome<ConfigText> parse_config(std::string_view text, const std::string& file);

/// The same from a file of at most 1 MiB.
[[nodiscard]] peers::Outcome<ConfigText> read_config(const std::filesystem::path& file);

/// What `parse_config` reads as this value, without an end of line: a mark of a comment at its beginning has no space before it.
[[nodiscard]] std::string config_line(std::string_view key, std::string_view value);

}  // namespace evmesh::daemon
