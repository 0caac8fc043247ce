#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/counters.hpp"
#include "bus/decoders.hpp"
#include "bus/dispatch_rules.hpp"
#include "bus/mesh_core.hpp"
#include "bus/registration.hpp"
#include "delivery/runner.hpp"
#include "testing/audience.hpp"
#include "testing/world.hpp"
#include "wire/event_codec.hpp"
#include "work/core.hpp"

namespace evmesh::testing {

/// A group that this process runs.
struct GroupRun {
  std::size_t bus = 0;
  Group group;
  std::shared_ptr<Listener> listener{};  // shared with the application, which handed it in
  GroupOptions options{};
  work::GroupIndex index = 0;
  ExecutionMode mode = ExecutionMode::synchronous;
  MonoTime since{};
  unsigned running = 0;
  bool open = true;
  std::string given_up{};  // why what is owed to it goes to the dead letters; empty: it does not
};

/// A node in one life: the machines of the library, driven as the node's threads drive them, over the network, the
/// disk and the time of the world. Thread-bound; made shared.
class Process final : public sim::Station,
                      public std::enable_shared_from_this<Process>,
                      private routing::ListenerLookup,
                      private bus::LinkRoom,
                      private work::Room {
 public:
  Process(World& world, Host& host);
  ~Process() override;

  // Its life (process.cpp).

  void start();
  /// Nothing of it happens any more; its host is told nothing.
  void end();
  void arrive(sim::Input input) override;
  void pause() { paused_ = true; }
  void resume();
  /// Refuses new work, lets what runs end and says goodbye, in a while.
  void stop();
  void keep(Registration registration) { kept_.push_back(std::move(registration)); }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] const wire::Life& life() const { return life_; }
  /// It and all of `others` know each other well.
  [[nodiscard]] bool knows(std::size_t others) const;
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] std::uint64_t owed() const { return core_.machine().owed_count(); }
  [[nodiscard]] std::vector<Member> members() const;

  // What applications ask of a bus (process_bus.cpp, process_dispatch.cpp, process_groups.cpp).

  [[nodiscard]] Result<Registration> add(std::shared_ptr<Place> place, const RegisterOptions& options);
  [[nodiscard]] Result<Registration> add(std::shared_ptr<GroupRun> run);
  Unregistered leave(Place& place, std::function<void()> on_drained);
  Unregistered leave(GroupRun& run, Parting how, std::function<void()> on_drained);
  [[nodiscard]] RegistrationReceipt receipt(const Place& place, std::chrono::milliseconds timeout);
  [[nodiscard]] RegistrationReceipt receipt(const GroupRun& run, std::chrono::milliseconds timeout);
  [[nodiscard]] Result<Receipt> dispatch(std::size_t bus, std::span<const KeyedEvent> events);
  [[nodiscard]] Result<void> dispatch_async(std::size_t bus, KeyedEvent event,
                                            std::function<void(Result<Receipt>)> done);
  [[nodiscard]] SeenBy wait_seen(std::size_t bus, const Receipt& receipt, std::chrono::milliseconds timeout);
  [[nodiscard]] Result<void> redeliver(std::size_t bus, const Group& group, const Event& event);
  [[nodiscard]] Result<void> redeliver(const bus::Letter& letter);
  [[nodiscard]] std::vector<Group> groups(std::size_t bus) const;
  void close(std::size_t bus) { closed_.insert(bus); }
  [[nodiscard]] Result<void> drain(std::size_t bus, std::chrono::milliseconds timeout);
  void release(std::size_t bus);

  /// A letter has left the box: no copy is to bring it back.
  void letter_left(const work::WorkName& name);

 private:
  struct Required {
    work::GroupIndex index = 0;
    bool refuses = false;
  };
  struct Running {
    work::Job job;
    std::shared_ptr<GroupRun> run;
  };
  /// A dispatch that was accepted.
  struct Done {
    Receipt receipt;
    storage::Position end = 0;  // where what groups are owed stands; 0: nothing is
  };
  struct Owing {
    std::shared_ptr<const work::Parcel> parcel;
    std::vector<work::GroupIndex> groups;
  };
  struct Waiter {
    Done done;
    MonoTime until;
    std::function<void(Result<Receipt>)> tell;
  };

  // routing::ListenerLookup
  void match(std::size_t bus, std::span<const std::string_view> keys,
             std::vector<routing::Match>& out) const override;
  void everyone(std::size_t bus, std::vector<routing::Match>& out) const override;
  // bus::LinkRoom, work::Room
  [[nodiscard]] std::uint64_t room_bytes(membership::LinkId link, wire::Class frame_class) const override;
  [[nodiscard]] std::uint64_t room_bytes(const wire::Life& to, wire::Class frame_class) const override;

  // process.cpp: turns.
  void later(nanoseconds wait, std::function<void()> what);
  void plan_turn();
  void turn();
  [[nodiscard]] bool nothing_to_do() const;
  void plan_wake();
  void take_inputs();
  void take(const sim::Input& input);
  void perform_mesh();
  void perform(bus::CoreAction& action);
  void deliver(const routing::Deliver& it);
  using Arrived = tl::expected<wire::ReceivedEvent, wire::DecodeError>;
  using Opened = std::shared_ptr<const Arrived>;  // shared by all listeners
  [[nodiscard]] Opened open(const std::shared_ptr<const routing::Arrivals>& arrivals, std::size_t at);
  void give(std::size_t bus, registry::ListenerHandle listener, const Origin& origin, const Arrived& event);
  void deliver_gap(const routing::DeliverGap& it);
  void fail(const Error& error);
  void stop_turn();
  void say_goodbye();

  // process_work.cpp: the journal, what the machine of group work asks for, and which groups are required.
  [[nodiscard]] work::Turn now();
  void recover();
  void turn_work();
  void flush();
  void synced(storage::Position end);
  void begin_sync();
  void land();
  void make_room();
  [[nodiscard]] std::shared_ptr<const work::Parcel> read(storage::Position position) const;
  [[nodiscard]] std::optional<work::LetterPage> letters_behind(std::uint64_t after) const;
  void send();
  void perform_work();
  void perform(const work::StoreLetter& it);
  void perform(const work::RemoveLetter& it);
  void perform(const work::Ready& it) { ready_.insert(it.group); }
  void perform(const work::LoadEvent& it);
  [[nodiscard]] Result<void> change_group(std::size_t bus, const Group& group,
                                          const std::function<void(wire::GroupEntry&)>& what);
  void keep_groups();
  void group_changed(const wire::GroupEntry& entry, bool here);
  [[nodiscard]] std::size_t bus_index(std::string_view name) const;

  // process_runs.cpp: listeners.
  void take_jobs();
  void begin(const work::Job& job, const std::shared_ptr<GroupRun>& run);
  void execute(work::Handle handle);
  void run_claimed(const work::Job& job, const std::shared_ptr<GroupRun>& run);
  void finish(work::Handle handle, const work::Ran& ran);
  void hear(const Place& place, const Event& event, const RegistrationKey* key, const Origin* origin);
  void call_back(std::string_view what, const std::function<void()>& callback);
  [[nodiscard]] unsigned depth() const { return delivery::CallScope::depth(mark_); }

  // process_dispatch.cpp
  [[nodiscard]] Result<void> usable(std::size_t bus) const;
  [[nodiscard]] Result<Done> accept(std::size_t bus, std::span<const KeyedEvent> events);
  [[nodiscard]] Result<Owing> owe(std::size_t bus, const KeyedEvent& keyed) const;
  [[nodiscard]] Result<void> fits(std::span<const Owing> owing);
  struct Published {
    std::uint64_t seq = 0;
    std::uint32_t interested = 0;
  };
  [[nodiscard]] Result<Published> publish(std::size_t bus, std::span<const KeyedEvent> events);
  [[nodiscard]] Result<void> wait_for_window(std::size_t bus);
  [[nodiscard]] Result<Done> deliver_here(std::size_t bus, const KeyedEvent& keyed, std::uint64_t seq,
                                          const Owing& owing);
  [[nodiscard]] bool queued(ExecutionMode mode, bool serial) const;
  [[nodiscard]] bool awaited(const GroupRun& run) const;
  using Claimed = std::vector<std::pair<work::Job, std::shared_ptr<GroupRun>>>;
  [[nodiscard]] Result<work::Accepted> accept_work(std::size_t bus, const Owing& owing, const EventId& event,
                                                   Claimed& claimed);
  [[nodiscard]] bool waits_for_disks(const Done& done) const;
  [[nodiscard]] bool is_safe(storage::Position end) const;
  [[nodiscard]] Result<Receipt> answer(const Done& done) const;
  void tell_waiters();
  void note(What what, std::size_t bus, const Event* event, std::string origin, const std::string& error = {});

  Unregistered drained(std::function<void()> on_drained);

  World& world_;
  Host& host_;
  wire::Life life_;
  delivery::NodeMark mark_;
  base::Counters counters_;
  const LogSink log_;
  const bus::Decoders decoders_;
  std::vector<std::unique_ptr<delivery::Runner>> runners_;  // by bus
  std::vector<Audience> audiences_;                         // by bus
  const bus::DispatchRules rules_;
  std::vector<Registration> kept_;
  std::set<std::size_t> closed_;  // buses

  std::optional<bus::MeshCore> mesh_;  // not in mode mono
  bus::CoreActions mesh_actions_;
  std::deque<sim::Input> inbox_;  // bounded by the windows of those who send

  mutable work::Core core_;  // it gives its machine to look at, too
  storage::Commit commit_;
  work::Actions actions_;
  work::Frames frames_;
  storage::Position written_ = 0;
  storage::Position synced_ = 0;
  bool syncing_ = false;
  std::vector<std::map<Group, Required>> required_;              // by bus
  std::map<work::GroupIndex, std::shared_ptr<GroupRun>> runs_;   // shared: executions outlive a registration
  std::set<work::GroupIndex> ready_;
  std::map<work::Handle, Running> running_;
  std::vector<std::pair<storage::Position, work::Handle>> landing_;  // out of the flight table when written
  std::deque<Waiter> waiters_;
  std::weak_ptr<const routing::Arrivals> last_arrivals_;
  std::map<std::size_t, Opened> last_opened_;  // of these
  std::uint64_t calls_planned_ = 0;  // of key listeners

  bool over_ = false;
  bool paused_ = false;
  bool stopping_ = false;
  bool turning_ = false;
  bool turn_planned_ = false;
  MonoTime wake_at_{};
  MonoTime stopping_since_{};
};

}  // namespace evmesh::testing
