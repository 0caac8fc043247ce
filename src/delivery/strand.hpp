#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>
#include <evmesh/listener.hpp>

#include "base/clock.hpp"
#include "delivery/activity.hpp"
#include "delivery/call_gate.hpp"
#include "delivery/crowding.hpp"
#include "delivery/inbound_event.hpp"
#include "delivery/pool.hpp"
#include "delivery/runner.hpp"

namespace evmesh::delivery {

class Strand;

/// One registration of a listener: the keys it stands under, and the gate its calls go through. What it is
/// made of does not change once its strand knows it. Thread-safe.
struct Place {
  std::uint64_t handle = 0;
  std::uint64_t version = 0;          ///< of the announcement that carried it; 0 in mono
  std::vector<RegistrationKey> keys;  ///< sorted; empty for an each-node registration
  bool each_node = false;
  base::MonoTime registered_at{};
  std::uint64_t gaps_before = 0;   ///< gaps its listener had been told when it was registered
  std::shared_ptr<Strand> strand;  ///< shared: a running call outlives the registration
  CallGate gate;

  /// Index of the first of `texts` it stands under; an each-node registration takes all, by no key.
  struct Found {
    std::optional<std::size_t> key;
  };
  [[nodiscard]] std::optional<Found> find(std::span<const std::string_view> texts) const;
};

/// A listener object on one bus: its registrations, and the inbox of what waits for it.
/// Calls for one publisher come one at a time and in order; different publishers overlap, unless it is
/// serial. When the inbox is full the oldest events leave, and the listener gets one gap for each hole, in
/// its place. Thread-safe; offering never blocks and never runs the listener.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  struct Options {
    std::uint64_t handle = 0;  ///< of the listener on its bus
    bool serial = false;       ///< one queue for all publishers
    std::uint64_t inbox_bytes_max = 0;
  };

  /// What a strand needs; all of it outlives the strand's last call.
  struct Services {
    const Runner& runner;
    Pool& pool;
    Activity& activity;
    base::Counters& counters;
    Crowding& crowding;
  };

  Strand(Services services, std::shared_ptr<Listener> listener, Options options);

  [[nodiscard]] std::uint64_t handle() const { return options_.handle; }
  [[nodiscard]] Listener& listener() const { return *listener_; }
  [[nodiscard]] const std::shared_ptr<Listener>& shared_listener() const { return listener_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] ExecutionMode mode() const { return mode_; }
  [[nodiscard]] bool serial() const { return options_.serial; }

  void add(std::shared_ptr<Place> place);

  /// Says whether it was the last. What waits for that registration alone will not run.
  bool remove(const Place& place);

  [[nodiscard]] std::uint64_t inbox_bytes_max() const;

  /// Raises the inbox's bound; never lowers it.
  void widen_inbox(std::uint64_t bytes_max);

  /// How many gaps the listener was told.
  [[nodiscard]] std::uint64_t gaps_told() const noexcept {
    return gaps_told_.load(std::memory_order_relaxed);
  }

  /// The smallest announcement version among the registrations; nothing when there is none.
  [[nodiscard]] std::optional<std::uint64_t> oldest_version() const;

  /// An event, and the registration that it matched; without one it is looked for when the event's turn comes.
  struct Call {
    std::shared_ptr<InboundEvent> event;
    std::shared_ptr<Place> place{};
    std::optional<std::size_t> key{};  ///< index of the first key that matched
  };

  /// Queues events, or a gap, behind what is queued for their publisher.
  void offer(Call call) { offer(std::span(&call, 1)); }
  void offer(std::span<Call> calls);
  void offer(const Gap& gap);

  /// A registration that an event with these keys may go through now, entered; `leave` its gate afterwards.
  struct Entered {
    std::shared_ptr<Place> place;
    std::optional<std::size_t> key;  ///< index of the first key that matched
  };
  [[nodiscard]] std::optional<Entered> enter(std::span<const std::string_view> key_texts) const;

  /// Drops what waits. What is offered later is dropped too.
  void close();

 private:
  using Item = std::variant<Call, Gap>;

  /// What waits for one publisher; runs on the pool while there is something.
  struct Queue final : Runnable {
    explicit Queue(Strand& strand) : strand(strand) {}
    void run() override { strand.run(*this); }
    [[nodiscard]] bool empty() const { return holes.empty() && items.empty(); }

    Strand& strand;
    std::deque<Gap> holes;  // come before all items
    struct Waiting {
      Item item;
      std::uint64_t arrival;
    };
    std::deque<Waiting> items;
    bool scheduled = false;  // handed to the pool, or running
  };

  void run(Queue& queue);
  [[nodiscard]] bool take_part(Queue& queue, std::size_t calls, std::vector<Item>& part);
  [[nodiscard]] Item take(Queue& queue);
  void deliver(const Item& item);
  void deliver(const Call& call);
  [[nodiscard]] std::optional<Entered> enter(const Call& call) const;
  void deliver(const Gap& gap);
  [[nodiscard]] std::optional<Entered> find_open(std::span<const std::string_view> key_texts) const;
  [[nodiscard]] std::shared_ptr<Place> enter_any() const;

  Queue& queue_for(const NodeId& publisher);
  void note_crowding();
  void shed();
  void shed_from(Queue& queue);
  void log_overrun(const Gap& gap) const;
  void schedule(Queue& queue);
  void forget_idle_queues();

  const Services services_;
  const std::shared_ptr<Listener> listener_;  // shared with the application
  const Options options_;
  const std::string name_;
  const ExecutionMode mode_;
  base::Counter& overruns_;
  base::Counter& shed_;
  std::atomic<std::uint64_t> gaps_told_{0};

  mutable std::mutex mutex_;  // leaf; guards all below
  std::vector<std::shared_ptr<Place>> places_;
  std::map<NodeId, std::unique_ptr<Queue>> queues_;
  std::uint64_t inbox_bytes_max_;
  std::uint64_t bytes_ = 0;  // of the events that wait
  std::size_t events_ = 0;   // that wait
  std::uint64_t arrivals_ = 0;
  bool crowded_ = false;
  bool closed_ = false;
};

}  // namespace evmesh::delivery
