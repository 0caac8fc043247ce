#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <evmesh/bus.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/spread.hpp"
#include "bus/work_engine.hpp"
#include "delivery/activity.hpp"
#include "delivery/call_gate.hpp"
#include "delivery/pool.hpp"
#include "delivery/runner.hpp"
#include "delivery/timers.hpp"

namespace evmesh::bus {

/// Runs one group's listener on this node for as long as it is registered: pulls what is owed from the work
/// engine, as often at once as the group may. What it does not get to stays owed. Thread-safe.
class GroupRunner final : public Puller,
                          public delivery::Runnable,
                          public std::enable_shared_from_this<GroupRunner> {
 public:
  /// What it needs; all of it outlives the last call.
  struct Services {
    const base::Clock& clock;
    const delivery::Runner& runner;
    delivery::Pool& pool;
    delivery::Timers& timers;
    delivery::Activity& activity;
    base::Counters& counters;
    WorkEngine& engine;
  };
  struct Settings {
    std::uint64_t handle = 0;
    work::GroupIndex index = 0;
    GroupOptions options;
  };

  GroupRunner(Services services, Settings settings, Group group, std::shared_ptr<Listener> listener);

  [[nodiscard]] std::uint64_t handle() const { return settings_.handle; }
  [[nodiscard]] work::GroupIndex index() const { return settings_.index; }
  [[nodiscard]] const Group& group() const { return group_; }
  [[nodiscard]] ExecutionMode mode() const { return mode_; }
  [[nodiscard]] Placement placement() const { return settings_.options.placement; }
  [[nodiscard]] std::optional<std::chrono::microseconds> run_p99();
  [[nodiscard]] delivery::CallGate& gate() { return gate_; }

  /// Whether this thread may make the next attempt itself; then `run_claimed` or `let_go` must follow. Inside
  /// a listener call
  /// (`nested`) only when there is a place at once: a call that waits inside another call of the group could
  /// wait for itself.
  [[nodiscard]] bool claim(bool nested);
  void let_go(bool nested);

  /// Makes the first attempt on this thread, when there is a place for it. `depth` as in CallScope.
  void run_claimed(const work::Job& job, const Event& event, bool nested, unsigned depth);

  /// From now on nothing more is pulled nor begun; what is owed stays owed. Idempotent.
  void stop_pulling();

  /// As `stop_pulling`, and running executions are asked to end. With a reason, all that the group is owed,
  /// also what runs now and fails, goes to its dead letters. The gate's closing is the caller's. Idempotent.
  void close(std::string why);

  void work_waits() override;

  /// Pulls and runs, called by the pool.
  void run() override;

 private:
  /// An execution that may be cut short.
  struct Execution {
    work::Handle handle = 0;
    base::MonoTime started;
    base::MonoTime deadline;
    std::stop_source stop;
    bool given_up = false;
  };
  using Executions = std::list<Execution>;

  /// A job that runs now.
  struct Begun {
    work::Job job{};
    Executions::iterator execution{};
  };

  [[nodiscard]] bool schedule();
  void unschedule();
  [[nodiscard]] std::size_t batch() const;
  [[nodiscard]] std::optional<Begun> from_aside();
  [[nodiscard]] std::optional<Begun> next_job(base::MonoTime now);
  [[nodiscard]] std::optional<Begun> pull();
  [[nodiscard]] std::optional<Begun> put_aside(std::span<work::Job> jobs);
  [[nodiscard]] bool worth_a_thread(std::size_t jobs) const;
  [[nodiscard]] std::optional<Begun> execute(Begun&& begun);
  bool run_alone(const work::Job& job, const Event& event, unsigned depth);
  [[nodiscard]] work::Ran call(const Begun& begun, const Event& event, unsigned depth);
  [[nodiscard]] std::optional<Begun> conclude(Begun&& over, work::Ran&& ran, std::optional<std::size_t> flight,
                                              bool goes_on);
  [[nodiscard]] Begun begin(work::Job&& job, base::MonoTime now);
  [[nodiscard]] bool end(Executions::iterator execution, base::MonoTime now);
  void attend_later();
  void attend();
  void report();
  void watch();
  void give_up_late();
  void give_up_rest();

  const Services services_;
  const Settings settings_;
  const Group group_;
  const std::shared_ptr<Listener> listener_;  // shared with the application
  const ExecutionMode mode_;
  const std::shared_ptr<delivery::Pool::Lane> lane_;  // shared with the pool
  base::Counter& attempts_failed_;
  base::Counter& timed_out_;
  delivery::CallGate gate_;
  std::atomic<bool> looking_{false};  // a turn is on its way that has not pulled yet

  std::mutex mutex_;             // leaf; guards all below
  std::deque<work::Job> aside_;  // pulled, and run by whichever thread comes first
  std::uint32_t scheduled_ = 0;  // turns of this that the pool has
  std::uint32_t late_ = 0;       // executions that were given up and have not returned
  bool missed_ = false;          // work was announced while all were scheduled
  bool pulling_ = true;
  bool watching_ = false;
  std::string
      given_up_;  // why what fails now is not tried again; empty: it is, by whoever runs the group next
  Executions executions_;  // in the order of their beginnings
  Executions spare_;       // for the next ones
  std::vector<WorkEngine::Ended> ended_;  // and not reported yet
  base::MonoTime ended_since_{};          // the first of them
  bool attending_ = false;                // a timer is on its way that looks after both
  base::Spread took_;
  std::chrono::nanoseconds usual_{std::chrono::milliseconds{1}};  // how long an execution takes, smoothed
};

}  // namespace evmesh::bus
