#include "delivery/side_by_side.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace evmesh::delivery {
namespace {

/// Outlives the caller when a thread of the pool comes too late; then nothing is left and `step` is not
/// touched.
class Share final : public Runnable {
 public:
  Share(std::size_t count, const std::function<void(std::size_t)>& step) : count_(count), step_(step) {}

  void run() override {
    for (std::size_t index = next_++; index < count_; index = next_++) {
      step_(index);
      if (++ended_ < count_) continue;
      const std::lock_guard lock(mutex_);
      all_ended_.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return ended_ == count_; });
  }

 private:
  const std::size_t count_;
  const std::function<void(std::size_t)>& step_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> ended_{0};
  std::mutex mutex_;  // leaf; only for all_ended_
  std::condition_variable all_ended_;
};

}  // namespace

void run_side_by_side(Pool& pool, std::size_t count, std::size_t parallel_max,
                      const std::function<void(std::size_t)>& step) {
  const auto share = std::make_shared<Share>(count, step);
  for (std::size_t helpers = 1; helpers < std::min(count, parallel_max); ++helpers) {
    if (!pool.offer(share)) break;
  }
  share->run();
  share->wait();
}

}  // namespace evmesh::delivery
