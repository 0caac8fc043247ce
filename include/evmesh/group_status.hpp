#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>

namespace evmesh {

/// Where one group of one bus stands on this node. Value.
struct GroupStatus {
  std::string bus;
  Group group;
  bool required = false;      ///< what is accepted is owed to it, whether it runs here or not
  std::uint32_t runners = 0;  ///< listeners of this node that run it; none on a front-line node
  bool critical = true;       ///< as GroupOptions; what was said last, also before a restart
  bool paused = false;
  std::string pause_reason;  ///< empty unless it is paused
  std::uint64_t ready = 0;   ///< may run now
  std::uint64_t running = 0;
  std::uint64_t retrying = 0;       ///< wait for their next attempt
  std::uint64_t dying = 0;          ///< failed for good, their dead letters not kept yet
  std::uint64_t dead = 0;           ///< dead letters
  std::optional<Timestamp> oldest;  ///< when the oldest that is still owed was accepted
  /// Of the last some thousand executions here since its listener was registered, 99 of 100 took no longer.
  std::optional<std::chrono::microseconds> run_p99{};

  [[nodiscard]] std::uint64_t owed() const { return ready + running + retrying + dying; }
};

/// What has become of an event in a group.
enum class WorkState : std::uint8_t {
  ready,  ///< waits for a runner
  running,
  retrying,  ///< waits for its next attempt
  dying,     ///< failed for good; its dead letter is being kept
  settling,  ///< has ended; the dead letter it was before is being removed
  done,
  dead,       ///< is a dead letter, or was one until somebody removed it
  cancelled,  ///< its group was removed
};

[[nodiscard]] std::string_view to_string(WorkState state);

/// One dispatch of an event in one group. Value.
struct GroupLife {
  DispatchId dispatch;
  std::string bus;
  Group group;
  WorkState state = WorkState::ready;
  std::uint32_t attempt = 1;  ///< running or next; when it has ended, the last
  std::uint32_t returns = 0;  ///< how often it was redelivered, as far as known
  Timestamp accepted{};
  std::vector<Attempt> attempts;         ///< that failed, oldest first
  std::optional<DeadLetterId> letter{};  ///< when it is dead and the letter is there

  /// Nothing is owed any more.
  [[nodiscard]] bool over() const { return state >= WorkState::done; }
};

/// All that this node remembers of an event: what is owed, what is a dead letter, and of the others those
/// among the last 10,000 that ended in this process. Value.
struct EventLife {
  EventId event;
  std::vector<GroupLife> groups;  ///< by dispatch and group; empty: finished, or never accepted here

  [[nodiscard]] bool over() const;
};

}  // namespace evmesh
