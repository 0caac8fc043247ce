#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace evmesh::delivery {

/// Counts what runs or is queued, so that a drain can wait for its end. Thread-safe.
class Activity {
 public:
  Activity() = default;
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  void begin(std::int64_t count = 1) noexcept { count_.fetch_add(count); }
  void end(std::int64_t count = 1) noexcept;

  [[nodiscard]] std::int64_t count() const noexcept { return count_.load(); }

  /// Waits until nothing runs nor is queued, or `timeout`; says how much is left.
  [[nodiscard]] std::int64_t wait(std::chrono::milliseconds timeout);

  /// One piece of activity, while it lives.
  class Use {
   public:
    explicit Use(Activity& activity) noexcept : activity_(activity) { activity_.begin(); }
    ~Use() { activity_.end(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Activity& activity_;
  };

 private:
  std::atomic<std::int64_t> count_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::mutex mutex_;  // leaf; only for ended_
  std::condition_variable ended_;
};

}  // namespace evmesh::delivery
