#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/dead_letters.hpp>

#include "storage/commit.hpp"
#include "storage/records.hpp"

namespace evmesh::cli {

/// What the records of a journal still owe, put together record by record as a node does when it starts.
/// Thread-bound.
class Owed {
 public:
  /// One group that has not handled one event.
  struct Debt {
    storage::Position position = 0;  ///< of the record that holds the event
    std::uint32_t generation = 0;
    bool over = false;   ///< done or cancelled; what is left is to remove a dead letter
    bool ended = false;  ///< no further attempt: it is to be a dead letter
    std::vector<Attempt> attempts;
  };

  void take(storage::Position position, const storage::WorkRecord& record);

  /// How many groups are owed an event, counted once for each event.
  [[nodiscard]] std::uint64_t count() const;

  /// The debt to `group` (`group_hash`) that the record at `position` stands for; null when that is over, or
  /// another record says more.
  [[nodiscard]] const Debt* find(storage::Position position, const storage::DispatchId& id,
                                 std::uint64_t group) const;

 private:
  using Key = std::pair<storage::DispatchId, std::uint64_t>;

  [[nodiscard]] Debt* find(const storage::Place& place);
  void apply(storage::Position position, const storage::Owed& owed);
  void apply(const storage::Failed& failed);
  void apply(const storage::Verdict& verdict);
  void apply(const storage::Settled& settled);
  void apply(const storage::Cancelled& cancelled);

  std::map<Key, Debt> debts_;
};

}  // namespace evmesh::cli
