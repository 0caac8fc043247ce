#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"

namespace evmesh::sim {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// While it lives the dice of this thread fall as these bytes say, two for each throw, until they are used up.
class ChosenThrows {
 public:
  explicit ChosenThrows(std::span<const std::uint8_t> bytes) { left_ = bytes; }
  ~ChosenThrows() { left_ = {}; }
  ChosenThrows(const ChosenThrows&) = delete;
  ChosenThrows& operator=(const ChosenThrows&) = delete;

  [[nodiscard]] static std::optional<std::uint64_t> next() {
    if (left_.size() < 2) return std::nullopt;
    const std::uint64_t chosen = left_[0] | std::uint64_t{left_[1]} << 8U;
    left_ = left_.subspan(2);
    return chosen << 48U | chosen;  // a range looks at the low bits, a probability at the high ones
  }

 private:
  static inline thread_local std::span<const std::uint8_t> left_;
};

/// All chance of a run. Value-like, thread-bound.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  /// Uniform in [low, high], both included.
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }
  [[nodiscard]] bool chance(double probability) {
    return static_cast<double>(next() >> 11) < probability * 9007199254740992.0;
  }
  [[nodiscard]] nanoseconds span(nanoseconds low, nanoseconds high) {
    return nanoseconds{static_cast<std::int64_t>(
        between(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count())))};
  }
  template <class T>
  [[nodiscard]] const T& pick(const std::vector<T>& from) {
    return from[between(0, from.size() - 1)];
  }
  [[nodiscard]] std::uint64_t next() {
    const auto chosen = ChosenThrows::next();
    return chosen ? *chosen : random_.next_u64();
  }

 private:
  base::SeededRandom random_;
};

}  // namespace evmesh::sim
