#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <evmesh/group_status.hpp>
#include <evmesh/mesh_work.hpp>

namespace evmesh::bus {

/// What two nodes say of the same group, event in a group, or task becomes what the first one says.
void merge(GroupStatus& group, const GroupStatus& other);
void merge(GroupLife& life, const GroupLife& other);
void merge(TaskStatus& task, const TaskStatus& other);

/// Puts pages of letters from several nodes, each in the order of ids, into one.
class LetterMerge {
 public:
  /// `more`: the node has others behind the last of `letters`.
  void add(std::vector<DeadLetterEntry> letters, bool more);

  /// Up to `limit`, each once, as many as have about `bytes_max` together; and no letter that one which was
  /// not fetched may stand before.
  [[nodiscard]] MeshLetterPage page(std::size_t limit, std::uint64_t bytes_max);

 private:
  std::map<DeadLetterId, DeadLetterEntry> letters_;
  std::optional<DeadLetterId> known_until_;  // empty: everything is known
};

/// Shares an order out: so many letters and so many per second for each part.
class Shares {
 public:
  Shares(const Redelivery& order, std::size_t parts);

  /// The order of a part that has so many letters.
  [[nodiscard]] Redelivery next(std::uint64_t letters);

  /// All that the order allows is given out.
  [[nodiscard]] bool empty() const { return limited_ && left_ == 0; }

 private:
  Redelivery order_;
  bool limited_;
  std::uint64_t left_;
};

}  // namespace evmesh::bus
