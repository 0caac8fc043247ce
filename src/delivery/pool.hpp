#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/counters.hpp"
#include "delivery/signal.hpp"

namespace evmesh::delivery {

/// Something the pool runs. `run` does not throw.
class Runnable {
 public:
  Runnable() = default;
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;
  virtual ~Runnable() = default;
  virtual void run() = 0;
};

/// The threads that run listeners, one pool per node. Threads come on demand, up to a bound, and end when
/// idle. Work of one lane never runs more often at once than the lane allows, and one run of each lane made
/// by `open_lane` is always possible, whatever blocks the other threads: then a thread above the bound comes
/// for it. Lanes with waiting work take turns. Thread-safe.
///
/// A pool of the host has no threads: what is queued waits until somebody calls `run_waiting`.
class Pool {
 public:
  struct Options {
    std::uint32_t threads_max = 64;
    std::chrono::milliseconds idle{10'000};  ///< a thread without work ends after this long
    bool of_host = false;
  };

  /// Runs of one kind, for example those of one group. Belongs to the pool that opened it.
  class Lane;

  /// `counters` outlives the pool.
  Pool(Options options, base::Counters& counters);

  /// As `stop`.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A lane of at most `concurrency` runs at once, at least 1.
  [[nodiscard]] std::shared_ptr<Lane> open_lane(std::uint32_t concurrency);

  /// Queues `work`; false, and no run, after `stop`. The caller bounds what it queues.
  bool submit(std::shared_ptr<Runnable> work);
  bool submit(const std::shared_ptr<Lane>& lane, std::shared_ptr<Runnable> work);

  /// As `submit`, on a thread of the pool whose run is about to end: nobody is woken for what it will find itself.
  bool submit_next(const std::shared_ptr<Lane>& lane, std::shared_ptr<Runnable> work);
  bool submit_next(std::shared_ptr<Runnable> work);

  /// Queues `work` only when a thread can take it at once; for work that the caller will do itself otherwise.
  bool offer(std::shared_ptr<Runnable> work);

  /// Takes a run of `lane` for the calling thread, which runs its work itself and then calls `leave`.
  /// `enter` waits for one.
  [[nodiscard]] bool try_enter(Lane& lane);
  void enter(Lane& lane);
  void leave(const std::shared_ptr<Lane>& lane);

  /// Lets so many more, or fewer, runs of `lane` be at once.
  void widen(const std::shared_ptr<Lane>& lane, int by);

  /// On the calling thread, of a pool of the host: what waits, at most `max` of it; how much ran. What is queued
  /// meanwhile counts, too.
  std::size_t run_waiting(std::size_t max);
  [[nodiscard]] bool of_host() const { return options_.of_host; }

  /// Readable while something waits in a pool of the host; below 0 in another one, and when there was none left.
  [[nodiscard]] int descriptor() const { return waiting_ ? waiting_->descriptor() : -1; }

  /// Drops what is queued and waits for what runs. Not on a thread of the pool. Idempotent.
  void stop();

  [[nodiscard]] std::size_t thread_count() const;

 private:
  using LanePointer = std::shared_ptr<Lane>;
  using Threads = std::list<std::thread>;

  /// A thread that waits for work. Shared with who wakes it, who does that without the lock: it would wait for it.
  struct Idle {
    std::condition_variable called;
    bool woken = false;
  };
  using IdlePointer = std::shared_ptr<Idle>;

  void work(Threads::iterator self);
  [[nodiscard]] bool rest(std::unique_lock<std::mutex>& lock, const IdlePointer& self);
  bool take_turn(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] LanePointer pick();
  [[nodiscard]] bool can_start() const;
  void queue(const LanePointer& lane, std::shared_ptr<Runnable> work);
  void list(const LanePointer& lane);
  void release(const LanePointer& lane);
  [[nodiscard]] IdlePointer wake();
  static void call(const IdlePointer& idle);
  void spawn();
  void join_ended();

  const Options options_;
  base::Counter& spawned_;
  base::Counter& spawn_failures_;
  const std::unique_ptr<Signal> waiting_;  // of a pool of the host: there is work

  mutable std::mutex mutex_;  // leaf; guards all below and the lanes
  LanePointer common_;
  std::deque<LanePointer> ready_;  // lanes with work that their own bound allows to start, each once
  Threads threads_;
  Threads ended_;
  std::size_t running_ = 0;   // threads inside a Runnable
  std::size_t starting_ = 0;  // threads that were woken or made and have not looked for work yet
  std::vector<IdlePointer> idle_;   // the last to become idle is the first to be woken: its caches are warm
  bool stopped_ = false;
};

}  // namespace evmesh::delivery
