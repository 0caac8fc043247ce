#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/bus.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "delivery/activity.hpp"
#include "delivery/call_gate.hpp"
#include "delivery/pool.hpp"
#include "delivery/runner.hpp"
#include "delivery/timers.hpp"

namespace evmesh::bus {

/// The work of one group on this node, in memory: attempts, retries, dead letters. Every event given to it
/// ends handled or in the dead letters, also when the group or the bus ends first. Thread-safe.
class GroupWork final : public delivery::Runnable, public std::enable_shared_from_this<GroupWork> {
 public:
  /// What it needs; all of it outlives the last call.
  struct Services {
    const base::Clock& clock;
    base::Random& random;
    const delivery::Runner& runner;
    delivery::Pool& pool;
    delivery::Timers& timers;
    delivery::Activity& activity;
    base::Counters& counters;
    DeadLetters& dead_letters;
  };
  struct Settings {
    std::uint64_t handle = 0;
    NodeId node{};  ///< nil in mono
    GroupOptions options;
    std::uint64_t backlog_max = limits::group_backlog_max;
    std::uint64_t backlog_bytes_max = limits::group_backlog_bytes_max;
  };

  GroupWork(Services services, Settings settings, Group group, std::shared_ptr<Listener> listener);

  [[nodiscard]] std::uint64_t handle() const { return settings_.handle; }
  [[nodiscard]] const Group& group() const { return group_; }
  [[nodiscard]] ExecutionMode mode() const { return mode_; }
  [[nodiscard]] delivery::CallGate& gate() { return gate_; }

  /// Makes the first attempt on this thread; retries come later, elsewhere. Waits while the group runs as
  /// often as it may; inside a listener call (`depth` above 1) it queues the event instead.
  void run_now(const Event& event, std::span<const RegistrationKey> keys, unsigned depth);

  /// Makes the first attempt on a thread of the pool.
  void queue(const Event& event, std::span<const RegistrationKey> keys);

  /// The gate's closing is the caller's. What is owed goes to the dead letters with `why`.
  void close(std::string_view why);

  /// One queued attempt, called by the pool.
  void run() override;

 private:
  struct Obligation {
    Event event;
    std::vector<RegistrationKey> keys;
    std::vector<Attempt> attempts;  // those that failed
    std::uint32_t next_attempt = 1;
    std::uint64_t bytes = 0;
  };
  using Owed = std::unique_ptr<Obligation>;

  [[nodiscard]] delivery::Ran attempt(const Event& event, std::uint32_t number, unsigned depth);
  [[nodiscard]] static Owed make(const Event& event, std::span<const RegistrationKey> keys);
  [[nodiscard]] bool take_on(Obligation& obligation);
  void let_go(const Obligation& obligation);
  void enqueue(Owed obligation);
  [[nodiscard]] Owed take_queued();
  void conclude(Owed obligation, const delivery::Ran& ran);
  void wait_for_retry(Owed obligation, std::chrono::milliseconds at_least);
  void retry(std::uint64_t number);
  void note(Obligation& obligation, std::string error) const;
  void bury(Owed obligation);
  void bury_unrun(Owed obligation, std::string_view why);

  const Services services_;
  const Settings settings_;
  const Group group_;
  const std::shared_ptr<Listener> listener_;  // shared with the application
  const ExecutionMode mode_;
  const std::shared_ptr<delivery::Pool::Lane> lane_;  // shared with the pool
  base::Counter& retries_;
  base::Counter& quota_;
  delivery::CallGate gate_;

  std::mutex mutex_;  // leaf; guards all below
  std::deque<Owed> queued_;
  std::map<std::uint64_t, Owed> waiting_;  // for their retry
  std::uint64_t next_wait_ = 0;
  std::uint64_t owed_ = 0;
  std::uint64_t owed_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace evmesh::bus
