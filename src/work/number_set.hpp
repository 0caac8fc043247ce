#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "wire/work_frames.hpp"

namespace evmesh::work {

/// A set of numbers from 1 on, as ranges. Cheap when what is added stands at the end, or closes a hole.
/// Value.
class NumberSet {
 public:
  void add(std::uint64_t number) { add({number, number}); }
  /// `range.first` is at least 1 and not above `range.last`.
  void add(const wire::NumberRange& range);

  [[nodiscard]] bool contains(std::uint64_t number) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }

  /// Ascending, with at least one number between two of them.
  [[nodiscard]] const std::vector<wire::NumberRange>& ranges() const { return ranges_; }

  /// The lowest numbers that lack between two ranges are added; how many. 0: there is one range at most.
  std::uint64_t close_lowest_hole();

 private:
  std::vector<wire::NumberRange> ranges_;
};

}  // namespace evmesh::work
