#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evmesh::daemon {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Tells all running children that the daemon stops. Thread-safe.
class ChildrenStop {
 public:
  /// Children that have not ended by themselves at `terminate_at` are ended then. Once.
  void begin(SteadyTime terminate_at);

  /// Empty while nobody has asked for the end.
  [[nodiscard]] std::optional<SteadyTime> terminate_at() const;

  /// Asked for at `begin`.
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  std::atomic<SteadyTime::rep> terminate_at_{0};
  std::stop_source source_;
};

/// What to run.
struct ChildTask {
  const std::vector<std::string>& words;   ///< program, looked for in PATH without a slash, and arguments
  const std::filesystem::path& directory;  ///< empty: ours
  std::string_view input;                  ///< for its standard input
  /// Added to our environment.
  const std::vector<std::pair<std::string, std::string>>& variables;
};

/// When a child has to end before it wants to: it gets TERM, and 5 s later KILL.
struct ChildBounds {
  std::chrono::milliseconds timeout;
  const ChildrenStop& stop;
  std::stop_token at_once{};  ///< TERM when this is asked for
};

/// How a child came to its end. Value.
struct ChildEnd {
  enum class Kind : std::uint8_t {
    exited,       ///< by itself, also after it was asked to because the daemon stops
    killed,       ///< by a signal that we did not send
    timed_out,    ///< it ran longer than it may
    stopped,      ///< by a signal, because the daemon stops or nobody waits for it any more; 0: it never ran
    not_started,  ///< it never ran
  };
  Kind kind = Kind::exited;
  int number = 0;         ///< exit code, signal, or errno of the start
  std::string last_line;  ///< of its standard error; at most 1 KiB
};

/// Runs a program in a process group of its own and waits for its end. Its input is a file in memory that it
/// may read or not, its standard output is thrown away, of its standard error the last line is kept, whatever
/// it writes. TERM and KILL go to the whole group; a group that got TERM is gone when this returns. It has no
/// other descriptor of ours, no blocked signal, and is no zombie afterwards. Blocks; thread-safe.
[[nodiscard]] ChildEnd run_child(const ChildTask& task, const ChildBounds& bounds);

}  // namespace evmesh::daemon
