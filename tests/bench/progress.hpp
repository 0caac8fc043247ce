#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace bench {

/// Counts what is done on any thread; one thread waits for it. It is woken when an eighth of what it may be ahead is
/// done, not for each: a program that submits in rounds, as one that polls would, and the same for all that is measured.
class Progress {
 public:
  void count() {
    if (done_.fetch_add(1) + 1 != awaited_.load()) return;
    reached_.fetch_add(1);
    reached_.notify_one();
  }

  /// Returns at once while fewer than `behind_max` of `begun` are missing.
  void hold(std::uint64_t begun, std::uint64_t behind_max) {
    if (begun - done_.load() < behind_max) return;
    const std::uint64_t enough = begun - behind_max + std::max<std::uint64_t>(behind_max / 8, 1);
    auto seen = reached_.load();
    awaited_ = enough;
    for (; done_.load() < enough; seen = reached_.load()) reached_.wait(seen);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> done_{0};
  alignas(64) std::atomic<std::uint64_t> awaited_{0};
  std::atomic<std::int32_t> reached_{0};  // how often; of a size that a thread can wait for without a proxy
};

}  // namespace bench
