#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace evmesh::delivery {

/// Does things later, on one thread of its own that starts with the first of them. Retries wait here, not in
/// the threads that run listeners. Thread-safe.
class Timers {
 public:
  /// At most `waiting_max` wait. `clock` outlives the timers.
  Timers(const base::Clock& clock, std::size_t waiting_max);

  /// As `stop`.
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  /// Runs `action` not before `delay` (at most a year) has passed; short and without exceptions, because
  /// others wait behind it. Equal times run in the order of the calls. False, and no run, when too many wait
  /// or after `stop`.
  [[nodiscard]] bool after(std::chrono::milliseconds delay, std::function<void()> action);

  /// Looks at the clock now; for tests that moved it.
  void poke();

  /// Drops what waits and ends the thread. Not on that thread. Idempotent.
  void stop();

  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Timer {
    base::MonoTime due;
    std::uint64_t number;
    std::function<void()> action;
  };
  /// Orders the heap: the first due stands in front.
  static bool later(const Timer& left, const Timer& right);

  void run();
  void wait_for_next(std::unique_lock<std::mutex>& lock);

  const base::Clock& clock_;
  const std::size_t waiting_max_;

  mutable std::mutex mutex_;  // leaf; guards all below
  std::condition_variable changed_;
  std::vector<Timer> timers_;  // a heap
  std::uint64_t next_number_ = 0;
  std::uint64_t changes_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace evmesh::delivery
