#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include <evmesh/node.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "bus/answer_desk.hpp"
#include "bus/asker.hpp"
#include "bus/bus.hpp"
#include "bus/mesh_operations.hpp"
#include "bus/operations.hpp"
#include "bus/work_engine.hpp"
#include "delivery/call_scope.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"
#include "storage/identity.hpp"

namespace evmesh::bus {

/// Who the node is: as its data directory says, or a new one. Errors: storage.
[[nodiscard]] Result<std::unique_ptr<storage::Identity>> open_identity(const NodeOptions& options);

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

  /// Opens what group work is kept in; before the first bus. `nudge` as in WorkEngine::Services. Errors: storage, busy.
  [[nodiscard]] Result<void> open_work(const storage::Identity& identity, const NodeOptions& options,
                                       std::function<void(const Error&)> on_failed,
                                       std::function<void()> nudge = {});

  [[nodiscard]] WorkEngine& work() { return *work_; }
  [[nodiscard]] const WorkEngine& work() const { return *work_; }
  [[nodiscard]] NodeServices services();
  [[nodiscard]] const delivery::NodeMark& mark() const { return mark_; }
  [[nodiscard]] const LogSink& log() const { return log_; }
  [[nodiscard]] const base::SystemClock& clock() const { return clock_; }
  [[nodiscard]] base::SystemRandom& random() { return random_; }
  [[nodiscard]] base::Counters& counters() { return counters_; }
  [[nodiscard]] const base::Counters& counters() const { return counters_; }

  /// Adds a bus; before the node is given away, in the order of the options.
  Bus& add(BusSettings settings);
  [[nodiscard]] const std::vector<std::shared_ptr<Bus>>& buses() const { return buses_; }

  /// When all buses are there, and before the node is given away: takes up what operators ordered in earlier
  /// lives. `asker` asks the other nodes and outlives the buses; null: there are none. Errors: storage.
  [[nodiscard]] Result<void> start_operations(Asker* asker = nullptr);
  [[nodiscard]] GroupWork& group_work() { return *operations_; }
  [[nodiscard]] MeshWork& mesh_work() { return *mesh_operations_; }

  /// Answers other nodes' questions through `send`, on threads of the pool, until `close`. Before the first.
  void answer_questions(AnswerDesk::Send send);
  /// Returns at once.
  void take_questions(std::vector<AnswerDesk::Asked> questions) { desk_->take(std::move(questions)); }

  /// Errors: invalid_argument naming the buses there are.
  [[nodiscard]] Result<Bus*> bus(std::string_view name) const;

  /// When a stop that begins now no longer waits for calls.
  [[nodiscard]] base::MonoTime drain_deadline() const { return clock_.now() + limits::drain; }

  /// Refuses new work and waits for running calls of all buses, until `deadline`. Idempotent.
  void close(base::MonoTime deadline);

  /// Before it: others get back what they gave this node and does not run yet.
  void leave();

  /// Between the two: group work says goodbye to other nodes, as WorkEngine::part.
  void part(std::chrono::milliseconds patience);

  /// As `close`, then releases what the buses hold: no call comes any more. Idempotent.
  void stop(base::MonoTime deadline);
  void stop() { stop(drain_deadline()); }

  /// True on a thread that is inside a listener call of this node.
  [[nodiscard]] bool inside_listener() const { return delivery::CallScope::depth(mark_) > 0; }

  [[nodiscard]] std::vector<KeyStatus> keys() const;

  // As Node's, for a node whose listeners the host runs.
  [[nodiscard]] int fd() const { return pool_.descriptor(); }
  [[nodiscard]] Result<std::size_t> run_once(std::size_t max);

 private:
  [[nodiscard]] delivery::Pool& own_pool() { return pool_.of_host() ? helpers_ : pool_; }

  const LogSink log_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  base::Counters counters_;
  const Decoders decoders_;
  delivery::NodeMark mark_;
  std::atomic<std::uint64_t> keys_held_{0};
  delivery::Pool pool_;     // runs listeners
  delivery::Pool helpers_;  // runs what is the node's own, where the host runs listeners
  delivery::Timers timers_;
  std::unique_ptr<WorkEngine> work_;
  std::vector<std::shared_ptr<Bus>> buses_;  // shared: registrations may outlive the node
  std::unique_ptr<Operations> operations_;   // null until all buses are there
  std::unique_ptr<MeshOperations> mesh_operations_;  // likewise
  std::unique_ptr<AnswerDesk> desk_;  // null where nobody asks
};

}  // namespace evmesh::bus
