#include "delivery/activity.hpp"

namespace evmesh::delivery {

void Activity::end(std::int64_t count) noexcept {
  // Both sides write one of the two numbers and then read the other, so one of them sees the other's write.
  if (count_.fetch_sub(count) > count || waiting_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  ended_.notify_all();
}

std::int64_t Activity::wait(std::chrono::milliseconds timeout) {
  waiting_.fetch_add(1);
  std::int64_t left = 0;
  {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, timeout, [this] { return count_.load() <= 0; });
    left = count_.load();
  }
  waiting_.fetch_sub(1);
  return left > 0 ? left : 0;
}

}  // namespace evmesh::delivery
