#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <evmesh/log.hpp>
#include <evmesh/redelivery.hpp>

#include "base/clock.hpp"
#include "bus/letter_box.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"
#include "work/redelivery.hpp"

namespace evmesh::bus {

/// The redelivery tasks of a node: keeps them in the store of the letters and drives those that are
/// unfinished, a few at once, on threads of the pool. Thread-safe.
class Redeliveries {
 public:
  /// Owes letters again, by their numbers; one result for each.
  using Redeliver =
      std::function<std::vector<work::RedeliveryTask::Result>(std::span<const std::uint64_t> numbers)>;

  /// All of it outlives this.
  struct Services {
    const base::Clock& clock;
    delivery::Pool& pool;
    delivery::Timers& timers;
    LetterBox& letters;
    LogSink log;
    Redeliver redeliver;
  };

  explicit Redeliveries(Services services);

  /// As `stop`.
  ~Redeliveries();
  Redeliveries(const Redeliveries&) = delete;
  Redeliveries& operator=(const Redeliveries&) = delete;

  /// Takes up the tasks of earlier lives; once, when letters can be redelivered. Errors: storage.
  [[nodiscard]] Result<void> resume();

  /// A new task called `id`, or what became of it when there is one; `late` as in work::RedeliveryState.
  /// Errors: invalid_argument, busy, closed, storage.
  [[nodiscard]] Result<TaskStatus> order(const TaskId& id, const Redelivery& order, std::vector<std::string> late);

  /// Newest first.
  [[nodiscard]] std::vector<TaskStatus> all() const;

  /// When it is over, or `timeout` has passed, or this was stopped. Errors: not_found.
  [[nodiscard]] Result<TaskStatus> wait(const TaskId& id, std::chrono::milliseconds timeout) const;

  /// Errors: not_found, closed, storage.
  [[nodiscard]] Result<TaskStatus> cancel(const TaskId& id);

  /// Unfinished tasks go on in the next life. Waits for the steps that are being done. Idempotent.
  void stop();

 private:
  class Job;
  using JobPointer = std::shared_ptr<Job>;  // shared with the pool and the timers

  void start(const JobPointer& job);
  [[nodiscard]] bool begin(const JobPointer& job);
  void run(const JobPointer& job);
  [[nodiscard]] bool steps(Job& job);
  [[nodiscard]] bool step(Job& job);
  [[nodiscard]] bool save(Job& job);
  void look(Job& job, const work::RedeliveryTask::Look& look);
  void end(const TaskId& id);
  void show(Job& job);
  void forget_oldest();
  [[nodiscard]] Result<void> check(const Redelivery& order) const;
  void log_end(const TaskStatus& status) const;

  const Services services_;
  const std::shared_ptr<delivery::Pool::Lane> lane_;  // shared with the pool

  mutable std::mutex mutex_;  // guards all below and the guarded part of the jobs; nothing is done under it
  mutable std::condition_variable changed_;
  std::map<TaskId, JobPointer> jobs_;  // ids sort by time
  std::size_t running_ = 0;
  bool stopped_ = false;
};

}  // namespace evmesh::bus
