#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/group_status.hpp>
#include <evmesh/redelivery.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// A node that should have answered and did not. Value.
struct Unreached {
  std::string node;    ///< its name
  std::string reason;  ///< one sentence

  bool operator==(const Unreached&) const = default;
};

/// What the nodes of a mesh answered together. Value.
template <class Answer>
struct FromMesh {
  Answer value;  // no default: not every answer has one
  std::vector<Unreached> unreached{};  ///< by name; what these know is not in `value`. Empty: everybody answered

  [[nodiscard]] bool complete() const { return unreached.empty(); }
};

/// Some of the letters of all nodes, in the order of their ids, which is that of the acceptances. Value.
struct MeshLetterPage {
  std::vector<DeadLetterEntry> items;
  std::optional<DeadLetterId> next{};  ///< the `after` of the next page; empty: there is no more
};

/// What operators ask of the group work of the whole mesh, from any node: this node answers for itself and asks
/// every other member that has not left for good, all at once. One that is not there, or does not answer in
/// 2 seconds, is named in the answer and never silently missing. A mono node asks nobody. Otherwise as
/// `GroupWork`, whose errors hold for this node's part. Calls block; not for use inside a listener. Thread-safe;
/// lives as long as its node.
class MeshWork {
 public:
  MeshWork() = default;
  MeshWork(const MeshWork&) = delete;
  MeshWork& operator=(const MeshWork&) = delete;
  virtual ~MeshWork() = default;

  /// Numbers and runners of all nodes added up; required, critical or paused when it is so anywhere. Sorted by
  /// bus and name.
  [[nodiscard]] virtual Result<FromMesh<std::vector<GroupStatus>>> groups() const = 0;

  /// Errors: unknown_group (on every node that answered).
  [[nodiscard]] virtual Result<FromMesh<GroupStatus>> group(std::string_view bus, const Group& group) const = 0;

  /// As `GroupWork::pause` and `resume`, with the answer of all nodes. Who is named as not having answered
  /// hears of it when it is back.
  [[nodiscard]] virtual Result<FromMesh<GroupStatus>> pause(std::string_view bus, const Group& group,
                                                            std::string reason) = 0;
  [[nodiscard]] virtual Result<FromMesh<GroupStatus>> resume(std::string_view bus, const Group& group) = 0;

  /// As `GroupWork::remove`, where no node runs the group; what any node owes it counts. What is owed to it
  /// by nodes that did not answer, or accepted meanwhile, goes to their dead letters. Errors: unknown_group,
  /// group_in_use naming the nodes, invalid_argument, storage.
  [[nodiscard]] virtual Result<FromMesh<std::uint64_t>> remove(std::string_view bus, const Group& group,
                                                               bool cancel) = 0;

  /// Of one dispatch in one group the state that settles most: done before all others, then what was
  /// redelivered most often, then cancelled before dead before owed; the failed attempts of all nodes together.
  [[nodiscard]] virtual Result<FromMesh<EventLife>> event(const EventId& event) const = 0;

  /// Up to `limit` (1 to 1,000) letters behind `after`, each once although several nodes may list it; fewer
  /// when they are large. What is a letter from the first page to the last is on exactly one of them.
  [[nodiscard]] virtual Result<FromMesh<MeshLetterPage>> dead_letters(const DeadLetterFilter& filter,
                                                                      std::optional<DeadLetterId> after,
                                                                      std::size_t limit) const = 0;
  [[nodiscard]] virtual Result<FromMesh<std::uint64_t>> count_dead_letters(const DeadLetterFilter& filter) const = 0;

  /// Errors: not_found, naming whoever could not be asked.
  [[nodiscard]] virtual Result<FromMesh<DeadLetterEntry>> dead_letter(const DeadLetterId& id) const = 0;
  virtual Result<FromMesh<std::uint64_t>> remove_dead_letters(const DeadLetterFilter& filter) = 0;

  /// One task under one id, with a part on each node that has such letters: `limit` and `per_second` are shared
  /// out among them. Nodes that could not be reached have no part in it.
  [[nodiscard]] virtual Result<FromMesh<TaskStatus>> redeliver(const Redelivery& order) = 0;

  /// The parts of each task added up. Newest first.
  [[nodiscard]] virtual Result<FromMesh<std::vector<TaskStatus>>> tasks() const = 0;

  /// Errors: not_found, naming whoever could not be asked.
  [[nodiscard]] virtual Result<FromMesh<TaskStatus>> task(const TaskId& id) const = 0;

  /// As `task`, when all parts that can be reached are over or `timeout` (up to 1 hour) has passed.
  [[nodiscard]] virtual Result<FromMesh<TaskStatus>> wait_task(const TaskId& id,
                                                               std::chrono::milliseconds timeout) const = 0;
  virtual Result<FromMesh<TaskStatus>> cancel_task(const TaskId& id) = 0;
};

}  // namespace evmesh
