#include "delivery/timers.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace evmesh::delivery {
namespace {

/// Far below what overflows when it is added to a time.
constexpr std::chrono::hours delay_max{24 * 365};

}  // namespace

bool Timers::later(const Timer& left, const Timer& right) {
  return left.due != right.due ? left.due > right.due : left.number > right.number;
}

Timers::Timers(const base::Clock& clock, std::size_t waiting_max)
    : clock_(clock), waiting_max_(waiting_max) {}

Timers::~Timers() { stop(); }

bool Timers::after(std::chrono::milliseconds delay, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || timers_.size() >= waiting_max_) return false;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  const base::MonoTime due = clock_.now() + std::min<std::chrono::milliseconds>(delay, delay_max);
  const bool first = timers_.empty() || due < timers_.front().due;
  timers_.push_back({due, next_number_++, std::move(action)});
  std::ranges::push_heap(timers_, later);
  if (first) {
    ++changes_;
    changed_.notify_one();
  }
  return true;
}

void Timers::poke() {
  const std::lock_guard lock(mutex_);
  ++changes_;
  changed_.notify_one();
}

void Timers::stop() {
  std::thread thread;
  std::vector<Timer> dropped;  // destroyed outside the lock
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
    thread.swap(thread_);
    dropped.swap(timers_);
  }
  if (thread.joinable()) thread.join();
}

std::size_t Timers::waiting() const {
  const std::lock_guard lock(mutex_);
  return timers_.size();
}

void Timers::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (timers_.empty() || timers_.front().due > clock_.now()) {
      wait_for_next(lock);
      continue;
    }
    std::ranges::pop_heap(timers_, later);
    const std::function<void()> action = std::move(timers_.back().action);
    timers_.pop_back();
    lock.unlock();
    action();
    lock.lock();
  }
}

void Timers::wait_for_next(std::unique_lock<std::mutex>& lock) {
  const auto news = [this, seen = changes_] { return stopped_ || changes_ != seen; };
  if (timers_.empty()) {
    changed_.wait(lock, news);
  } else {
    changed_.wait_for(lock, timers_.front().due - clock_.now(), news);
  }
}

}  // namespace evmesh::delivery
