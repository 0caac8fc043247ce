#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string_view>

namespace evmesh::sim_group {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// What goes wrong in a run. Each is off unless the seed draws it.
enum class Fault : std::uint8_t {
  crash,        ///< kill -9 of a node
  power_cut,    ///< of a node: what was not synced is lost or torn
  power_all,    ///< of all nodes at once
  sync_error,   ///< a write or sync fails: the node fails, and opens again
  disk_full,    ///< a disk takes nothing more, for a while
  poison,       ///< events that end the process that runs them
  freeze,       ///< a process stands still for longer than its leases, then goes on
  partition,    ///< some nodes cannot reach the others, for a while
  one_way,      ///< frames from one node to another do not arrive, for a while
  link_break,   ///< a connection breaks; what was on the way is lost
  slow_link,    ///< little bandwidth between two nodes, for a while
  stop,         ///< a clean stop, and a restart
  lost_disk,    ///< a node comes back without its disk, under a new id
  rollback,     ///< a node's directory is put back to an empty one, and it comes back under its old name
  gone,         ///< a node dies and never comes back
  group_pause,  ///< groups are paused everywhere, for a while
  letter_box,   ///< dead letters cannot be stored or removed at a node, now and then
  clock_jump,   ///< wall clocks jump
  runners,      ///< nodes begin and cease to run groups
};
inline constexpr std::size_t fault_kinds = 19;

/// All that a seed decides before the first step. Value.
struct Plan {
  std::uint64_t seed = 0;
  std::set<Fault> faults;
  unsigned nodes = 2;
  unsigned groups = 1;
  bool copied = false;             // nodes keep copies for each other
  bool alike = false;              // every node runs every group
  std::uint32_t copies = 0;        // as CoreOptions
  milliseconds fault_time{0};      // faults and load end then
  milliseconds fault_interval{0};  // mean time between two
  milliseconds event_interval{0};  // mean time between two bursts
  unsigned burst_max = 1;
  unsigned events_max = 0;  // of the load
  unsigned payload_max = 0;
  unsigned trouble_percent = 0;  // of events that some group does not simply handle
  std::uint32_t retries = 8;
  milliseconds first_wait{100};
  unsigned slots = 1;
  std::uint64_t segment_bytes = 0;
  std::uint64_t event_bytes_max = 0;
  nanoseconds sync_time_max{0};
  nanoseconds latency_max{0};
  bool frames_first = false;  // frames leave before the records of the same turn are written

  [[nodiscard]] bool has(Fault fault) const { return faults.contains(fault); }
  [[nodiscard]] bool has_any(std::initializer_list<Fault> any) const {
    for (const Fault fault : any) {
      if (has(fault)) return true;
    }
    return false;
  }

  /// Nothing ends a process without its goodbye, nobody who lives is thought dead, and nobody comes back to what
  /// another has taken over who is away himself.
  [[nodiscard]] bool harmless() const;

  /// Whoever is thought dead is dead, and what was synced stays.
  [[nodiscard]] bool honest() const;

  /// An obligation has one letter at the most. Of letters there are no copies: who dies between a letter and the verdict
  /// keeps it, and an heir buries the same once more.
  [[nodiscard]] bool one_letter() const { return honest() && !copied; }

  /// Of two guardians that take over in the same moment the one may win whose copy lacks the last records.
  [[nodiscard]] bool heirs_may_tie() const { return copied && others() > 1; }

  /// Processes that one event may end. Who inherits it knows nothing of the flight table that says it ran alone.
  [[nodiscard]] unsigned deaths_max() const { return copied ? 4 : 2; }

  /// Copies that an acceptance must have on other nodes, when there are enough of them.
  [[nodiscard]] std::uint32_t others() const;
};

[[nodiscard]] Plan draw(std::uint64_t seed);

/// `plan` with few nodes, little load and a short time, for those who want many runs rather than long ones.
[[nodiscard]] Plan small(Plan plan);
[[nodiscard]] std::string_view to_string(Fault fault);

}  // namespace evmesh::sim_group
