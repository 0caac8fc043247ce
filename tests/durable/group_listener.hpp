#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <evmesh/listener.hpp>

#include "ledger.hpp"
#include "plan.hpp"

namespace evmesh::durable {

/// What all listeners of a process share. Thread-safe.
class Shared {
 public:
  /// Room to count the runs of so many executions.
  explicit Shared(std::uint64_t executions) : counted_(executions) {}

  /// One more run of that execution.
  void count(std::uint64_t execution);
  /// Executions that ran once, and those that ran more often.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> once_and_more() const;

  void ended();
  [[nodiscard]] std::uint64_t ends() const { return ends_; }
  void wait_ended(std::uint64_t count);

  /// Waits until `release`.
  void hold();
  void release();

  /// A moment, before something is tried again.
  void breathe();

  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> duplicates{0};  ///< runs that were said to be possibly duplicate

 private:
  std::vector<std::atomic<std::uint8_t>> counted_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::atomic<std::uint64_t> ends_{0};
  bool released_ = false;
};

/// The number at the beginning of an event's payload.
[[nodiscard]] std::uint64_t number_of(const Event& event);

/// Writes what it is told into the ledger, and does with events of chosen
/// numbers what the plan says. Thread-safe.
class GroupListener final : public Listener {
 public:
  GroupListener(std::string group, const Plan& plan, Ledger& ledger, Shared& shared)
      : group_(std::move(group)), plan_(plan), ledger_(ledger), shared_(shared) {}

  Outcome handle(const Delivery& delivery) override;

 private:
  void say(std::string_view what, const Delivery& delivery);

  const std::string group_;
  const Plan& plan_;
  Ledger& ledger_;
  Shared& shared_;
};

}  // namespace evmesh::durable
