#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string_view>

namespace evmesh::sim_work {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// What goes wrong in a run. Each is off unless the seed draws it.
enum class Fault : std::uint8_t {
  crash,       ///< kill -9
  power_cut,   ///< what was not synced is lost or torn
  sync_error,  ///< a write or sync fails: the node fails, and opens again in the same process
  disk_full,   ///< the disk takes nothing more, for a while
  rot,         ///< a bit of a file is another one after a restart
  clock_jump,  ///< the wall clock jumps
  poison,      ///< events that end the process
  pause,       ///< groups are paused, for a while
  cancel,      ///< what a group is owed is cancelled
  stop,        ///< a clean stop, and a restart
  letter_box,  ///< dead letters cannot be stored or removed, now and then
  small_quota,
  give_up,  ///< what a group is owed goes to its dead letters
};
inline constexpr std::size_t fault_kinds = 13;

/// All that a seed decides before the first step. Value.
struct Plan {
  std::uint64_t seed = 0;
  std::set<Fault> faults;
  unsigned groups = 1;
  milliseconds fault_time{0};      // faults and load end then
  milliseconds fault_interval{0};  // mean time between two
  milliseconds event_interval{0};  // mean time between two bursts
  unsigned burst_max = 1;
  unsigned payload_max = 0;
  unsigned trouble_percent = 0;  // of events that some group does not simply handle
  std::uint32_t retries = 8;
  unsigned concurrency = 1;
  std::uint64_t segment_bytes = 0;
  std::uint64_t event_bytes_max = 0;
  nanoseconds sync_time_max{0};

  [[nodiscard]] bool has(Fault fault) const { return faults.contains(fault); }

  /// Nothing ends a process without its goodbye.
  [[nodiscard]] bool harmless() const {
    return !has(Fault::crash) && !has(Fault::power_cut) && !has(Fault::sync_error) && !has(Fault::poison) &&
           !has(Fault::rot);
  }
};

[[nodiscard]] Plan draw(std::uint64_t seed);
[[nodiscard]] std::string_view to_string(Fault fault);

}  // namespace evmesh::sim_work
