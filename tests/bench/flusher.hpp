#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

/// What clients of brokers do: a thread of its own writes what has come together while it wrote the last. Bounded by the
/// window of the run.
class Flusher {
 public:
  using Item = std::pair<std::uint64_t, std::string>;  ///< key number and payload
  using Write = std::function<void(const std::vector<Item>&)>;

  explicit Flusher(Write write) : thread_([this, write = std::move(write)] { run(write); }) {}
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;
  ~Flusher() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    filled_.notify_one();
    thread_.join();
  }

  void add(std::uint64_t key, std::string payload) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = waiting_.empty();
      waiting_.emplace_back(key, std::move(payload));
    }
    if (first) filled_.notify_one();
  }

 private:
  void run(const Write& write) {
    std::vector<Item> taken;
    std::unique_lock lock(mutex_);
    for (;;) {
      filled_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      taken.swap(waiting_);
      lock.unlock();
      write(taken);
      taken.clear();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Item> waiting_;
  bool ending_ = false;
  std::thread thread_;  // last: begins when all else is there
};

}  // namespace bench
