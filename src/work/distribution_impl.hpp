#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "work/distribution.hpp"
#include "work/mesh_outbox.hpp"
#include "work/number_set.hpp"
#include "work/numbers.hpp"

namespace evmesh::work {

/// The distribution, its source split by subject.
class Distribution::Impl {
 public:
  Impl(DistributionOptions options, Machine& machine) : options_(options), machine_(machine) {}

  // distribution.cpp
  void raise_epoch(std::uint64_t epoch) { options_.self.epoch = epoch; }
  void member_up(Turn& turn, const Life& life, std::string name);
  void member_down(Turn& turn, const Life& life);
  void life_ended(Turn& turn, const Life& life);
  void ready(MonoTime now, GroupIndex index);
  void local(GroupIndex index, std::uint32_t slots);
  void tick(Turn& turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;
  [[nodiscard]] std::vector<Runner> runners(GroupIndex index) const;
  [[nodiscard]] bool runs_elsewhere(GroupIndex index) const;
  [[nodiscard]] std::optional<std::uint32_t> slots(const Life& life, std::uint64_t group) const;
  [[nodiscard]] bool suspect_goes_away(GroupIndex index) const;
  [[nodiscard]] std::optional<Life> where(Handle handle) const;
  [[nodiscard]] std::uint64_t outstanding(GroupIndex index) const;

  // distribution_place.cpp
  void lease(Turn& turn, const Job& job, const Life& executor);
  bool divert(Turn& turn, const Job& job, std::shared_ptr<const Parcel> event);
  void loaded(Turn& turn, Handle handle, std::shared_ptr<const Parcel> event, std::string_view why);
  void pump(Turn& turn, const Room& room);

  // distribution_frames.cpp
  void runs(Turn& turn, const Life& from, const wire::Runs& runs);
  void credit(const Life& from, const wire::Credit& credit);
  void verdicts(Turn& turn, const Life& from, const wire::Verdicts& verdicts);
  void beat(Turn& turn, const Life& from, const wire::WorkBeat& beat);
  void unknown(Turn& turn, const Life& from, const wire::Unknown& unknown);
  void stale(Turn& turn, const Life& from, const wire::Stale& stale);
  void withdraw(Turn& turn, std::vector<Handle> handles);
  void settled(Position end);

  // What distribution.cpp shows of it.
  DistributionCounters counters_;
  std::uint64_t outstanding_ = 0;
  bool stopped_ = false;

 private:
  struct Peer;
  struct PeerRuns;

  /// A group, of which somebody said that it runs it, or that is owed something here.
  struct WorkGroup {
    std::uint64_t hash = 0;
    std::optional<GroupIndex> index;  // in the machine; nothing: it is owed nothing here
    std::vector<PeerRuns*> runners;
    std::size_t turn = 0;  // who is asked first when all are as busy
    std::size_t after_chosen = 0;
    std::uint32_t local_slots = 0;
    std::uint64_t outstanding = 0;
    std::uint64_t loading = 0;  // taken, and their events are read
    std::deque<Job> aside;      // taken, and nobody who may run them has room now
    bool has_work = false;
    bool listed = false;  // looked at by the next pump
    MonoTime ready_since{};
    MonoTime again{};  // looked at again then, when it is not listed; zero: never
    std::optional<Handle> left_here;                  // a suspect that only runners on this node may have
    std::map<std::uint64_t, MonoTime> unknown_types;  // to them: until then
  };

  /// A group at an executor.
  struct PeerRuns {
    Peer* peer = nullptr;
    WorkGroup* group = nullptr;
    std::uint32_t slots = 0;
    std::uint64_t limit = 0;
    std::uint64_t sent = 0;  // and not said to be unknown
    std::uint64_t open = 0;
    MonoTime not_before{};

    [[nodiscard]] std::uint64_t free() const { return limit > sent ? limit - sent : 0; }

    /// It gives so much credit, four times that of runs of a millisecond, that it does many in a row before others could
    /// be woken for some of them.
    [[nodiscard]] bool generous() const { return open + free() >= 512; }
  };

  struct Delivery {
    WorkName name;
    Handle handle = 0;
    PeerRuns* runs = nullptr;
    std::uint64_t type = 0;  // a hash of the event's type
    MonoTime sent{};
    std::uint32_t bytes = 0;
    bool suspect = false;
    bool lost = false;  // its executor was dead by our view; the machine has it back
  };

  struct Waiting {
    Position behind = 0;
    std::uint64_t number = 0;
  };

  /// An executor's life.
  struct Peer {
    Life life;
    std::string name;
    bool up = false;
    bool busy = false;  // stands in busy_
    MonoTime down_at{};
    std::uint64_t runs_version = 0;
    std::map<std::uint64_t, PeerRuns> groups;                                   // by hash
    std::map<std::pair<std::uint64_t, std::uint64_t>, MonoTime> unknown_types;  // (type, group): until then
    // Deliveries.
    std::uint64_t next = 1;
    Numbers<Delivery> open;  // lost ones, too
    std::uint64_t lost = 0;  // of those
    std::uint64_t bytes = 0;
    std::uint64_t suspects = 0;
    std::deque<Job> leases;  // to deliver whatever the credit
    // What is being packed.
    wire::Deliver frame;
    std::vector<Job> packed;  // of those, with their events
    std::uint64_t frame_bytes = 0;
    std::uint64_t room = 0;
    std::uint64_t room_of = 0;  // the pump it was asked in
    // Verdicts.
    std::deque<Waiting> waiting;  // until their records are safe
    NumberSet retired;
    NumberSet unsaid;
    bool say_all = false;
    // Beats.
    MonoTime heard{};
    MonoTime asked{};
    std::uint64_t received = 0;
    MonoTime received_at{};  // since then it did not get further
  };

  // distribution.cpp
  [[nodiscard]] Peer* find(const Life& life) const;
  Peer& peer(const Life& life);
  void has_business(Peer& peer);
  void forget_idle();
  PeerRuns& runs_at(Peer& peer, std::uint64_t hash);
  WorkGroup& group(std::uint64_t hash);
  WorkGroup& group_at(GroupIndex index);
  [[nodiscard]] const WorkGroup* known_group(GroupIndex index) const;
  void list(WorkGroup& group);
  void list_later(WorkGroup& group, MonoTime at);
  void give_back(Turn& turn, WorkGroup& group, Handle handle);
  void list_groups(const Peer& peer);
  void lose(Turn& turn, Peer& peer, bool for_good);
  [[nodiscard]] std::optional<MonoTime> probation_ends(const Peer& peer) const;
  void lose_one(Turn& turn, const Peer& peer, Handle handle);
  void forget(Peer& peer);
  void forget_unused(Peer& peer);
  void leave_group(const PeerRuns& runs);
  void query_open(Turn& turn, Peer& peer);
  void query(Turn& turn, Peer& peer, const NumberSet& numbers);

  // distribution_place.cpp
  [[nodiscard]] bool has_room(Peer& peer, const Room& room);
  [[nodiscard]] bool may_take(MonoTime now, const PeerRuns& runs, const Room& room);
  /// What an execution asks of who runs it.
  struct Wish {
    std::uint64_t type = 0;
    bool suspect = false;
    NodeId away_from{};
  };
  enum class Served : std::uint8_t { nothing_left, more, no_room };

  [[nodiscard]] static Wish wish_of(const Job& job);
  [[nodiscard]] bool may_take(MonoTime now, WorkGroup& group, const PeerRuns& runs, const Room& room);
  [[nodiscard]] bool knows(MonoTime now, const PeerRuns& runs, std::uint64_t type) const;
  [[nodiscard]] bool fits(MonoTime now, const WorkGroup& group, const PeerRuns& runs, const Wish& wish) const;
  [[nodiscard]] PeerRuns* choose(MonoTime now, WorkGroup& group, const Room& room, const Wish* wish);
  [[nodiscard]] bool anybody(MonoTime now, const WorkGroup& group, std::uint64_t type) const;
  [[nodiscard]] bool elsewhere(MonoTime now, const WorkGroup& group, const Wish& wish) const;
  [[nodiscard]] static bool known_here(MonoTime now, const WorkGroup& group, std::uint64_t type);
  [[nodiscard]] bool only_here(MonoTime now, const WorkGroup& group, const Wish& wish) const;
  void leave_here(Turn& turn, WorkGroup& group, Handle handle);
  [[nodiscard]] std::uint64_t for_others(MonoTime now, WorkGroup& group);
  [[nodiscard]] std::uint64_t free_credit(const WorkGroup& group) const;
  void give_back_held(Turn& turn);
  void serve_all(Turn& turn, const Room& room);
  Served serve(Turn& turn, WorkGroup& group, const Room& room);
  void serve_aside(Turn& turn, WorkGroup& group, const Room& room);
  void serve_leases(Turn& turn);
  [[nodiscard]] bool may_take_suspect(const WorkGroup& group) const;
  [[nodiscard]] Job* take_one(WorkGroup& group);
  void not_known_here(MonoTime now, WorkGroup& group, const Job& job) const;
  void load(Turn& turn, WorkGroup& group, Job job, std::optional<Life> lease, bool diverted = false);
  void place(Turn& turn, WorkGroup& group, const Room& room, PeerRuns& runs, Job&& job);
  void refuse(Turn& turn, WorkGroup& group, Handle handle);
  void give(Turn& turn, PeerRuns& runs, Job&& job, const Wish& wish);
  void flush(Turn& turn, Peer& peer);
  void say_retired(Turn& turn, Peer& peer);

  // distribution_frames.cpp
  [[nodiscard]] Delivery close(Peer& peer, std::uint64_t number);
  void apply(Turn& turn, Peer& peer, const wire::WorkVerdict& verdict);
  void merge(Turn& turn, Peer& peer, const Delivery& delivery, const wire::WorkVerdict& verdict);
  void type_unknown(Turn& turn, Peer& peer, const Delivery& delivery);
  void withdraw_open(Turn& turn, Peer& peer, std::span<const Handle> handles);
  [[nodiscard]] static std::optional<std::uint64_t> find_stale(Peer& peer, const WorkName& name, bool ours);
  void retire(Peer& peer, std::uint64_t number);
  void retire_when_safe(Turn& turn, Peer& peer, std::uint64_t number);

  DistributionOptions options_;
  Machine& machine_;
  std::map<Life, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> busy_;  // with something open, to deliver or to say, in the order of peers_; a turn costs what these cost
  std::unordered_map<std::uint64_t, std::unique_ptr<WorkGroup>> groups_;  // by hash
  std::vector<WorkGroup*> by_index_;
  std::vector<WorkGroup*> listed_;
  std::vector<WorkGroup*> later_;  // those with `again`
  bool room_lacked_ = false;       // somebody with credit was passed over for it
  std::vector<Job> taken_;         // its memory stays
  std::vector<Peer*> packing_;
  struct Loading {
    Job job;
    WorkGroup* group = nullptr;
    std::optional<Life> lease;
    bool diverted = false;  // runners here do not know its type
  };
  std::unordered_map<Handle, Loading> loading_;
  std::map<Life, std::map<std::uint64_t, std::uint32_t>> ran_;  // of lives that are over, by group; the lowest leave
  std::uint64_t pumps_ = 0;
  Position settled_ = 0;
};

/// A number that stands for the type of an encoded event.
[[nodiscard]] std::uint64_t type_of(std::string_view event);

}  // namespace evmesh::work
