#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/listener.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// When and how often failed group work is tried again. Wait before retry n is
/// `min(cap, first * 2^(n-1)) * u`, u uniform in [1, 1 + jitter]: never shorter than the exponential. Value.
/// Source: the James event bus defaults (8 retries, 100 ms, 0.5); cap and jitter direction are ours.
struct RetryPolicy {
  std::uint32_t max_retries = 8;  ///< attempts = max_retries + 1; 0 means one attempt
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds cap{30'000};
  double jitter = 0.5;  ///< 0 to 1

  /// `invalid_argument` naming the field, for negative durations and a jitter outside 0 to 1.
  [[nodiscard]] Result<void> check() const;

  bool operator==(const RetryPolicy&) const = default;
};

/// What one peer said when it learned of a registration.
struct PeerAcknowledgement {
  NodeId peer;
  std::string name;
  std::uint64_t seq = 0;  ///< nothing up to this number arrives from that peer, everything after it does, or a Gap

  bool operator==(const PeerAcknowledgement&) const = default;
};

/// Who knows of a registration. In mono both lists are empty.
struct RegistrationReceipt {
  std::vector<PeerAcknowledgement> acknowledged;  ///< sorted by peer
  std::vector<std::string> missing;               ///< names of live members that had not answered in time, sorted
  std::chrono::microseconds elapsed{0};

  [[nodiscard]] bool complete() const { return missing.empty(); }
};

/// What `unregister` found.
enum class Unregistered : std::uint8_t {
  done,      ///< no call is running and none will come
  draining,  ///< called from inside a listener: no new call will start, a running one may still end
};

/// A listener's place on a bus. Destroying it unregisters, and waits for running calls as `unregister` does. Movable.
class Registration {
 public:
  class Impl;

  Registration() noexcept;
  explicit Registration(std::unique_ptr<Impl> impl);
  Registration(Registration&&) noexcept;
  Registration& operator=(Registration&&) noexcept;
  ~Registration();

  /// After `done` no call of the listener comes through this registration. Waits for a running call, except on a thread
  /// that is inside any listener call of this node: there it returns `draining`, and `on_drained` (may be empty) is called
  /// once, on a thread of the pool, when the last running call has ended. Idempotent. Thread-safe.
  Unregistered unregister(std::function<void()> on_drained = {});

  /// Waits until every live member has acknowledged, or `timeout` has passed. Thread-safe.
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout = std::chrono::milliseconds{0}) const;

  /// False after a move or an `unregister`.
  [[nodiscard]] bool active() const;

 private:
  std::unique_ptr<Impl> impl_;
};

/// How a key or each-node listener is registered.
struct RegisterOptions {
  /// How long `register_listener` waits for the acknowledgements of live members; 0 does not wait.
  std::chrono::milliseconds receipt_timeout{3'000};
  /// Calls never overlap, on this node either: they are queued, so "has run when dispatch returns" does not hold.
  bool serial = false;
  std::uint64_t inbox_bytes_max = 0;  ///< 0: the default, 32 MiB; beyond it the oldest leave and a Gap tells
};

/// How a group listener is registered.
struct GroupOptions {
  RetryPolicy retry;
  std::uint32_t concurrency = 10;                   ///< calls at the same time on this node, 1 to 64
  std::chrono::milliseconds execution_timeout{600'000};  ///< reserved for durable group work
};

/// One event and the keys it concerns, for batches.
struct KeyedEvent {
  Event event;
  std::vector<RegistrationKey> keys;
};

/// What `dispatch` did.
struct Receipt {
  EventId event_id{};            ///< of the first event of a batch
  bool noop = false;             ///< nothing happened, nothing was sent
  std::uint64_t seq = 0;         ///< number of the (last) event in this life of this bus; 0 in mono
  std::uint32_t interested = 0;  ///< peers whose interest matched when it was accepted
  std::uint32_t listeners = 0;   ///< key and each-node listeners of this node that got it
};

/// Who has received everything up to a number.
struct SeenBy {
  struct Peer {
    NodeId id;
    std::string name;
    bool seen = false;
    std::chrono::microseconds after{0};  ///< from the start of waiting until its report, when seen
  };
  std::vector<Peer> peers;  ///< those whose interest matched, sorted by name
};

/// An event bus: register, dispatch, redeliver. Several named ones live in a node, isolated from each other.
/// Every call is thread-safe. After `close` every call that would start something answers `closed`.
class EventBus {
 public:
  EventBus() = default;
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;
  virtual ~EventBus() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Registers `listener` under one or several keys (at least one; duplicates collapse). A listener registered on several
  /// keys of one event is called once for it, and registering the same listener twice on a key has the effect of once.
  /// Waits for the receipt as `options` say; when peers are missing the registration stands all the same and
  /// `Registration::receipt` names them. Past events never come.
  /// Errors: invalid_argument, too_many_registrations, closed, node_failed.
  [[nodiscard]] virtual Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                               std::span<const RegistrationKey> keys,
                                                               RegisterOptions options) = 0;

  /// Registers `listener` as this bus's runner of `group`. Errors: group_already_registered, invalid_argument, closed.
  [[nodiscard]] virtual Result<Registration> register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                                               GroupOptions options) = 0;

  /// Registers `listener` for every event of the bus, wherever it was dispatched. Errors: each_node_refused in
  /// scale-efficient mode, closed.
  [[nodiscard]] virtual Result<Registration> register_each_node(std::shared_ptr<Listener> listener,
                                                                RegisterOptions options) = 0;

  /// Hands `event` to every group, to the listeners of each of `keys` and to each-node listeners.
  /// `keys`: 0 to limits::dispatch_keys_max, order and duplicates ignored; empty means groups and each-node listeners only.
  /// Ok means: local synchronous listeners have run (by the node's delivery model), the event is on its way to interested
  /// peers. It does not mean that a peer has seen it (`wait_seen`). Events that are no-ops go nowhere.
  /// Blocks for local synchronous listeners and up to `notify_wait` for the flow window.
  /// Errors: invalid_argument, event_too_large, too_many_keys, back_pressure, busy, too_deep, closed, node_failed.
  /// A refused event reached nobody. `keys` is not kept.
  [[nodiscard]] virtual Result<Receipt> dispatch(const Event& event, std::span<const RegistrationKey> keys) = 0;

  /// Dispatches a batch in order; each event reaches only the listeners of its own keys. All or nothing is refused.
  /// Errors as above, and batch_too_large.
  [[nodiscard]] virtual Result<Receipt> dispatch(std::span<const KeyedEvent> batch) = 0;

  /// As `dispatch`, on a thread of the pool; `done` (may be empty) is called there once. At most
  /// `limits::async_dispatches_max` wait, then `busy`. Two calls of one thread keep their order.
  [[nodiscard]] virtual Result<void> dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                                    std::function<void(Result<Receipt>)> done) = 0;

  /// Waits until every interested peer has received everything up to `receipt.seq`, or `timeout`. At once in mono.
  [[nodiscard]] virtual SeenBy wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) = 0;

  /// Runs `event` again in exactly one group, with the attempts of a first dispatch; key listeners see nothing.
  /// Errors: unknown_group, closed.
  [[nodiscard]] virtual Result<void> redeliver(const Group& group, const Event& event) = 0;

  /// Groups with a listener on this bus, sorted.
  [[nodiscard]] virtual std::vector<Group> groups() const = 0;

  /// What failed for good on this bus. Lives as long as the bus.
  [[nodiscard]] virtual DeadLetters& dead_letters() = 0;

  /// Refuses new work from now on. Idempotent.
  virtual void close() = 0;

  /// Waits until running and queued calls have ended; `deadline_exceeded` says how many have not. On a thread inside a
  /// listener call: `draining`, at once.
  [[nodiscard]] virtual Result<void> drain(std::chrono::milliseconds timeout) = 0;

  /// Close, drain for `limits::drain`, then release. After it returns no call comes. Idempotent.
  virtual void stop() = 0;

  // Shorter forms of the above.

  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener, const RegistrationKey& key) {
    return register_listener(std::move(listener), std::span(&key, 1), RegisterOptions{});
  }
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       std::span<const RegistrationKey> keys) {
    return register_listener(std::move(listener), keys, RegisterOptions{});
  }
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener, const Group& group) {
    return register_listener(std::move(listener), group, GroupOptions{});
  }
  [[nodiscard]] Result<Registration> register_each_node(std::shared_ptr<Listener> listener) {
    return register_each_node(std::move(listener), RegisterOptions{});
  }
  [[nodiscard]] Result<Receipt> dispatch(const Event& event, std::initializer_list<RegistrationKey> keys = {}) {
    return dispatch(event, std::span(keys.begin(), keys.size()));
  }
  [[nodiscard]] Result<Receipt> dispatch(const Event& event, const RegistrationKey& key) {
    return dispatch(event, std::span(&key, 1));
  }
};

}  // namespace evmesh
