#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/listener.hpp>
#include <evmesh/registration.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

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
  std::uint64_t first_seq = 0;   ///< number of the first event of a batch, otherwise as `seq`
  std::uint32_t interested = 0;  ///< peers whose interest matched any of its events when it was accepted
  DispatchId dispatch{};         ///< of the last event that groups were owed; nil when none was
  std::uint32_t groups = 0;      ///< that are owed the event, added up over a batch
  std::uint32_t listeners = 0;   ///< key and each-node listeners here that got it, added up over a batch
  std::uint32_t copies = 0;      ///< on the disks of other nodes, of what groups are owed; at level `replicated`
  bool degraded = false;         ///< fewer copies than wanted, because too few nodes are there
};

/// Who has received everything up to a number.
struct SeenBy {
  struct Peer {
    NodeId id;
    std::string name;
    bool seen = false;
    std::chrono::microseconds after{0};  ///< from the start of waiting until its report, when seen
  };
  std::vector<Peer> peers;         ///< those whose interest matched any of the events, sorted by name
  std::optional<Error> failure{};  ///< `node_failed`: the node failed, and nobody was waited for

  /// Every one of `peers` has everything.
  [[nodiscard]] bool complete() const {
    return !failure && std::all_of(peers.begin(), peers.end(), [](const Peer& peer) { return peer.seen; });
  }
};

/// An event bus: register, dispatch, redeliver. Several named ones live in a node, isolated from each other.
/// Every call is thread-safe. After `close` every call that would start something answers `closed`; when the
/// node has failed, `node_failed` with the reason.
class EventBus {
 public:
  EventBus() = default;
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;
  virtual ~EventBus() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Registers `listener` under one or several keys (at least one; duplicates collapse). A listener
  /// registered on several keys of one event is called once for it, and registering the same listener twice
  /// on a key has the effect of once. Waits for the receipt as `options` say; when peers are missing the
  /// registration stands all the same and `Registration::receipt` names them. Past events never come. Errors:
  /// invalid_argument, too_many_registrations, closed, node_failed.
  [[nodiscard]] virtual Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                               std::span<const RegistrationKey> keys,
                                                               RegisterOptions options) = 0;

  /// Registers `listener` as this bus's runner of `group`.
  /// Errors: group_already_registered, invalid_argument, closed, node_failed.
  [[nodiscard]] virtual Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                               const Group& group, GroupOptions options) = 0;

  /// Registers `listener` for every event of the bus, wherever it was dispatched. Errors: each_node_refused
  /// in scale-efficient mode, invalid_argument, closed, node_failed.
  [[nodiscard]] virtual Result<Registration> register_each_node(std::shared_ptr<Listener> listener,
                                                                RegisterOptions options) = 0;

  /// Hands `event` to every group, to the listeners of each of `keys` and to each-node listeners.
  /// `keys`: 0 to 256, order and duplicates ignored; empty means groups and each-node listeners only.
  /// Ok means: local synchronous listeners have run (by the node's delivery model), the event is on its way
  /// to interested peers. It does not mean that a peer has seen it (`wait_seen`). Events whose body says that
  /// nothing happened go nowhere. Blocks for local synchronous listeners and up to `notify_wait` for the flow
  /// window. Errors: invalid_argument, event_too_large, too_many_keys, back_pressure, busy, too_deep, closed,
  /// node_failed. A refused event reached nobody. `keys` is not kept.
  [[nodiscard]] virtual Result<Receipt> dispatch(const Event& event,
                                                 std::span<const RegistrationKey> keys) = 0;

  /// Dispatches a batch in order; each event reaches only the listeners of its own keys. All or nothing is
  /// refused. At most 1,024 events and, unless it is a single event, 1 MiB of payloads and headers (counted
  /// as for the size of an event, event.hpp). Errors as above, and batch_too_large.
  [[nodiscard]] virtual Result<Receipt> dispatch(std::span<const KeyedEvent> batch) = 0;

  /// As `dispatch`, on a thread of the pool; `done` (may be empty) is called there once. At most 65,536
  /// events and 64 MiB wait on a bus, then `busy` (a body counts 512 bytes). Two calls of one thread keep
  /// their order.
  [[nodiscard]] virtual Result<void> dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                                    std::function<void(Result<Receipt>)> done) = 0;

  /// Waits until every peer interested in any event of `receipt` has received everything up to `receipt.seq`,
  /// or `timeout`. At once in mono, for a no-op and on a node that failed.
  [[nodiscard]] virtual SeenBy wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) = 0;

  /// Runs `event` again in exactly one group, with the attempts of a first dispatch; key listeners see
  /// nothing. A dead letter that holds the event stays where it is: remove it when the event was handled.
  /// Errors: unknown_group, invalid_argument, event_too_large, closed, node_failed.
  [[nodiscard]] virtual Result<void> redeliver(const Group& group, const Event& event) = 0;

  /// Groups with a listener on this bus, sorted.
  [[nodiscard]] virtual std::vector<Group> groups() const = 0;

  /// What failed for good on this bus. Lives as long as the bus.
  [[nodiscard]] virtual DeadLetters& dead_letters() = 0;

  /// Refuses new work from now on. Idempotent.
  virtual void close() = 0;

  /// Waits until running and queued calls have ended; `deadline_exceeded` says how many have not. On a thread
  /// inside a listener call: `draining`, at once.
  [[nodiscard]] virtual Result<void> drain(std::chrono::milliseconds timeout) = 0;

  /// Close, drain for at most 10 s, then release. After it returns no call comes. Idempotent.
  virtual void stop() = 0;

  // Shorter forms of the above.

  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       const RegistrationKey& key,
                                                       RegisterOptions options = {}) {
    return register_listener(std::move(listener), std::span(&key, 1), options);
  }
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       std::initializer_list<RegistrationKey> keys,
                                                       RegisterOptions options = {}) {
    return register_listener(std::move(listener), std::span(keys.begin(), keys.size()), options);
  }
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       std::span<const RegistrationKey> keys) {
    return register_listener(std::move(listener), keys, RegisterOptions{});
  }
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       const Group& group) {
    return register_listener(std::move(listener), group, GroupOptions{});
  }
  [[nodiscard]] Result<Registration> register_each_node(std::shared_ptr<Listener> listener) {
    return register_each_node(std::move(listener), RegisterOptions{});
  }
  [[nodiscard]] Result<Receipt> dispatch(const Event& event,
                                         std::initializer_list<RegistrationKey> keys = {}) {
    return dispatch(event, std::span(keys.begin(), keys.size()));
  }
  [[nodiscard]] Result<Receipt> dispatch(const Event& event, const RegistrationKey& key) {
    return dispatch(event, std::span(&key, 1));
  }
  [[nodiscard]] Result<Receipt> dispatch(EventFields fields,
                                         std::initializer_list<RegistrationKey> keys = {}) {
    return dispatch(Event(std::move(fields)), std::span(keys.begin(), keys.size()));
  }
  [[nodiscard]] Result<Receipt> dispatch(EventFields fields, std::span<const RegistrationKey> keys) {
    return dispatch(Event(std::move(fields)), keys);
  }
  [[nodiscard]] Result<Receipt> dispatch(EventFields fields, const RegistrationKey& key) {
    return dispatch(Event(std::move(fields)), std::span(&key, 1));
  }
};

}  // namespace evmesh
