#include "base/spread.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace evmesh::base {
namespace {

constexpr std::uint32_t remembered_max = 10'000;

/// Below 8 each its own; then eight to each doubling.
std::size_t place_of(std::uint64_t microseconds) {
  if (microseconds < 8) return microseconds;
  const auto doublings = static_cast<unsigned>(std::bit_width(microseconds)) - 4;
  return 8 * doublings + (microseconds >> doublings);
}

/// The highest that has this place.
std::uint64_t most_of(std::size_t place) {
  if (place < 8) return place;
  const unsigned doublings = static_cast<unsigned>(place / 8) - 1;
  return ((8 + place % 8 + 1) << doublings) - 1;
}

}  // namespace

void Spread::add(std::chrono::nanoseconds duration) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  const std::size_t place = place_of(static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 0)));
  ++counts_[std::min(place, counts_.size() - 1)];
  if (++total_ < remembered_max) return;
  total_ = 0;
  for (std::uint16_t& count : counts_) total_ += count /= 2;
}

std::optional<std::chrono::microseconds> Spread::at(double share) const {
  if (total_ == 0) return std::nullopt;
  auto left = static_cast<std::uint32_t>(std::ceil(share * total_));
  std::size_t place = 0;
  for (; place + 1 < counts_.size() && counts_[place] < left; ++place) left -= counts_[place];
  return std::chrono::microseconds{most_of(place)};
}

}  // namespace evmesh::base
