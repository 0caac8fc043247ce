#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include <evmesh/node.hpp>

namespace evmesh::sim {

/// What goes wrong in a run. Each is off unless the seed draws it.
enum class Fault : std::uint8_t {
  delay,          ///< frames take up to 2 s, for a while
  broken_link,    ///< connections break with what is in flight
  duplication,    ///< frames of the notification socket come twice
  replay,         ///< old frames come again, also those of lives that ended
  one_way_cut,    ///< nothing passes one way
  partition,      ///< nothing passes either way between two groups
  pause,          ///< a node does nothing; its inputs pile up
  crash,          ///< kill -9, and a restart with a higher epoch
  stop,           ///< a clean stop, and a restart
  slow_receiver,  ///< a node takes its inputs seldom
  slow_link,      ///< little bandwidth
  small_pipe,     ///< the notification socket drops early, links take little
  small_ring,     ///< the ring is overrun, the window shuts
  small_hold,     ///< little may wait for a repair or an acknowledgement
  mode_change,    ///< a restart in the other mode
  crowding,       ///< listeners do not keep up, for a while
  // Drawn apart from those above, in fewer runs.
  transient,      ///< some nodes keep nothing: another id with each start, and soon forgotten by the others
  lost_disk,      ///< a crash, and another id on the same endpoints
  old_disk,       ///< a crash, and a restart with an epoch below what the others know
  forget,         ///< an operator forgets a node that one takes for dead, and may be wrong
};
inline constexpr std::size_t fault_kinds = 20;
inline constexpr std::size_t rare_fault_kinds = 4;  // the last of them

[[nodiscard]] std::string_view to_string(Fault fault);

/// All that a seed decides before the first step. Value.
struct Plan {
  std::uint64_t seed = 0;
  unsigned hosts = 0;
  std::vector<Mode> modes;      // of each host's first life
  std::vector<bool> transient;  // hosts
  std::chrono::milliseconds transient_forget{60'000};
  std::set<Fault> faults;
  std::size_t buses = 1;
  unsigned keys = 1;
  std::chrono::milliseconds fault_time{0};     // faults and load end then
  std::chrono::milliseconds fault_interval{0};  // mean time between two
  std::chrono::milliseconds event_interval{0};  // mean time between two bursts, whole mesh
  unsigned burst_max = 1;
  std::uint64_t payload_max = 0;
  std::chrono::milliseconds change_interval{0};  // mean time between two registrations or unregistrations
  std::uint64_t ring_bytes = 0;
  std::uint64_t window_bytes = 0;
  std::uint64_t held_bytes = 0;
  std::uint64_t link_queue_bytes = 0;
  unsigned pipe_frames = 0;
  std::chrono::milliseconds redial_max{0};
  double hints = 1;  // how many of the transport's link events are told

  [[nodiscard]] bool has(Fault fault) const { return faults.contains(fault); }

  /// Nothing that is drawn can lose a notification for good, so that every gap would be a mistake.
  [[nodiscard]] bool harmless() const;
};

[[nodiscard]] Plan draw(std::uint64_t seed);

/// `plan` with few nodes, little load and a short time, for those who want many runs rather than long ones.
[[nodiscard]] Plan small(Plan plan);

}  // namespace evmesh::sim
