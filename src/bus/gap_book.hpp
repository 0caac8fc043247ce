#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <evmesh/listener.hpp>

namespace evmesh::bus {

/// Knows which holes were told of already. Several listeners learn of one hole, each from where it began to
/// listen, so the same hole comes with several beginnings and one end. Thread-safe.
class GapBook {
 public:
  /// Whether nobody was told of this hole before.
  [[nodiscard]] bool first_of(const Gap& gap);

 private:
  std::mutex mutex_;  // leaf; guards the one below
  // The last number that a told hole of this life reaches. Holes of one life come in their order.
  std::map<std::pair<NodeId, std::uint64_t>, std::uint64_t> told_to_;
};

}  // namespace evmesh::bus
