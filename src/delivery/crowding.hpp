#pragma once

#include <atomic>
#include <cstdint>

namespace evmesh::delivery {

/// Whether listeners of a bus fall behind, at the price of two counters. An inbox is crowded from an eighth
/// full until it is down to a sixteenth: early, because what is under way must still fit. Thread-safe.
class Crowding {
 public:
  void entered() noexcept { crowded_.fetch_add(1, std::memory_order_relaxed); }
  void left() noexcept { crowded_.fetch_sub(1, std::memory_order_relaxed); }

  /// An event was taken out of a crowded inbox.
  void took() noexcept { taken_.fetch_add(1, std::memory_order_relaxed); }

  /// Any inbox is crowded.
  [[nodiscard]] bool any() const noexcept { return crowded_.load(std::memory_order_relaxed) > 0; }

  /// Grows as long as some listener with a crowded inbox goes on; one that is stuck does not count.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> crowded_{0};
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace evmesh::delivery
