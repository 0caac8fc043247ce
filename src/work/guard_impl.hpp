#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/records.hpp"
#include "work/guard.hpp"
#include "work/mesh_outbox.hpp"
#include "work/number_set.hpp"

namespace evmesh::work {

/// Its source is split by subject: the copies, taking over, and what others are told of it.
class Guard::Impl {
 public:
  Impl(GuardOptions options, Machine& own, GuardHooks hooks)
      : options_(options), own_(own), hooks_(std::move(hooks)) {}

  // guard.cpp
  Result<void> replay(Position position, std::string_view record);
  void on(Turn turn, const Life& from, const wire::Copy& copy);
  void on(Turn turn, const Life& from, const wire::Guard& guard);
  void synced(Turn turn, Position end);
  template <class Visit>
  void each_machine(const Visit& visit) const;
  [[nodiscard]] std::uint64_t record_bytes() const;
  [[nodiscard]] Position oldest() const;
  bool carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log);
  [[nodiscard]] std::vector<View> copies() const;
  [[nodiscard]] Witness witness(const Life& back) const;

  // guard_adoption.cpp
  void recovered(Turn turn);
  void settled(Turn turn, Position end);
  void raise_epoch(std::uint64_t epoch) { options_.self.epoch = epoch; }
  void member_up(Turn turn, const Life& life);
  void member_down(Turn turn, const Life& life);
  void life_ended(Turn turn, const Life& life, bool clean);
  void gone(Turn turn, const NodeId& owner);
  void pump(Turn turn, const Machine::Read& read);
  [[nodiscard]] bool wants_pump() const;
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // guard_answers.cpp
  void on(Turn turn, const Life& from, const wire::Adopted& adopted);
  void on(Turn turn, const Life& from, const wire::AdoptedAnswer& answer);
  void ran_here(Turn turn, const wire::StateEntry& how);
  [[nodiscard]] bool waits_for_runs() const { return !here_.empty(); }

  GuardCounters counters_;

 private:
  struct Ack {
    Position behind = 0;
    Life owner;
    wire::Copied copied;
  };
  /// One line of copying: a snapshot and the log behind it.
  struct Copy {
    std::unique_ptr<Machine> machine;
    std::uint64_t version = 0;  // that names the snapshot
    std::uint64_t epoch = 0;    // of the life that sent it
    Position to = 0;
  };
  /// What is held of one owner. A fresh copy grows beside the old one, until it is whole.
  struct Replica {
    std::uint64_t epoch = 0;  // of the life that sent it
    Copy whole;
    Copy fresh;
    std::uint64_t set_version = 0;     // the latest known
    std::vector<NodeId> guardians;     // of that
    Position witness = 0;              // that much was on the owner's disk
    std::uint64_t found_by = 0;        // a later life has said how much of it was there
    Position found = 0;
    Position noted_at = 0;             // the youngest record that says so
    bool stale = false;                // of an earlier life of this node: its owner has not spoken since
    std::optional<MonoTime> adopt_at;  // nobody has heard from the owner
    std::optional<Life> superseded;    // by this adopter, until its adoption is safe
    std::uint32_t counter_seen = 0;    // of that
    bool gone = false;                 // the owner will not return
    bool letters_only = false;         // the rest was taken over
  };
  /// What was taken over of one life under one custody, until that node has let go of it, and whoever had it between.
  using Key = std::pair<Life, std::uint32_t>;
  struct Memory {
    std::uint64_t set_version = 0;  // of the log that it was in; 0: that was another's
    Position to = 0;                // how far the copy of that log went
    bool safe = false;              // copies of it are where they should be
    bool letters = false;           // what had come to an end is among it
    std::map<std::uint64_t, NumberSet> groups;
    std::set<NodeId> unheard;  // they may still believe that it is theirs
    Position at = 0;     // the oldest record of it
  };
  enum class Step : std::uint8_t { importing, syncing, asking, releasing, securing };
  struct Adoption {
    NodeId owner;
    std::uint64_t epoch = 0;
    std::uint64_t set_version = 0;
    Position to = 0;  // how far the whole copy went
    std::uint32_t counter_min = 1;
    storage::Doubt doubt = storage::Doubt::owner_ended;
    Step step = Step::importing;
    Replica replica{};                              // without its copies, which are the next
    std::vector<std::unique_ptr<Machine>> sources;  // the newest last
    std::vector<std::unique_ptr<Machine>> spent;    // of these
    bool letters = false;                           // what has come to an end is taken over, too
    std::optional<Machine::Snapshot> walk;
    std::set<Key> keys;                   // of the memory of it
    std::deque<Handle> held;
    std::deque<Handle> held_letters;      // until this node's guardians have them
    std::map<std::pair<std::uint64_t, bool>, std::uint32_t> may_have_run;  // of each group, new and retried: how many more
    std::set<Life> waiting;               // for the answers of these
    MonoTime deadline{};
    Position behind = 0;
  };
  struct Answer {
    Position behind = 0;
    Life to;
    std::vector<wire::AdoptedAnswer> frames;
  };

  // guard.cpp
  void apply(Position position, const storage::Copied& copied, Result<void>& result);
  void apply(const storage::Adopted& adopted, Position position);
  [[nodiscard]] Machine& machine(const NodeId& owner, Replica& replica, Copy& copy, bool fresh) const;
  [[nodiscard]] static bool sound(const wire::Copy& copy, const NodeId& owner);
  [[nodiscard]] static bool remembers(const Replica& replica, const Life& later);
  [[nodiscard]] static bool is_behind(const Replica& replica, const Life& from);
  [[nodiscard]] Copy* target(Replica& replica, const Life& from, const wire::Copy& copy);
  void take(Turn turn, const Life& from, const wire::Copy& copy, Replica& replica, Copy& into);
  void ask_anew(Turn turn, const Life& from, const wire::Copy& copy);
  void confirm(const Life& owner, const Copy& copy, Position behind);
  void note(Replica& replica, const NodeId& owner, storage::Commit& log);
  void drop(const NodeId& owner, storage::Commit& log);
  void drop_but_ended(Turn turn, const NodeId& owner);
  static bool keep_ended(Replica& replica);
  void say_memory(const Key& key, Memory& memory, const NodeId& from, storage::Commit& log);
  void say_memory(const Key& key, Memory& memory, storage::Commit& log);

  // guard_adoption.cpp
  void schedule(Turn turn, const NodeId& owner, bool clean);
  void begin(Turn turn, const NodeId& owner);
  void import(Turn turn, Adoption& adoption, const Machine::Read& read);
  void end_import(Turn turn, Adoption& adoption);
  void take_over(Turn turn, Adoption& adoption, const storage::Owed& owed, std::map<Key, Memory>& taken);
  [[nodiscard]] bool has_taken(const Life& life, std::uint64_t group, std::uint64_t seq, std::uint32_t custody) const;
  void ask(Turn turn, Adoption& adoption);
  void advance(Turn turn, Adoption& adoption, const Machine::Read& read);
  bool release(Turn turn, Adoption& adoption, std::deque<Handle>& held);
  void suspect_oldest(Turn turn, Adoption& adoption, Handle handle);
  void secure(Turn turn);
  void tell(Turn turn, const Life& to, const Key& key, const Memory& memory) const;
  [[nodiscard]] static std::vector<wire::Adopted> frames_of(const Key& key, const Memory& memory);
  [[nodiscard]] bool is_up(const NodeId& node) const;

  // guard_answers.cpp
  void learn(Turn turn, const Life& from, const std::vector<wire::StateEntry>& states);
  void give_way(Turn turn, const Life& from, const wire::Adopted& adopted);
  void forget(Turn turn, const Life& from, const Life& life);
  bool say_stale(Turn turn, const Life& to, const WorkName& name) const;
  [[nodiscard]] std::optional<Custody> custody(const WorkName& name) const;
  void say(Turn turn, Answer answer);
  void say_unsaid(Turn turn, const Life& to);

  GuardOptions options_;
  Machine& own_;
  GuardHooks hooks_;
  std::map<NodeId, Replica> replicas_;
  std::map<Key, Memory> memory_;
  std::list<Adoption> adoptions_;
  std::map<WorkName, Handle> here_;  // taken over, and run here for whom they were taken from
  std::set<Handle> queued_;          // taken over, and queued elsewhere when their owner died: not run by it
  std::set<Life> up_;
  std::deque<Ack> acks_;
  std::deque<Answer> answers_;
  std::deque<Answer> unsaid_;  // their adopters are not up yet
  Position recovered_end_ = 0;
  Position synced_ = 0;
  Position settled_ = 0;
  MonoTime remind_at_{};
  std::string text_;
};

}  // namespace evmesh::work
