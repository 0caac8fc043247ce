#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "work/machine.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work {

struct GuardOptions {
  Life self;
  bool guards = true;                              ///< keeps copies for others
  std::uint64_t event_bytes_max = 4 * limits::mib;  ///< of events kept in memory, of each copy
  std::uint64_t piece_bytes = 256 * limits::kib;    ///< adopted in one turn
  std::size_t released_max = 4'096;                 ///< in one turn
  std::uint64_t letters_max = limits::copied_letters_max;  ///< dead letters kept of each owner, the newest
  std::uint64_t letters_bytes_max = limits::copied_letters_bytes_max;  ///< about what they hold
  std::chrono::milliseconds settle{1'000};    ///< between the death of an owner and its adoption
  std::chrono::milliseconds rank{500};        ///< later for each guardian before this one
  std::chrono::milliseconds answers{2'000};   ///< longest wait for what the others know
  std::chrono::milliseconds stale{30'000};    ///< a copy of an earlier life waits so long for word of its owner
  std::chrono::milliseconds remind{5'000};    ///< what was adopted is said again until the owner has answered
};

/// What the guard needs of the machines beside it. All outlive it.
struct GuardHooks {
  /// What this node runs or has finished of what was adopted, by itself too; as Executor::adopted.
  std::function<std::vector<wire::StateEntry>(Turn, const Life& adopter, const wire::Adopted&)> adopted;
  /// As Distribution::lease.
  std::function<void(Turn, const Job&, const Life& executor)> lease;
  /// As Distribution::slots.
  std::function<std::optional<std::uint32_t>(const Life& life, std::uint64_t group)> slots;
};

struct GuardCounters {
  std::uint64_t frames = 0;       ///< COPYs taken
  std::uint64_t records = 0;      ///< in them
  std::uint64_t holes = 0;        ///< COPYs behind one that was lost
  std::uint64_t repeats = 0;      ///< COPYs that said nothing new
  std::uint64_t unfit = 0;        ///< COPYs with a record that is none
  std::uint64_t dropped = 0;      ///< copies deleted
  std::uint64_t adoptions = 0;    ///< begun
  std::uint64_t adopted = 0;      ///< obligations
  std::uint64_t released = 0;     ///< obligations held back before
  std::uint64_t leased = 0;       ///< of these that run or ran elsewhere
  std::uint64_t ended = 0;        ///< of these that another node had ended
  std::uint64_t suspected = 0;    ///< of these that the owner may have been running
  std::uint64_t unanswered = 0;   ///< times that a member did not answer in time
};

/// The guardian's side of copies: for each owner that sends its log a machine that is fed by it, each record wrapped
/// into this node's journal, confirmed when that is synced. When an owner is gone, what its copy holds is taken over
/// by the own machine, synced, told to everybody, and released when it is known what others run of it. What was taken
/// over is said again until that owner, in whatever life, has let go of it. Pure. Not thread-safe.
class Guard {
 public:
  /// `own` outlives this.
  Guard(GuardOptions options, Machine& own, GuardHooks hooks);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // The journal. Read gives the event of a record, be it a copy (storage::event_of_record).

  /// Records that are not of its kinds are ignored. Errors: undecodable.
  [[nodiscard]] Result<void> replay(Position position, std::string_view record);
  /// After the machine's own `recovered`.
  void recovered(Turn turn);
  void synced(Turn turn, Position end);
  /// Everything before `end` has the copies that it should have.
  void settled(Turn turn, Position end);
  [[nodiscard]] Position oldest() const;
  /// About what the records of all copies take in the journal.
  [[nodiscard]] std::uint64_t record_bytes() const;
  bool carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log);

  // Members.

  /// This node goes on as a later life of itself.
  void raise_epoch(std::uint64_t epoch);
  void member_up(Turn turn, const Life& life);
  void member_down(Turn turn, const Life& life);
  void life_ended(Turn turn, const Life& life, bool clean);
  /// No life of it is to be expected any more: another node has its endpoint, or an operator forgot it. What had come
  /// to an end there, its dead letters with it, is taken over, too.
  void gone(Turn turn, const NodeId& owner);

  // Frames.

  void on(Turn turn, const Life& from, const wire::Copy& copy);
  void on(Turn turn, const Life& from, const wire::Guard& guard);
  void on(Turn turn, const Life& from, const wire::Adopted& adopted);
  void on(Turn turn, const Life& from, const wire::AdoptedAnswer& answer);

  /// An execution for another node has ended on this one, or was given back (`queued`).
  void ran_here(Turn turn, const wire::StateEntry& how);
  /// Whether anything of that kind concerns what was taken over.
  [[nodiscard]] bool waits_for_runs() const;

  // Time.

  /// A piece of what is under way. Call at the end of every turn.
  void pump(Turn turn, const Machine::Read& read);
  [[nodiscard]] bool wants_pump() const;
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Views.

  struct View {
    NodeId owner;
    std::uint64_t epoch = 0;
    bool whole = false;
    bool stale = false;
    Position to = 0;
    std::uint64_t owed = 0;
    bool letters_only = false;  ///< the rest was taken over
  };
  [[nodiscard]] std::vector<View> copies() const;
  /// Of the latest life before `back` that sent its log: which, and how much of it was on its disk.
  struct Witness {
    std::uint64_t epoch = 0;  ///< 0: nothing is known
    Position synced = 0;
  };
  [[nodiscard]] Witness witness(const Life& back) const;
  [[nodiscard]] const GuardCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
