#pragma once

#include <atomic>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/node.hpp>

#include "base/counters.hpp"
#include "bus/async_queue.hpp"
#include "bus/bus_settings.hpp"
#include "bus/dispatch_rules.hpp"
#include "bus/gap_book.hpp"
#include "bus/group_runner.hpp"
#include "bus/letter_box.hpp"
#include "bus/refusals.hpp"
#include "bus/registration.hpp"
#include "bus/required_state.hpp"
#include "bus/work_engine.hpp"
#include "delivery/activity.hpp"
#include "delivery/crowding.hpp"
#include "delivery/inbound_event.hpp"
#include "delivery/runner.hpp"
#include "delivery/strand.hpp"
#include "registry/registry.hpp"

namespace evmesh::bus {

/// An event bus, alone or at the end of an uplink. Thread-safe.
class Bus final : public EventBus,
                  public GroupWatcher,
                  public std::enable_shared_from_this<Bus>,
                  private delivery::Runnable {
 public:
  /// Shared: registrations and running calls may outlive the node that made it.
  [[nodiscard]] static std::shared_ptr<Bus> create(const NodeServices& services, BusSettings settings);

  Bus(const NodeServices& services, BusSettings settings);
  ~Bus() override;

  [[nodiscard]] const std::string& name() const override { return settings_.name; }

  using EventBus::dispatch;
  using EventBus::register_each_node;
  using EventBus::register_listener;
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       std::span<const RegistrationKey> keys,
                                                       RegisterOptions options) override;
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                                       GroupOptions options) override;
  [[nodiscard]] Result<Registration> register_each_node(std::shared_ptr<Listener> listener,
                                                        RegisterOptions options) override;
  [[nodiscard]] Result<Receipt> dispatch(const Event& event, std::span<const RegistrationKey> keys) override;
  [[nodiscard]] Result<Receipt> dispatch(std::span<const KeyedEvent> batch) override;
  [[nodiscard]] Result<void> dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                            std::function<void(Result<Receipt>)> done) override;
  [[nodiscard]] SeenBy wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) override;
  [[nodiscard]] Result<void> redeliver(const Group& group, const Event& event) override;
  [[nodiscard]] std::vector<Group> groups() const override;
  [[nodiscard]] DeadLetters& dead_letters() override { return dead_letters_; }
  void close() override;
  [[nodiscard]] Result<void> drain(std::chrono::milliseconds timeout) override;
  void stop() override { stop(services_.clock.now() + limits::drain); }

  /// As `stop`, waiting for calls until `deadline`.
  void stop(base::MonoTime deadline);

  /// After it returns the uplink is not used. For the node, when the engine has ended. Idempotent.
  void detach();

  // What arrives from the mesh. Called by the engine: leaf locks only, no waiting, no listener is run.
  /// Appends the listeners of any of these keys, each once, in the order of registration, and each-node ones.
  void match(std::span<const std::string_view> keys, registry::Matches& out) const;

  /// A listener with the smallest announcement version among its registrations.
  struct Audience {
    registry::ListenerHandle listener = 0;
    std::uint64_t version = 0;
  };

  /// All key and each-node listeners, each once, sorted by handle: whom a gap concerns.
  [[nodiscard]] std::vector<Audience> audience() const;

  /// An event and the registration that it matched.
  struct Arrival {
    std::shared_ptr<delivery::InboundEvent> event;
    registry::RegistrationHandle registration = 0;
    std::optional<std::size_t> key{};  ///< index of the first key that matched
  };

  /// Queues events of one publisher for one listener, which gets each if it is still registered for one of its
  /// keys then.
  void offer(registry::ListenerHandle listener, std::span<const Arrival> arrivals);

  /// Queues `gap` behind what is queued for its publisher.
  void offer_gap(registry::ListenerHandle listener, const Gap& gap);

  /// Whether listeners here fall behind what arrives.
  [[nodiscard]] const delivery::Crowding& crowding() const { return crowding_; }

  // What tools ask.
  /// Keys with a listener here, sorted; `peers` is empty, the node knows them.
  [[nodiscard]] std::vector<KeyStatus> keys() const;
  [[nodiscard]] KeyStatus explain(const RegistrationKey& key) const;

  /// The youngest registration under `key`; null when there is none.
  [[nodiscard]] std::shared_ptr<const delivery::Place> youngest(const RegistrationKey& key) const;

  // What operators ask (bus_operators.cpp).
  /// A group that events of this bus are owed to.
  struct GroupPlace {
    Group group;
    work::GroupIndex index = 0;
    bool runs = false;  ///< here
    bool critical = true;
    std::optional<std::string> paused;  ///< why
    std::optional<std::chrono::microseconds> run_p99{};
  };
  [[nodiscard]] std::vector<GroupPlace> group_places() const;

  /// Pauses with a reason, resumes without; remembered where there is a disk. Errors: unknown_group, storage.
  [[nodiscard]] Result<void> pause_group(const Group& group, std::optional<std::string> reason);

  /// Errors: group_in_use (one is registered on this node, be it a front-line node).
  [[nodiscard]] Result<void> check_no_listener(const Group& group) const;

  /// Owes nothing more to a group. Errors: group_in_use (a listener is registered for it), storage.
  [[nodiscard]] Result<void> remove_group(const Group& group);

  // What registrations ask.
  Unregistered leave(const std::shared_ptr<delivery::Place>& place, std::function<void()> on_drained);
  Unregistered leave(const std::shared_ptr<GroupRunner>& runner, Parting how,
                     std::function<void()> on_drained);
  [[nodiscard]] RegistrationReceipt acknowledged(std::uint64_t version, base::MonoTime since,
                                                 std::chrono::milliseconds timeout);
  [[nodiscard]] RegistrationReceipt acknowledged(const Group& group, base::MonoTime since,
                                                 std::chrono::milliseconds timeout);

  // What the work engine tells.
  void group_changed(const wire::GroupEntry& entry, bool here) override;

 private:
  /// A group that every event of the bus is owed to.
  struct Required {
    Group group;
    work::GroupIndex index = 0;
    std::shared_ptr<GroupRunner> runner;  // null when nobody here runs it
    bool refuses = false;                 // at its backlog
    RequiredState state{};
  };
  using Groups = std::vector<Required>;
  using InterestChange = Uplink::InterestChange;

  /// A listener that a dispatch runs itself: exactly one of the two is set.
  struct Call {
    std::shared_ptr<delivery::Place> place;
    std::shared_ptr<GroupRunner> runner;
    const RegistrationKey* key = nullptr;
    work::Job job{};  // for a runner
  };
  using Calls = std::pmr::vector<Call>;

  /// What groups are to get of one event.
  struct Owing {
    std::shared_ptr<const Groups> groups;  // null or empty: nothing
    std::shared_ptr<const work::Parcel> parcel;
  };

  /// What a dispatch came to, and up to where the journal must be synced for it.
  struct Done {
    Receipt receipt;
    work::Position end = 0;
  };

  /// An asynchronous dispatch that only waits for its level.
  struct Answer {
    AsyncDispatch dispatch;
    Receipt receipt;
  };
  class AnswerTurn;

  /// Makes the dispatches that wait, on the pool (bus_async.cpp).
  void run() override;

  // bus_register.cpp
  [[nodiscard]] Result<Registration> enrol(std::shared_ptr<Listener> listener,
                                           std::vector<RegistrationKey> keys, bool each_node,
                                           const RegisterOptions& options);
  [[nodiscard]] Result<InterestChange> admit(const std::shared_ptr<delivery::Place>& place,
                                             const std::shared_ptr<delivery::Strand>& fresh,
                                             std::uint64_t version);
  [[nodiscard]] Result<std::shared_ptr<delivery::Strand>> strand_for(
      const std::shared_ptr<delivery::Strand>& fresh);
  [[nodiscard]] Result<void> hold_keys(const std::vector<RegistrationKey>& keys);
  [[nodiscard]] InterestChange expel(const std::shared_ptr<delivery::Place>& place);
  void withdraw(const std::shared_ptr<delivery::Place>& place);
  std::uint64_t change_interest(const std::function<InterestChange(std::uint64_t)>& apply);
  Unregistered close_gate(delivery::CallGate& gate, std::function<void()> on_drained);

  // bus_dispatch.cpp
  [[nodiscard]] tl::unexpected<Error> refused(Error error);
  [[nodiscard]] Result<bool> leave_out(const Event& event);
  [[nodiscard]] Result<Done> dispatch_now(const Event& event, std::span<const RegistrationKey> keys);
  [[nodiscard]] Result<Done> dispatch_now(std::span<const KeyedEvent> batch);
  [[nodiscard]] Result<Receipt> wait_for_level(Result<Done> done);
  [[nodiscard]] static Result<Receipt> answer_of(Receipt receipt, Result<work::Safety> safety);
  [[nodiscard]] Result<Uplink::Published> publish(std::span<const Uplink::Outgoing> events,
                                                  std::span<std::uint32_t> each = {});
  [[nodiscard]] Result<Done> deliver_here(const Event& event, std::span<const RegistrationKey> keys,
                                          std::uint64_t seq, const Owing& owing);
  void find_audience(std::span<const RegistrationKey> keys, Calls& calls) const;
  void queue_calls(const Event& event, std::span<const RegistrationKey> keys, std::uint64_t seq,
                   Calls& calls);
  void run_calls(const Event& event, std::span<const RegistrationKey> keys, const Calls& calls);
  void run_call(const Event& event, std::span<const RegistrationKey> keys, const Call& call, unsigned depth);
  [[nodiscard]] bool queued(const delivery::Strand& strand) const;
  [[nodiscard]] bool start_async();
  [[nodiscard]] bool goes_together(const Groups& groups) const;
  void finish_async(AsyncDispatch dispatch);
  void finish_together(std::vector<AsyncDispatch> batch, const std::shared_ptr<const Groups>& groups);
  struct Owed;
  [[nodiscard]] Result<void> prepare(Owed& owed, const std::shared_ptr<const Groups>& groups);
  [[nodiscard]] bool publish_together(std::span<Owed> owed);
  void accept_together(std::span<Owed> owed, const Groups& groups);
  [[nodiscard]] Result<Done> deliver_accepted(const Owed& owed, Result<work::Accepted> accepted);
  void answer_when_safe(std::vector<Answer> answers, work::Position end);
  void answer_async(AsyncDispatch& dispatch, const Result<Receipt>& result);

  // bus_groups.cpp
  [[nodiscard]] Result<Registration> run_group(std::shared_ptr<Listener> listener, const Group& group,
                                               GroupRunner::Settings settings);
  [[nodiscard]] bool awaited(const GroupRunner& runner) const;
  [[nodiscard]] Result<Owing> owe(const Event& event, std::span<const RegistrationKey> keys);
  [[nodiscard]] Result<Owing> owe(const Event& event, std::span<const RegistrationKey> keys,
                                  std::shared_ptr<const Groups> groups, bool runs_here = true) const;
  [[nodiscard]] Result<void> check_backlog(std::span<const Owing> owing) const;
  [[nodiscard]] Result<work::Accepted> accept(const Owing& owing, Calls& calls);
  [[nodiscard]] Result<void> require(const Group& group, const GroupOptions& options);
  [[nodiscard]] Result<void> unrequire(const Group& group);
  [[nodiscard]] std::optional<Required> find_required(const Group& group) const;
  void drop_group(const Group& group, bool here);
  void end_group(const Group& group);
  [[nodiscard]] bool ends_group(Parting how) const;
  void change_groups(const std::function<void(Groups&)>& change);
  [[nodiscard]] std::shared_ptr<const Groups> required() const;

  // bus_inbound.cpp
  void tell_gap(const Gap& gap);

  // bus_lifecycle.cpp
  [[nodiscard]] Error closed_error() const;
  [[nodiscard]] Result<void> accepting() const;
  /// Listeners of this node are to get an object that is not made yet.
  [[nodiscard]] bool undecoded(const Event& event) const {
    return services_.decoders != nullptr && services_.decoders->want(event);
  }
  [[nodiscard]] std::int64_t run_until_idle(std::chrono::milliseconds timeout);
  void release();

  const NodeServices services_;
  const BusSettings settings_;
  const DispatchRules rules_;
  const delivery::Runner runner_;
  delivery::Activity activity_;
  delivery::Crowding crowding_;
  BusDeadLetters dead_letters_;
  base::Counter& dispatched_;
  base::Counter& noops_;
  Refusals refused_;
  Refusals registrations_refused_;
  base::Counter& gaps_;
  GapBook gap_book_;

  std::atomic<bool> closed_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> local_number_{0};  // places queued events of a mono bus in order
  mutable delivery::CallGate uplink_gate_;      // open until the uplink is taken away
  std::mutex stop_mutex_;                       // one release at a time
  std::mutex states_mutex_;  // one change of a group's state at a time; taken before all others

  mutable std::shared_mutex mutex_;  // guards all below; inside it only strands' and counters' leaf locks
  registry::Registry registry_;
  std::unordered_map<registry::ListenerHandle, std::shared_ptr<delivery::Strand>> strands_;
  std::unordered_map<const Listener*, std::weak_ptr<delivery::Strand>> strand_of_;
  std::unordered_map<registry::RegistrationHandle, std::shared_ptr<delivery::Place>> places_;
  std::unordered_map<registry::RegistrationHandle, std::shared_ptr<GroupRunner>> runners_;
  std::shared_ptr<const Groups> groups_;  // in the order of their names; replaced, never changed
  // Whether there are any of them, written under the lock: who dispatches past them needs no lock to know.
  std::atomic<bool> listens_{false};
  std::atomic<bool> owes_{false};
  std::uint64_t next_handle_ = 1;

  AsyncQueue async_;
};

}  // namespace evmesh::bus
