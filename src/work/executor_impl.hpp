#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "work/executor.hpp"
#include "work/index.hpp"
#include "work/mesh_outbox.hpp"
#include "work/number_set.hpp"
#include "work/numbers.hpp"
#include "work/slab.hpp"

namespace evmesh::work {

/// The executor, its source split by subject.
class Executor::Impl {
 public:
  explicit Impl(ExecutorOptions options) : options_(options) {}

  // executor.cpp
  void raise_epoch(std::uint64_t epoch) { options_.self.epoch = epoch; }
  void member_up(MonoTime now, const Life& life);
  void member_down(const Life& life);
  void life_ended(const Life& life);
  void runs(Turn& turn, GroupIndex index, std::uint64_t hash, std::uint32_t slots);
  void pause(Turn& turn, GroupIndex index, std::uint64_t hash, bool paused);
  void take(MonoTime now, GroupIndex index, std::size_t max, std::vector<Job>& out, bool suspects);
  [[nodiscard]] bool has(GroupIndex index) const;
  void give_back(Turn& turn, Handle handle);
  [[nodiscard]] std::optional<WorkName> running(Handle handle) const {
    const auto slot = this->slot(handle, State::running);
    return slot ? std::optional(entries_[*slot].name) : std::nullopt;
  }
  void finished(Turn& turn, Handle handle, const Ran& ran);
  void leave(Turn& turn);
  [[nodiscard]] std::vector<View> custodians() const;
  [[nodiscard]] std::optional<MonoTime> heard_at(const Life& life) const;

  // executor_frames.cpp
  void deliver(Turn& turn, const Life& from, const wire::Deliver& deliver);
  void query(Turn& turn, const Life& from, const wire::Query& query);
  void retired(const Life& from, const wire::Retired& retired);
  void renew(Turn& turn, const Life& from, const wire::WorkBeat& beat);
  std::vector<wire::StateEntry> adopted(Turn& turn, const Life& adopter, const wire::Adopted& adopted);
  std::vector<wire::StateEntry> claimed(Turn& turn, const Life& claimer);

  // executor_beat.cpp
  void pump(Turn& turn);
  void tick(Turn& turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // What executor.cpp shows of it.
  ExecutorCounters counters_;
  Look look_;
  std::uint64_t groups_digest_ = 0;
  std::uint64_t running_ = 0;
  std::optional<Handle> suspect_running_;

 private:
  using Slot = std::uint32_t;
  enum class State : std::uint8_t { queued, running, finished };
  struct Custodian;
  struct Share;

  /// A group that runs here, or did.
  struct RunGroup {
    GroupIndex index = 0;
    std::uint64_t hash = 0;
    std::uint32_t slots = 0;
    bool paused = false;
    std::uint64_t queued = 0;
    std::uint32_t sharers = 0;    // custodians with something open
    std::deque<Share*> turns;     // custodians with something queued, who is next first
    std::deque<Handle> suspects;  // queued, of all custodians
    std::chrono::nanoseconds usual{std::chrono::milliseconds{100}};  // how long a run takes, smoothed
    bool measured = false;
    bool told = false;  // local runners, that it has work

    [[nodiscard]] bool open() const { return slots > 0 && !paused; }
  };

  /// What one custodian has of one group here.
  struct Share {
    Custodian* custodian = nullptr;
    RunGroup* group = nullptr;
    std::uint64_t open = 0;    // queued or running
    std::uint64_t ended = 0;   // deliveries that are neither any more
    std::uint64_t limit = 0;   // credit
    std::uint64_t said = 0;    // of that
    std::deque<Handle> queue;  // what is not queued any more is passed over
    bool in_turns = false;
    bool due = false;  // its credit may have grown
  };

  struct Custodian {
    Life life;
    bool up = false;
    bool ended = false;
    bool was_down = false;  // and is not up since
    bool dirty = false;
    bool runs_due = false;  // it is told all that runs here
    bool beat_due = false;
    std::uint64_t received = 0;
    std::uint64_t beat_heard = 0;  // the highest of its beats, by its clock
    std::uint64_t beat_echo = 0;   // the same, once all that it brought about has been said
    MonoTime lease_until{};
    std::uint64_t echoed = 0;       // of this node's beats, the latest that it heard
    std::uint64_t echo_needed = 0;  // before more of it runs
    MonoTime ended_at{};            // noticed then
    Numbers<Slot> entries;
    NumberSet over;                              // numbers that will never run here (again)
    std::map<std::uint64_t, wire::Stale> moved;  // numbers of what another answers for now
    std::map<std::uint64_t, Share> shares;       // by the hash of the group
    std::vector<Share*> due;
    std::vector<std::uint64_t> unsaid;  // numbers with a verdict to say
    std::uint64_t queued_bytes = 0;
    std::uint64_t queued = 0;
    std::uint64_t running = 0;
    std::uint64_t verdicts = 0;
    MonoTime next_beat{};
    MonoTime active_until{};
    MonoTime all_said{};  // runs and credit, the last time
  };

  /// A delivery that is not over.
  struct Entry {
    WorkName name;
    Custody custody;
    Custodian* custodian = nullptr;
    Share* share = nullptr;  // null: of a group that never ran here
    std::uint64_t number = 0;
    std::uint32_t serial = 0;
    std::uint32_t attempt = 1;
    State state = State::queued;
    bool possibly_duplicate = false;
    bool suspect = false;
    bool named = false;                   // found by its name: the latest of that name
    bool unwanted = false;                // nobody waits for its verdict
    bool said = false;                    // its verdict was, once at least
    std::shared_ptr<const Parcel> event;  // shared with who runs it; null when it has finished
    MonoTime since{};                     // it runs, or its verdict was said
    wire::WorkEnding ending = wire::WorkEnding::done;
    std::chrono::milliseconds not_before{0};
    std::string error;
  };

  // executor.cpp
  Custodian& custodian(const Life& life);
  [[nodiscard]] Custodian* find(const Life& life);
  Share& share(Custodian& custodian, RunGroup& group);
  [[nodiscard]] RunGroup* group_of(GroupIndex index) const;
  void forget(Custodian& custodian);
  void mark(Custodian& custodian);
  void start(MonoTime now, Slot slot, std::vector<Job>& out);
  void stop_running(Slot slot, Turn& turn);
  void measure(RunGroup& group, std::chrono::nanoseconds took);
  void close(Share* share);
  void end(Slot slot, wire::WorkEnding ending, Turn& turn);
  void keep_verdict(Slot slot);
  void drop_orphans();
  void erase(Slot slot);
  void give_back_queued(RunGroup& group, Turn& turn);
  void say_anew();

  // executor_queue.cpp
  [[nodiscard]] Handle handle(Slot slot) const;
  [[nodiscard]] std::optional<Slot> slot(Handle handle, State state) const;
  void tell(RunGroup& group, Turn& turn);
  void tell_suspects(Turn& turn);
  void enqueue(Slot slot, bool front, Turn& turn);
  void leave_queue(Entry& it);
  [[nodiscard]] static bool waits(const Custodian& custodian, std::optional<MonoTime> now);
  [[nodiscard]] std::optional<Slot> next_suspect(RunGroup& group, std::optional<MonoTime> now);
  [[nodiscard]] std::optional<Slot> next_of(RunGroup& group, bool suspects, std::optional<MonoTime> now);
  [[nodiscard]] std::optional<Slot> next_of(Share& share);

  // executor_frames.cpp
  [[nodiscard]] static std::uint64_t hash_of(const WorkName& name);
  [[nodiscard]] std::optional<Slot> known(const WorkName& name) const;
  void name(Slot slot);
  void unname(Slot slot);
  [[nodiscard]] bool fresh(Custodian& custodian, std::uint64_t number);
  void arrive(Turn& turn, Custodian& custodian, std::uint64_t number, const wire::Delivered& it);
  Slot add(Custodian& custodian, std::uint64_t number, const wire::Delivered& it, std::optional<Slot> older);
  void run_or_refuse(Turn& turn, Slot slot, const wire::Delivered& it);
  [[nodiscard]] bool over_bound(const Entry& it);
  [[nodiscard]] bool conclusive(const Entry& known, const wire::Delivered& it) const;
  void answer(Slot known, Custodian& custodian, std::uint64_t number, const wire::Delivered& it);
  void refuse_stale(Turn& turn, Custodian& custodian, std::uint64_t number, const wire::Stale& stale);
  void take_over(Turn& turn, Slot slot, Custodian& custodian, std::uint64_t number,
                 const wire::Delivered& it);
  void depart(Turn& turn, Entry& it, const Custody& by);
  void bound_fences(Custodian& custodian);
  void fence(Turn& turn, Custodian& custodian, const std::vector<NumberRange>& unknown);
  void retire(Custodian& custodian, const NumberRange& range);
  void give_up(Turn& turn, Slot slot, const Custody& by, std::vector<wire::StateEntry>& states);

  // executor_beat.cpp
  [[nodiscard]] std::uint32_t prefetch(const RunGroup& group) const;
  [[nodiscard]] std::uint64_t allowance(const Share& share) const;
  void grow(Share& share) const;
  void say_runs(Custodian& custodian, Outbox& outbox);
  void say_verdicts(MonoTime now, Custodian& custodian, Outbox& outbox);
  void say_credit(Custodian& custodian, Outbox& outbox);
  void say_all_credit(Custodian& custodian, Outbox& outbox);
  void say_beat(MonoTime now, Custodian& custodian, Outbox& outbox);
  void say_all(MonoTime now, Custodian& custodian, Outbox& outbox);
  void beat(MonoTime now, Custodian& custodian, Outbox& outbox);
  [[nodiscard]] std::optional<MonoTime> orphaned_until(const Custodian& custodian) const;
  void drop_orphaned(MonoTime now, Custodian& custodian);
  void repeat_verdicts(MonoTime now, Custodian& custodian);
  void sweep();

  ExecutorOptions options_;
  std::map<Life, std::unique_ptr<Custodian>> custodians_;
  std::map<std::uint64_t, RunGroup> groups_;  // by hash
  std::vector<RunGroup*> by_index_;
  Slab<Entry> entries_;
  Index names_;
  std::uint32_t serial_ = 0;
  std::uint64_t runs_version_ = 0;
  std::vector<Custodian*> dirty_;
  std::deque<Handle> orphans_;  // verdicts of ended custodians, oldest first
  bool leaving_ = false;
};

/// As beats tell it.
[[nodiscard]] inline std::uint64_t clock_of(MonoTime now) {
  const auto since = now.time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace evmesh::work
