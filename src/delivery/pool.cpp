#include "delivery/pool.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

namespace evmesh::delivery {

class Pool::Lane {
 public:
  Lane(std::uint32_t concurrency, bool reserved) : concurrency(concurrency), reserved(reserved) {}

  [[nodiscard]] bool free() const { return running < concurrency; }

  std::uint32_t concurrency;
  const bool reserved;  // one run is possible although all threads are busy

  // Guarded by the pool's mutex.
  std::deque<std::shared_ptr<Runnable>> queue;
  std::uint32_t running = 0;
  bool listed = false;  // stands in ready_
  std::condition_variable freed;
};

Pool::Pool(Options options, base::Counters& counters)
    : options_{std::max(options.threads_max, 1U), options.idle, options.of_host},
      spawned_(counters.named("evmesh_pool_threads_started_total")),
      spawn_failures_(counters.named("evmesh_pool_thread_failures_total")),
      waiting_(options.of_host ? std::make_unique<Signal>() : nullptr),
      common_(std::make_shared<Lane>(std::numeric_limits<std::uint32_t>::max(), false)) {}

Pool::~Pool() { stop(); }

std::shared_ptr<Pool::Lane> Pool::open_lane(std::uint32_t concurrency) {
  return std::make_shared<Lane>(std::max(concurrency, 1U), true);
}

bool Pool::submit(std::shared_ptr<Runnable> work) { return submit(common_, std::move(work)); }

bool Pool::submit(const std::shared_ptr<Lane>& lane, std::shared_ptr<Runnable> work) {
  IdlePointer woken;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    queue(lane, std::move(work));
    woken = wake();
  }
  call(woken);
  return true;
}

bool Pool::submit_next(std::shared_ptr<Runnable> work) { return submit_next(common_, std::move(work)); }

bool Pool::submit_next(const std::shared_ptr<Lane>& lane, std::shared_ptr<Runnable> work) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  queue(lane, std::move(work));
  if (of_host()) static_cast<void>(wake());
  return true;
}

bool Pool::offer(std::shared_ptr<Runnable> work) {
  IdlePointer woken;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || of_host() || running_ + starting_ + common_->queue.size() >= options_.threads_max) return false;
    queue(common_, std::move(work));
    woken = wake();
  }
  call(woken);
  return true;
}

bool Pool::try_enter(Lane& lane) {
  const std::lock_guard lock(mutex_);
  if (!lane.free()) return false;
  ++lane.running;
  return true;
}

void Pool::enter(Lane& lane) {
  std::unique_lock lock(mutex_);
  lane.freed.wait(lock, [&] { return lane.free(); });
  ++lane.running;
}

void Pool::leave(const LanePointer& lane) {
  IdlePointer woken;
  {
    const std::lock_guard lock(mutex_);
    release(lane);
    woken = wake();
  }
  call(woken);
}

void Pool::widen(const LanePointer& lane, int by) {
  IdlePointer woken;
  {
    const std::lock_guard lock(mutex_);
    lane->concurrency = static_cast<std::uint32_t>(static_cast<int>(lane->concurrency) + by);
    lane->freed.notify_all();
    list(lane);
    woken = wake();
  }
  call(woken);
}

std::size_t Pool::run_waiting(std::size_t max) {
  std::unique_lock lock(mutex_);
  std::size_t ran = 0;
  while (ran < max && !stopped_ && take_turn(lock)) ++ran;
  if (ready_.empty()) waiting_->clear();
  return ran;
}

void Pool::stop() {
  Threads threads;
  std::vector<std::shared_ptr<Runnable>> dropped;  // destroyed outside the lock
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const LanePointer& lane : ready_) {
      std::ranges::move(lane->queue, std::back_inserter(dropped));
      lane->queue.clear();
      lane->listed = false;
    }
    ready_.clear();
    threads.splice(threads.end(), threads_);
    threads.splice(threads.end(), ended_);
    for (const IdlePointer& idle : idle_) idle->called.notify_one();
  }
  for (std::thread& thread : threads) thread.join();
}

std::size_t Pool::thread_count() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void Pool::queue(const LanePointer& lane, std::shared_ptr<Runnable> work) {
  lane->queue.push_back(std::move(work));
  list(lane);
}

void Pool::list(const LanePointer& lane) {
  if (lane->listed || lane->queue.empty() || !lane->free()) return;
  lane->listed = true;
  ready_.push_back(lane);
}

bool Pool::can_start() const {
  if (ready_.empty()) return false;
  if (running_ < options_.threads_max) return true;
  return std::ranges::any_of(ready_,
                             [](const LanePointer& lane) { return lane->reserved && lane->running == 0; });
}

Pool::LanePointer Pool::pick() {
  auto at = ready_.begin();
  if (running_ >= options_.threads_max) {
    at = std::ranges::find_if(ready_,
                              [](const LanePointer& lane) { return lane->reserved && lane->running == 0; });
  }
  if (at == ready_.end()) return nullptr;
  LanePointer lane = std::move(*at);
  ready_.erase(at);
  lane->listed = false;
  return lane;
}

/// Wakes or makes one thread when there is work for it. Only one at a time is on its way to look for work;
/// when it has found some it calls this again. So the number of threads never passes the bound by a race.
/// To be called when the lock has been let go of.
Pool::IdlePointer Pool::wake() {
  if (of_host()) {
    if (!ready_.empty()) waiting_->set();
    return nullptr;
  }
  if (starting_ > 0 || !can_start()) return nullptr;
  if (idle_.empty()) {
    spawn();
    return nullptr;
  }
  IdlePointer last = std::move(idle_.back());
  idle_.pop_back();
  ++starting_;
  last->woken = true;
  return last;
}

void Pool::call(const IdlePointer& idle) {
  if (idle) idle->called.notify_one();
}

void Pool::spawn() {
  join_ended();
  const auto self = threads_.emplace(threads_.end());
  try {
    *self = std::thread([this, self] { work(self); });
    ++starting_;
    spawned_.add();
  } catch (const std::system_error&) {
    // The work stays queued: the next thread that becomes free, or the next submit, takes it.
    threads_.erase(self);
    spawn_failures_.add();
  }
}

void Pool::join_ended() {
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
}

void Pool::work(Threads::iterator self) {
  std::unique_lock lock(mutex_);
  --starting_;
  const auto idle = std::make_shared<Idle>();
  while (!stopped_ && (take_turn(lock) || rest(lock, idle))) {
  }
  if (!stopped_) ended_.splice(ended_.end(), threads_, self);  // or stop() joins
}

/// False when there was nothing to do for too long.
bool Pool::rest(std::unique_lock<std::mutex>& lock, const IdlePointer& self) {
  self->woken = false;
  idle_.push_back(self);
  self->called.wait_for(lock, options_.idle, [&] { return self->woken || stopped_; });
  if (self->woken) {
    --starting_;
  } else {
    std::erase(idle_, self);
  }
  return self->woken;
}

bool Pool::take_turn(std::unique_lock<std::mutex>& lock) {
  const LanePointer lane = pick();
  if (!lane) return false;
  std::shared_ptr<Runnable> work = std::move(lane->queue.front());
  lane->queue.pop_front();
  ++lane->running;
  ++running_;
  list(lane);
  const IdlePointer woken = wake();
  lock.unlock();
  call(woken);
  work->run();
  work.reset();
  lock.lock();
  --running_;
  release(lane);
  return true;
}

void Pool::release(const LanePointer& lane) {
  --lane->running;
  lane->freed.notify_one();
  list(lane);
}

}  // namespace evmesh::delivery
