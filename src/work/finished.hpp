#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "work/types.hpp"

namespace evmesh::work {

/// An obligation that is no more.
struct Finished {
  EventId event_id;
  DispatchId id;
  GroupIndex group = 0;
  std::uint32_t generation = 0;
  std::uint32_t attempts = 0;  ///< that were made
  storage::Fate fate = storage::Fate::done;
  Timestamp accepted{};
  std::vector<Attempt> failed;  ///< the last ten, their texts cut at 256 bytes
};

/// The last so many that ended, for people who ask what became of an event. Thread-bound.
class FinishedRing {
 public:
  explicit FinishedRing(std::size_t size) : size_(size) {}

  void add(Finished finished);

  [[nodiscard]] const std::vector<Finished>& all() const { return ring_; }  ///< in no order

  /// Those of `events`, oldest first.
  [[nodiscard]] std::vector<Finished> of(std::span<const EventId> events) const;

 private:
  const std::size_t size_;
  std::vector<Finished> ring_;
  std::size_t next_ = 0;  // the oldest, when the ring is full
};

}  // namespace evmesh::work
