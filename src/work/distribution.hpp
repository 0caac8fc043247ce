#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "work/machine.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work {

struct DistributionOptions {
  Life self{};
  std::uint64_t bytes_max = limits::link_credit_bytes;  ///< of events open at one executor
  std::size_t aside_max = 256;                          ///< of one group, taken and not placed yet
  std::chrono::milliseconds beat{500};                  ///< of executors
  std::chrono::milliseconds silence{3'000};             ///< without a beat: all that is open is asked about
  std::chrono::milliseconds type_unknown{60'000};       ///< an executor is not tried again with a type
  std::chrono::milliseconds local_first{5};             ///< what local runners could take is left to them
  std::chrono::milliseconds probation{30'000};          ///< of a suspect at a dead executor that may be back
  std::chrono::milliseconds given_back_wait{100};       ///< before an executor gets more after it gave back
};

struct DistributionCounters {
  std::uint64_t delivered = 0;
  std::uint64_t frames = 0;  ///< DELIVERs
  std::uint64_t bytes = 0;   ///< of the events in them
  std::uint64_t done = 0;
  std::uint64_t failed = 0;  ///< or refused
  std::uint64_t unknown_type = 0;
  std::uint64_t given_back = 0;        ///< by executors
  std::uint64_t queried = 0;           ///< numbers
  std::uint64_t fenced = 0;            ///< numbers that never arrived
  std::uint64_t lost = 0;              ///< open at an executor that ended
  std::uint64_t overtaken = 0;         ///< another answers for it
  std::uint64_t verdicts_unasked = 0;  ///< of numbers that are not open any more
  std::uint64_t loads = 0;             ///< events read back
  std::uint64_t unreadable = 0;
  std::uint64_t types_unremembered = 0;  ///< more types unknown at one executor than are remembered
};

/// What this node owes and others run: the custodian's side of numbered deliveries. Takes work from the
/// machine when an executor has credit for it, delivers it under the next number of that executor's life, and
/// brings what becomes of it back to the machine. A number is never used twice, and leaves by exactly one of:
/// a verdict, UNKNOWN (it never arrived: the same attempt is made elsewhere), the end of the executor's life
/// (it may have run), STALE (another answers for it).
///
/// RETIRED is said of a verdict when `settled` says that its record is as durable as it has to be.
/// Pure. Not thread-safe.
class Distribution {
 public:
  /// `machine` outlives this.
  Distribution(DistributionOptions options, Machine& machine);
  ~Distribution();
  Distribution(const Distribution&) = delete;
  Distribution& operator=(const Distribution&) = delete;

  // Executors, as membership sees them.

  /// This node goes on as a later life of itself.
  void raise_epoch(std::uint64_t epoch);
  /// `name` is for people.
  void member_up(Turn turn, const Life& life, std::string name);
  /// It is dead by our view: what is open there may have run (`Machine::lost`). The life may come back, and
  /// is then asked what became of it: what it has done counts where the obligation is still owed.
  void member_down(Turn turn, const Life& life);
  /// The same, and it never speaks again.
  void life_ended(Turn turn, const Life& life);

  // Frames.

  void on(Turn turn, const Life& from, const wire::Runs& runs);
  void on(Turn turn, const Life& from, const wire::Credit& credit);
  void on(Turn turn, const Life& from, const wire::Verdicts& verdicts);
  void on(Turn turn, const Life& from, const wire::WorkBeat& beat);
  void on(Turn turn, const Life& from, const wire::Unknown& unknown);
  /// Its delivery is over; whoever calls lets go of it in the machine.
  void on(Turn turn, const Life& from, const wire::Stale& stale);

  // Work.

  /// The machine said `Ready` of the group.
  void ready(MonoTime now, GroupIndex group);

  /// So many of the group may run on this node at once.
  void local(GroupIndex group, std::uint32_t slots);

  /// A running job of the machine's that this executor runs already, or has run, for an earlier custodian: it
  /// is delivered there whatever its credit, and nowhere else. Lost at once when the executor is not known.
  void lease(Turn turn, const Job& job, const Life& executor);

  /// A running job of the machine's that this node cannot run (`unknown_type`) is to run elsewhere: true when
  /// somebody else may know the type; it is this one's from then on. `event` may be null.
  bool divert(Turn turn, const Job& job, std::shared_ptr<const Parcel> event);

  /// These ended by another node's word, while they ran: who has not begun one of them does not any more, as it is
  /// told before it hears anything else from here.
  void withdraw(Turn turn, std::vector<Handle> handles);

  /// Answers LoadEvent. Null: it cannot be read, for `why`.
  void loaded(Turn turn, Handle handle, std::shared_ptr<const Parcel> event, std::string_view why);

  /// Everything in the log before `end` is as durable as its level asks.
  void settled(Position end);

  /// Nothing more is delivered; what is open is waited for, and what was taken for others goes back with the
  /// next `pump`.
  void stop();

  // Time.

  /// Delivers what executors have credit and links have room for. Call at the end of every turn.
  void pump(Turn turn, const Room& room);
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Views.

  /// An executor of a group.
  struct Runner {
    Life life;
    std::string name;
    bool up = true;
    std::uint32_t slots = 0;
    std::uint64_t outstanding = 0;
    std::uint64_t free = 0;  ///< credit that is left
  };
  [[nodiscard]] std::vector<Runner> runners(GroupIndex group) const;

  /// Whether somebody else that is up runs the group.
  [[nodiscard]] bool runs_elsewhere(GroupIndex group) const;

  /// How many of a group (by its hash) a life ran at once, as far as it said; nothing: it was never up here, or is
  /// forgotten.
  [[nodiscard]] std::optional<std::uint32_t> slots(const Life& life, std::uint64_t group) const;

  /// The next suspect of the group is not for runners on this node: one that survives it can say what ended the process.
  [[nodiscard]] bool suspect_goes_away(GroupIndex group) const;

  /// Where an obligation is delivered to now. Walks through all that is open.
  [[nodiscard]] std::optional<Life> where(Handle handle) const;

  /// Deliveries without a verdict.
  [[nodiscard]] std::uint64_t outstanding() const;
  [[nodiscard]] std::uint64_t outstanding(GroupIndex group) const;
  [[nodiscard]] const DistributionCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
