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

/// What the daemon was told, before any value is read as what it means.
struct OptionValues {
  std::map<std::string, OptionValue, std::less<>>
      by_name;  ///< every setting that has a value, defaults included
  std::string ready_file;
  bool check_config = false;
  bool print_config = false;
  bool help = false;
  bool version = false;
};

/// Flags over environment over files (a later file over an earlier one) over defaults. A repeatable setting
/// is taken whole from the strongest source. `usage` for a wrong flag or variable, `config` for a wrong file.
[[nodiscard]] peers::Outcome<OptionValues> read_option_values(const peers::OptionSources& sources);

}  // namespace evmesh::daemon
