#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/exit_code.hpp"
#include "common/options.hpp"

namespace evmesh::daemon {

/// The values of one setting and where they come from.
struct OptionValue {
  std::vector<std::string> texts;
  std::string origin;  ///< "default", "--node.name", "EVMESH_NODE_NAME" or "FILE:LINE"
  peers::ExitCode wrong = peers::ExitCode::usage;  ///< how to end when the value is no good: config for files
  std::vector<std::string> lines{};  ///< FILE:LINE of each text, when they come from a file
};

/// Settings by name.
using OptionMap = std::map<std::string, OptionValue, std::less<>>;

/// A `[listener.NAME]` of a file; its settings are named `listener.NAME.key`.
struct ListenerSection {
  std::string name;
  std::string origin;  ///< FILE:LINE of the section's head
  OptionMap values;    ///< without defaults
};

/// What the daemon was told, before any value is read as what it means.
struct OptionValues {
  OptionMap by_name;                       ///< every setting that has a value, defaults included
  std::vector<ListenerSection> listeners;  ///< in the order in which they were first named
  std::string ready_file;
  bool check_config = false;
  bool print_config = false;
  bool help = false;
  bool version = false;
};

/// Flags over environment over files (a later file over an earlier one) over defaults. A repeatable setting
/// is taken whole from the strongest source, and a listener's section whole from the last file that has it.
/// `usage` for a wrong flag or variable, `config` for a wrong file.
[[nodiscard]] peers::Outcome<OptionValues> read_option_values(const peers::OptionSources& sources);

}  // namespace evmesh::daemon
