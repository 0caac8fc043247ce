#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <evmesh/log.hpp>
#include <evmesh/node.hpp>

#include "common/exit_code.hpp"
#include "evmeshd/listeners/listener_spec.hpp"
#include "evmeshd/option_values.hpp"

namespace evmesh::daemon {

/// All that a daemon is told. Value.
struct Settings {
  NodeOptions node;
  std::filesystem::path admin_socket;
  std::vector<ListenerSpec> listeners;
  LogLevel log_level = LogLevel::info;
  std::filesystem::path log_file;  ///< empty: standard error
  std::vector<std::string> warnings;  ///< what a start takes, though nobody can have meant it
};

/// Reads the values as what they mean, fills in the defaults that depend on others (into `values` too, for
/// `effective_config`) and checks everything that can be checked without starting. `usage` or `config` by
/// where the wrong value came from, naming it: `FILE:LINE: node.mode: "x" is no mode; ...`.
[[nodiscard]] peers::Outcome<Settings> read_settings(OptionValues& values);

/// What a start would use, as a file that `-c` reads, each line with where its value comes from.
[[nodiscard]] std::string effective_config(const OptionValues& values);

}  // namespace evmesh::daemon
