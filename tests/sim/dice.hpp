#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"

namespace evmesh::sim {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// All chance of a run. Value-like, thread-bound.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  /// Uniform in [low, high], both included.
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + random_.next_u64() % (high - low + 1);
  }
  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(random_.next_u64() >> 11) < probability * 9007199254740992.0;
  }
  [[nodiscard]] nanoseconds span(nanoseconds low, nanoseconds high) {
    return nanoseconds{static_cast<std::int64_t>(
        between(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count())))};
  }
  template <class T>
  [[nodiscard]] const T& pick(const std::vector<T>& from) {
    return from[between(0, from.size() - 1)];
  }
  [[nodiscard]] std::uint64_t next() { return random_.next_u64(); }

 private:
  base::SeededRandom random_;
};

}  // namespace evmesh::sim
