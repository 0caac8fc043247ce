#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/mesh_core.hpp"
#include "ledger.hpp"
#include "plan.hpp"
#include "registry/registry.hpp"
#include "sim/network.hpp"
#include "sim/timeline.hpp"
#include "sim/totals.hpp"
#include "trace.hpp"

namespace evmesh::sim {

/// What all processes of a run share; outlives them.
struct Stage {
  const Plan& plan;
  Timeline& timeline;
  Network& network;
  Ledger& ledger;
  Totals& totals;
  const Trace& trace;
  std::vector<RegistrationKey> keys;
  std::vector<std::string> buses;
};

/// Every host has the buses in another order: the bus that `host` gives this number, and the other way round.
[[nodiscard]] std::size_t bus_of(const Stage& stage, Host host, std::size_t number);
[[nodiscard]] std::size_t number_of(const Stage& stage, Host host, std::size_t bus);

/// An event that waits to be dispatched.
struct Pending {
  std::size_t bus = 0;
  KeySet keys = 0;
  std::uint64_t number = 0;
  std::uint64_t payload = 0;
};

/// A node in one life: the core with its registries, driven as the engine drives it, and listeners that tell the ledger.
class Process final : public Station, private routing::ListenerLookup, private bus::LinkRoom {
 public:
  struct Setup {
    Host host = 0;
    Life life;
    Mode mode = Mode::broadcast;
    std::vector<Host> seeds;
    std::uint64_t random_seed = 0;
    bool transient = false;
    nanoseconds notify_wait{0};  ///< for the flow window
    std::function<void()> on_removed{};  ///< it was forgotten by an operator, and has noticed
    nanoseconds turn_pause{0};   ///< of a slow receiver: at least this between two turns
    std::size_t turn_inputs = 256;
  };

  Process(Stage& stage, Setup setup);
  ~Process() override;

  // Driven by the world.

  void start();
  void arrive(Input input) override;
  void pause();
  void resume();
  /// Its listeners do not keep up for so long.
  void crowd(nanoseconds time) { crowded_until_ = stage_.timeline.now() + time; }
  /// No longer a slow receiver.
  void hurry();
  /// Hands over as many of these as the flow window lets through; the others wait for it, `notify_wait` at most.
  void dispatch(std::vector<Pending> events);
  /// Returns the registration's handle.
  std::uint64_t add(std::uint64_t listener, std::size_t bus, KeySet keys, bool everything);
  void remove(std::uint64_t registration);
  /// Forgets a member that it takes for dead. False when there is none.
  bool forget(Dice& dice);
  /// Asks for reports until everything accepted has arrived or `patience` has passed, then says goodbye and calls `done`.
  void stop(nanoseconds patience, bool for_good, std::function<void()> done);

  // What the world looks at.

  [[nodiscard]] Host host() const { return setup_.host; }
  [[nodiscard]] const Life& life() const { return setup_.life; }
  /// With which life it began; may have gone on as a later one.
  [[nodiscard]] const Life& first_life() const { return first_life_; }
  [[nodiscard]] Mode mode() const { return setup_.mode; }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool ready() const { return core_.joined() && !paused_ && !stopping_ && !removed_; }
  [[nodiscard]] const bus::MeshCore& core() const { return core_; }
  [[nodiscard]] const std::vector<Registration>& registrations() const { return registrations_; }
  [[nodiscard]] MonoTime resumed_at() const { return resumed_at_; }

  /// When it last took a frame that `peer` sent it over a link.
  [[nodiscard]] MonoTime heard(const Life& peer) const;

  /// The process is no more: its counters go to the totals, the ledger is told.
  void end(bool said_goodbye);

 private:
  void match(std::size_t number, std::span<const std::string_view> keys, std::vector<routing::Match>& out) const override;
  void everyone(std::size_t number, std::vector<routing::Match>& out) const override;
  [[nodiscard]] bool crowded(std::size_t) const override { return stage_.timeline.now() < crowded_until_; }
  [[nodiscard]] std::uint64_t room_bytes(LinkId link, Class frame_class) const override;

  void plan_turn();
  void turn();
  void take(const Input& input);
  void hear(const Bytes& bytes, bool published);
  void perform();
  void perform(bus::CoreAction& action);
  void deliver(const routing::Deliver& it);
  void deliver(const routing::Deliver& it, const routing::Deliver::Item& item);
  void trace_gap(const routing::DeliverGap& it) const;
  void look_at_receipts();
  void look_at_sent(const std::string& bytes);
  void note(const membership::Note& note);
  void go_on_as(std::uint64_t epoch);
  void fail(const Error& error);
  void check_bounds();
  [[nodiscard]] MonoTime running_time() const;

  // process_work.cpp
  void try_waiting();
  void dispatch_now(const Pending& event);
  void stop_turn(MonoTime deadline, bool for_good, std::function<void()> done);

  Stage& stage_;
  Setup setup_;
  const Life first_life_;
  std::vector<registry::Registry> registries_;  // by this host's number of the bus
  std::vector<Registration> registrations_;
  std::uint64_t last_handle_ = 0;
  bus::MeshCore core_;
  bus::CoreActions actions_;
  std::deque<Input> inbox_;
  std::deque<Pending> waiting_;  // for the flow window
  std::optional<MonoTime> waiting_until_;

  bool paused_ = false;
  bool stopping_ = false;
  bool removed_ = false;
  bool turn_planned_ = false;
  MonoTime wake_at_{};
  MonoTime crowded_until_{};
  MonoTime last_turn_;
  MonoTime resumed_at_;
  MonoTime paused_at_{};
  nanoseconds paused_for_{0};
  unsigned idle_turns_ = 0;  // in a row at the same time, with nothing to take

  // What the checks need.
  bool acknowledgement_came_ = false;
  std::size_t actions_max_ = 0;
  std::set<std::uint64_t> complete_;     // registrations whose receipt was complete once
  std::map<Life, MonoTime> heard_at_;    // by running time, on either lane
  std::map<Life, MonoTime> taken_at_;    // by the clock, from the ROUTER
  std::set<NodeId> dead_;                // whose life may go on
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // shared with what is planned
};

}  // namespace evmesh::sim
