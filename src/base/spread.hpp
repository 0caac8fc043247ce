#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

namespace evmesh::base {

/// How durations are spread, from 1 us to days, each known to an eighth of itself; the last 5,000 to 10,000
/// count. Thread-bound.
class Spread {
 public:
  void add(std::chrono::nanoseconds duration);

  /// What `share` (0 to 1) of them do not exceed; nothing before the first.
  [[nodiscard]] std::optional<std::chrono::microseconds> at(double share) const;

 private:
  static constexpr std::size_t steps = 8;  // of each doubling
  std::array<std::uint16_t, 40 * steps> counts_{};
  std::uint32_t total_ = 0;
};

}  // namespace evmesh::base
