#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include <evmesh/log.hpp>

#include "common/http_client.hpp"
#include "common/options.hpp"
#include "evmesh-maildir/root_pattern.hpp"

namespace evmesh::maildir {

/// What the program was asked to do, checked. Value.
struct Settings {
  RootPattern root;
  std::filesystem::path state_dir;  ///< absolute
  bool print = false;
  bool once = false;
  std::optional<peers::ServerAddress> server;  ///< empty when printing
  std::string bus;
  std::string reset_user;  ///< empty: nobody
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds give_up{0};  ///< 0: never
  std::chrono::milliseconds rescan{0};   ///< 0: never
  LogLevel log_level = LogLevel::info;
};

/// What to do instead of running.
struct Text {
  std::string text;  ///< for standard output
};

/// Flags, environment and defaults as settings, or the text of --help or --version. `usage` naming the value
/// and the cure.
[[nodiscard]] peers::Outcome<std::variant<Settings, Text>> read_settings(
    const peers::OptionSources& sources, const std::filesystem::path& working_directory);

}  // namespace evmesh::maildir
