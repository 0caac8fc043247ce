#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/group_status.hpp>
#include <evmesh/redelivery.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// What operators ask of a node's group work. Reading changes nothing. Every call blocks for the disk at
/// most, unless it says that it waits. Thread-safe; lives as long as its node. When that has stopped,
/// unfinished tasks go on in its next life.
class GroupWork {
 public:
  GroupWork() = default;
  GroupWork(const GroupWork&) = delete;
  GroupWork& operator=(const GroupWork&) = delete;
  virtual ~GroupWork() = default;

  // Groups. Those that are required, run here, or are owed something; also those with nothing but dead
  // letters.

  /// Sorted by bus and name.
  [[nodiscard]] virtual Result<std::vector<GroupStatus>> groups() const = 0;

  /// Errors: unknown_group; invalid_argument (no such bus).
  [[nodiscard]] virtual Result<GroupStatus> group(std::string_view bus, const Group& group) const = 0;

  /// Starts no further execution of the group on any node of the mesh until `resume`, also after a restart;
  /// what is owed stays owed. `reason`: at most 1,024 bytes of UTF-8. Idempotent, the last reason holds.
  /// Errors: unknown_group, invalid_argument, storage.
  [[nodiscard]] virtual Result<GroupStatus> pause(std::string_view bus, const Group& group,
                                                  std::string reason) = 0;
  [[nodiscard]] virtual Result<GroupStatus> resume(std::string_view bus, const Group& group) = 0;

  /// Ends that events are owed to the group, on all nodes of the mesh. What it is still owed here is cancelled
  /// when `cancel`, and counted in the answer; otherwise the group is refused while anything is owed here.
  /// What other nodes owe it goes to their dead letters. Dead letters stay. Errors: unknown_group,
  /// group_in_use (a listener of this node runs it, or it is owed something), invalid_argument, storage.
  [[nodiscard]] virtual Result<std::uint64_t> remove(std::string_view bus, const Group& group,
                                                     bool cancel) = 0;

  // Events.

  /// Looks through all that is owed.
  [[nodiscard]] virtual Result<EventLife> event(const EventId& event) const = 0;

  /// Waits until nothing is owed for any of `events` (1 to 1,024), at most `timeout` (up to 1 hour); what is
  /// known then, in the order asked. Errors: invalid_argument.
  [[nodiscard]] virtual Result<std::vector<EventLife>> wait_over(std::span<const EventId> events,
                                                                 std::chrono::milliseconds timeout) const = 0;

  // Dead letters of all buses.

  /// Up to `limit` (1 to 1,000) behind number `after`; fewer when their events have more than 16 MiB
  /// together.
  [[nodiscard]] virtual Result<DeadLetterPage> dead_letters(const DeadLetterFilter& filter,
                                                            std::uint64_t after, std::size_t limit) const = 0;
  [[nodiscard]] virtual Result<std::uint64_t> count_dead_letters(const DeadLetterFilter& filter) const = 0;

  /// Errors: not_found.
  [[nodiscard]] virtual Result<DeadLetterEntry> dead_letter(const DeadLetterId& id) const = 0;

  /// For good; says how many. A filter that names all is meant so.
  virtual Result<std::uint64_t> remove_dead_letters(const DeadLetterFilter& filter) = 0;

  /// Keeps letters that `to_json` wrote, one on each line, all or none of them; those that are there already
  /// are left as they are. At most 1,000 lines and 64 MiB. Errors: undecodable naming line and member,
  /// invalid_argument, storage.
  virtual Result<Imported> import_dead_letters(std::string_view lines) = 0;

  // Tasks: what runs longer than a call. The last 100 are remembered, also after a restart, and unfinished
  // ones go on.

  /// Orders that all letters that match now are owed again, each to its group, with their history and all
  /// attempts of a first dispatch; an event whose dispatch failed as a whole to every group. A letter that
  /// dies again meanwhile is not taken again, and one that is owed already is skipped. Groups that are not
  /// critical come last. Errors: invalid_argument, busy (100 tasks are unfinished), storage.
  [[nodiscard]] virtual Result<TaskStatus> redeliver(const Redelivery& order) = 0;

  /// Newest first.
  [[nodiscard]] virtual Result<std::vector<TaskStatus>> tasks() const = 0;

  /// Errors: not_found.
  [[nodiscard]] virtual Result<TaskStatus> task(const TaskId& id) const = 0;

  /// As `task`, when it is over or `timeout` (up to 1 hour) has passed.
  [[nodiscard]] virtual Result<TaskStatus> wait_task(const TaskId& id,
                                                     std::chrono::milliseconds timeout) const = 0;

  /// What is over stays as it is. Errors: not_found, storage.
  virtual Result<TaskStatus> cancel_task(const TaskId& id) = 0;
};

}  // namespace evmesh
