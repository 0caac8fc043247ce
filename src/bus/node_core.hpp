#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include <evmesh/node.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/random.hpp"
#include "bus/bus.hpp"
#include "delivery/call_scope.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"

namespace evmesh::bus {

/// What a node of any mode consists of besides the mesh: clocks, counters, threads and buses. Thread-safe.
/// Not destroyed inside a listener call.
class NodeCore {
 public:
  /// `options` were checked.
  explicit NodeCore(const NodeOptions& options);

  /// As `stop`, then waits for calls that are still running.
  ~NodeCore();
  NodeCore(const NodeCore&) = delete;
  NodeCore& operator=(const NodeCore&) = delete;

  [[nodiscard]] NodeServices services();
  [[nodiscard]] const LogSink& log() const { return log_; }
  [[nodiscard]] const base::SystemClock& clock() const { return clock_; }
  [[nodiscard]] base::SystemRandom& random() { return random_; }
  [[nodiscard]] base::Counters& counters() { return counters_; }
  [[nodiscard]] const base::Counters& counters() const { return counters_; }

  /// Adds a bus; before the node is given away, in the order of the options.
  Bus& add(BusSettings settings);
  [[nodiscard]] const std::vector<std::shared_ptr<Bus>>& buses() const { return buses_; }

  /// Errors: invalid_argument naming the buses there are.
  [[nodiscard]] Result<Bus*> bus(std::string_view name) const;

  /// Refuses new work and waits for running calls, at most `limits::drain` together. Idempotent.
  void close();

  /// Closes all buses, then stops them: at most `limits::drain` together, unless calls do not end.
  /// Idempotent.
  void stop();

  /// True on a thread that is inside a listener call of this node.
  [[nodiscard]] bool inside_listener() const { return delivery::CallScope::depth(mark_) > 0; }

  [[nodiscard]] std::vector<KeyStatus> keys() const;

 private:
  const LogSink log_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  base::Counters counters_;
  delivery::NodeMark mark_;
  std::atomic<std::uint64_t> keys_held_{0};
  delivery::Pool pool_;
  delivery::Timers timers_;
  std::vector<std::shared_ptr<Bus>> buses_;  // shared: registrations may outlive the node
};

}  // namespace evmesh::bus
