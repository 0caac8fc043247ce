#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/key.hpp>
#include <evmesh/log.hpp>
#include <evmesh/node.hpp>
#include <evmesh/registration.hpp>

#include "common/exit_code.hpp"
#include "evmeshd/option_values.hpp"

namespace evmesh::daemon {

/// What a configured listener does with an event.
enum class ListenerType : std::uint8_t { exec, log, count, file };

[[nodiscard]] std::string_view to_string(ListenerType type);

/// A listener as a file asks for it. Exactly one of `group`, `keys` and `each_node` is set. Value.
struct ListenerSpec {
  std::string name;
  std::string origin;  ///< FILE:LINE of its section
  ListenerType type = ListenerType::log;
  std::string bus;
  std::optional<Group> group;
  std::vector<RegistrationKey> keys;
  bool each_node = false;
  std::vector<std::string> events;             ///< globs of types; empty: every event
  RetryPolicy retry;                           ///< of groups
  std::uint32_t concurrency = 10;              ///< of groups
  std::chrono::milliseconds timeout{600'000};  ///< of groups, and of exec
  std::vector<std::string> command;            ///< exec: program and arguments, at least one word
  std::filesystem::path directory;             ///< exec: empty: where the daemon runs
  std::filesystem::path file;                  ///< file
  LogLevel level = LogLevel::info;             ///< log
};

/// Reads the sections as what they mean, and fills in their defaults (into `sections` too, for
/// `effective_config`). `config` naming `FILE:LINE: listener.NAME.key`, the value and the cure, for
/// everything that can be wrong with a section by itself, beside another one and on this `node`.
[[nodiscard]] peers::Outcome<std::vector<ListenerSpec>> read_listeners(std::vector<ListenerSection>& sections,
                                                                       const NodeOptions& node);

/// Sentences about listeners that a start takes, though they cannot work now: a program that cannot be run,
/// a directory that is not there.
[[nodiscard]] std::vector<std::string> listener_warnings(const std::vector<ListenerSpec>& listeners);

/// The sections as `-c` reads them.
[[nodiscard]] std::string listeners_config(const std::vector<ListenerSection>& sections);

}  // namespace evmesh::daemon
