#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evmesh::daemon {

/// One setting: the same name is the flag `--NAME`, the environment variable `EVMESH_NAME` in capitals with
/// `_`, and `key` in a `[section]` of a file.
struct OptionSpec {
  std::string_view name;           ///< `section.key`
  std::string_view value_name;     ///< what `--help` shows; empty for a switch
  std::string_view default_value;  ///< as a person would write it; empty: none
  std::string_view help;
  bool repeatable = false;
};

/// All settings, in the order in which people should read them.
[[nodiscard]] std::span<const OptionSpec> option_table();

[[nodiscard]] const OptionSpec* find_option(std::string_view name);

/// "EVMESH_NODE_DATA_DIR" for "node.data-dir".
[[nodiscard]] std::string variable_of(std::string_view name);

/// "; did you mean X?", X as it stands in `candidates`, or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace evmesh::daemon
