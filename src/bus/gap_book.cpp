#include "bus/gap_book.hpp"

#include <iterator>
#include <limits>

namespace evmesh::bus {

namespace {

/// Lives come and go; beyond this many those that stand first are forgotten, which can count a hole twice.
constexpr std::size_t lives_max = 256;

}  // namespace

bool GapBook::first_of(const Gap& gap) {
  const std::uint64_t to = gap.to.value_or(std::numeric_limits<std::uint64_t>::max());
  const std::lock_guard lock(mutex_);
  const auto [life, fresh] = told_to_.try_emplace({gap.publisher, gap.epoch}, to);
  if (!fresh && to <= life->second) return false;
  life->second = to;
  if (told_to_.size() > lives_max)
    told_to_.erase(told_to_.begin() == life ? std::next(life) : told_to_.begin());
  return true;
}

}  // namespace evmesh::bus
