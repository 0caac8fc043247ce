#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evmesh {

/// How much a record matters to the person who reads it.
enum class LogLevel : std::uint8_t {
  debug,    ///< for the developer of evmesh
  info,     ///< normal life: members come and go
  warning,  ///< something was lost, refused or repeated, and evmesh went on
  error,    ///< somebody has to act
};

/// The level's name as it stands in logs, for example "warning".
[[nodiscard]] std::string_view to_string(LogLevel level);

/// One thing that happened. Value.
struct LogRecord {
  LogLevel level = LogLevel::info;
  std::string message;  ///< a stable word to search for, for example "delivery_failed"
  std::vector<std::pair<std::string, std::string>>
      fields;  ///< name and value, in the order they should be read

  bool operator==(const LogRecord&) const = default;
};

/// Where the library speaks; empty means silence. The library writes nothing anywhere else.
/// Called from any thread, never two calls of one node at once, never while a lock is held that the library
/// needs to go on; must not block for long. What it throws is swallowed.
using LogSink = std::function<void(const LogRecord&)>;

}  // namespace evmesh
