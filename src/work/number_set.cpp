#include "work/number_set.hpp"

#include <algorithm>
#include <iterator>

namespace evmesh::work {

using wire::NumberRange;

void NumberSet::add(const NumberRange& range) {
  // All that touches it becomes one with it.
  auto first = std::ranges::lower_bound(ranges_, range.first - 1, {}, &NumberRange::last);
  if (first == ranges_.end() || first->first - 1 > range.last) {
    ranges_.insert(first, range);
    return;
  }
  auto last = first;
  while (std::next(last) != ranges_.end() && std::next(last)->first - 1 <= range.last) ++last;
  first->first = std::min(first->first, range.first);
  first->last = std::max(last->last, range.last);
  ranges_.erase(std::next(first), std::next(last));
}

bool NumberSet::contains(std::uint64_t number) const {
  const auto it = std::ranges::lower_bound(ranges_, number, {}, &NumberRange::last);
  return it != ranges_.end() && it->first <= number;
}

std::uint64_t NumberSet::close_lowest_hole() {
  if (ranges_.size() < 2) return 0;
  const std::uint64_t hole = ranges_[1].first - ranges_[0].last - 1;
  ranges_[0].last = ranges_[1].last;
  ranges_.erase(ranges_.begin() + 1);
  return hole;
}

}  // namespace evmesh::work
