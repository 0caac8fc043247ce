#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

#include "storage/commit.hpp"
#include "work/finished.hpp"
#include "work/mesh_types.hpp"
#include "work/types.hpp"

namespace evmesh::work {

/// Whose journal a copy stands in, and how its records are marked there.
struct Replica {
  NodeId guardian;
  std::uint64_t epoch = 1;  ///< the copied owner's life
  bool fresh = false;       ///< a copy that is not whole yet
};

struct MachineOptions {
  NodeId self;
  std::uint64_t epoch = 1;
  std::uint64_t seed = 0;                            ///< of the jitter
  std::uint64_t event_bytes_max = 24 * limits::mib;  ///< memory for events; the others are read back
  std::uint64_t tick_bytes_max = 1 * limits::mib;    ///< about what one `tick` may append
  /// Other nodes may run what is owed here, or answer for it: without a goodbye, what is owed from earlier lives may
  /// have run elsewhere, and all of it is held back until `release`.
  bool meshed = false;
  /// The machine is a copy of what `self` owes, on another node: it is fed by `replay` and read, and what `carry`
  /// appends stands in that node's journal.
  std::optional<Replica> replica{};
  /// Of the dead letters of a copy the newest are kept: so many, with events of about so many bytes.
  std::uint64_t letters_max = limits::copied_letters_max;
  std::uint64_t letters_bytes_max = limits::copied_letters_bytes_max;
};

/// What one node owes to its groups: every acceptance, every attempt, every verdict. Pure: time and what
/// happened come in, records go into the commit that is being built, and the rest of what must be done into
/// `actions`. Not thread-safe.
///
/// An obligation (dispatch id, group) is in exactly one state:
///
///     ready ──take──> running ──done────────────────> (gone), or settled ──letter_removed──> (gone)
///       ^                │ failed
///       │                v
///       └── waiting <────┴── no attempt left, refused ──> burying ──letter_stored──> (gone, a dead letter)
///
/// - Nothing is given out by `take` before the record that makes it owed, or that announces its attempt, is
///   written; a redelivery not before it is synced, and nothing in a life that follows a goodbye before the
///   beginning of that life is.
/// - An obligation leaves only by a verdict record or that of its group's cancellation; a dead letter's
///   verdict is appended when the letter is stored durably, and the letter is stored when the record of the
///   failure is synced.
/// - Attempt n > 1 is announced in the journal before it is given out. It runs as attempt n again only when
/// it
///   is certain not to have run, or when a power cut took the announcement itself away.
/// - What is owed again keeps its letter until the redelivery is synced; until the letter is gone the
///   obligation stays, settled when it ended before, so that no crash leaves the letter of an event that was
///   handled.
class Machine {
 public:
  explicit Machine(MachineOptions options);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Groups.

  /// The group's place in the table; made when it is not there. Its policy is replaced.
  GroupIndex group(std::string_view bus, const Group& name, const Policy& policy);
  [[nodiscard]] std::optional<GroupIndex> find(std::string_view bus, const Group& name) const;

  /// Nothing of a paused group is given out; it goes on being owed.
  void pause(GroupIndex group, bool paused, Actions& actions);

  /// Cancels all that the group is owed but what is running or burying, as much as fits into a commit
  /// (`tick_bytes_max`): called until it says 0, it says how many. What runs is cancelled when it fails.
  std::uint64_t cancel(GroupIndex group, storage::Commit& log);

  /// The same, but sends it to the group's dead letters; `why` is the error of the attempt that is not made.
  /// What runs goes on.
  std::uint64_t give_up(MonoTime now, Timestamp wall, GroupIndex group, std::string_view why,
                        storage::Commit& log);

  // Acceptance.

  /// Whether `events` more of `bytes` together would be refused for a quota of one of these groups, had each
  /// of them to be accepted by itself. Errors: back_pressure.
  [[nodiscard]] Result<void> fits(std::span<const GroupIndex> groups, std::uint64_t events,
                                  std::uint64_t bytes);

  /// Takes it on, or refuses the whole: `back_pressure` (a group that refuses at its quota, or whose letters
  /// cannot be stored either and are as many again), `invalid_argument` (no group, or none of this table).
  [[nodiscard]] Result<Accepted> accept(const Acceptance& acceptance, storage::Commit& log);

  /// What a dead letter says of the obligation it was.
  struct Letter {
    DeadLetterId id;
    DispatchId dispatch;
    std::uint32_t generation = 0;
    std::vector<Attempt> attempts;
    storage::Doubt doubt = storage::Doubt::none;
  };
  /// A dead letter is owed again, as the next generation, with its history and all attempts of a first
  /// dispatch: to its group, or to all of them when the dispatch failed as a whole. Groups that it is owed to
  /// already are passed over; nothing when those are all. RemoveLetter follows when the journal is synced
  /// behind the record, and it runs no sooner either. The letter is in the store, and nobody has been asked to
  /// remove it since it was looked up. The claims of `acceptance` are ignored. Errors: back_pressure (one of
  /// the groups is at its quota; none gets it), invalid_argument.
  [[nodiscard]] Result<std::optional<Accepted>> redeliver(const Letter& letter, const Acceptance& acceptance,
                                                          storage::Commit& log);

  // The journal.

  /// Everything before `end` is written, or synced.
  void written(Position end, Actions& actions);
  void synced(Position end, Actions& actions);

  /// Everything owed stands at this position or later, and stays there if the machine loses its power now:
  /// the journal may be dropped up to here. The highest number there is when nothing is owed.
  [[nodiscard]] Position oldest() const;

  /// Appends again what stands before `keep`, up to about `bytes`; true when nothing owed stands before it
  /// any more. `read` gives the event of the record at a position, or null, which ends it: nothing is
  /// appended then.
  using Read = std::function<std::shared_ptr<const Parcel>(Position)>;
  bool carry(Position keep, std::uint64_t bytes, const Read& read, storage::Commit& log);

  /// Where the event of an obligation is now; nothing when it is not owed.
  [[nodiscard]] std::optional<Position> position(Handle handle) const;

  // Execution.

  /// Up to `max` executions of one group, oldest first; none when it is paused. Each is answered by
  /// `finished`. Without `suspects` none of those.
  void take(GroupIndex group, std::size_t max, std::vector<Job>& out, bool suspects = true);

  struct NextSuspect {
    Handle handle = 0;
    NodeId away_from;  ///< where it was
  };
  /// The suspect that `take` would give out.
  [[nodiscard]] std::optional<NextSuspect> next_suspect(GroupIndex group) const;

  /// It was taken and not started after all: it is the next of its group again, as the same attempt.
  void give_back(Handle handle, storage::Commit& log, Actions& actions);

  /// What the flight table must show while it runs. `handle` is running.
  [[nodiscard]] Flight flight(Handle handle) const;

  /// `wall` goes into the history. A handle that is not running is ignored.
  void finished(MonoTime now, Timestamp wall, Handle handle, const Ran& ran, storage::Commit& log,
                Actions& actions);

  /// The letter is on the disk: the obligation ends. Or it could not be kept: it is tried again later, and
  /// stays owed.
  void letter_stored(MonoTime now, Handle handle, bool kept, storage::Commit& log);

  /// The letter is gone for good (or was not there). Or it could not be removed: that is tried again later.
  void letter_removed(MonoTime now, Handle handle, bool gone, storage::Commit& log, Actions& actions);

  /// Somebody has removed a letter that is not owed again: copies of this journal must not bring it back.
  void forget_letter(const WorkName& name, storage::Commit& log);
  /// It is owed here, in whatever generation.
  [[nodiscard]] bool owes(const WorkName& name) const;

  // Time.

  /// Retries that are due become ready, their attempts announced; letters that could not be stored or removed
  /// are tried again. What does not fit the commit (`tick_bytes_max`) stays due.
  void tick(MonoTime now, storage::Commit& log, Actions& actions);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Recovery, before anything else.

  /// One record of the journal, in order. Errors: undecodable; storage (the journal is another node's).
  [[nodiscard]] Result<void> replay(Position position, std::string_view record);

  /// All records are in; groups that they name and nobody has declared have a place with the default policy.
  /// `flights` is what was running when the process of the last life ended, nothing when nobody knows: the
  /// machine lost its power, or the table was not of that life. Without a goodbye, what was running counts as
  /// a failed attempt, is suspect and may be a duplicate; when it is not known, everything may be a
  /// duplicate, and attempts that were announced count as made. The old table is kept until what this appends
  /// is written.
  void recovered(MonoTime now, Timestamp wall, const std::optional<std::vector<Flight>>& flights,
                 storage::Commit& log);

  /// Nothing runs, nothing will be taken, and all before it is written: what is owed was not running.
  void goodbye(storage::Commit& log);
  /// The same process goes on as a later life: what it accepts and takes over from now on bears that number.
  void raise_epoch(std::uint64_t epoch, storage::Commit& log);

  // Among nodes. An obligation has a custodian: this node, in its life now, for all that is owed here.

  [[nodiscard]] std::optional<WorkName> work_name(Handle handle) const;  ///< nothing when it is not owed
  [[nodiscard]] Custody custody(Handle handle) const;
  [[nodiscard]] std::optional<Handle> find(const WorkName& name) const;
  /// The same, or a later generation of it.
  [[nodiscard]] std::optional<Handle> find_later(const WorkName& name) const;
  /// It, or a later generation of it, ended here not long ago, and was not let go.
  [[nodiscard]] bool ended(const WorkName& name) const;
  /// It was done here not long ago, in whatever generation.
  [[nodiscard]] bool done(const WorkName& name) const;

  /// The life of the node that it was given to is over, and it may have run there: the attempt has failed, and it is
  /// suspect and possibly a duplicate. A suspect that was given out alone is condemned. Ignored unless running.
  void lost(MonoTime now, Timestamp wall, Handle handle, const NodeId& node, std::string_view node_name,
            storage::Commit& log, Actions& actions);

  /// A walk through all that is owed, in the form of the log, in pieces. What is appended from its beginning on and
  /// all pieces together, replayed in any order that keeps each of the two, are a copy of all that is owed at the end.
  /// At most 64 at once.
  using Snapshot = std::uint32_t;
  [[nodiscard]] Snapshot begin_snapshot();
  /// Up to about `bytes` more, at least one obligation; false: nothing is left. Nothing more comes when `read` gives
  /// null, and true.
  bool snapshot(Snapshot snapshot, std::uint64_t bytes, const Read& read, std::vector<std::string>& records);
  void end_snapshot(Snapshot snapshot);

  /// The same walk through what somebody else would have to take over: not what was cancelled or has come to
  /// an end. A copy's dead letters are among it, as ended. An attempt that was announced counts as perhaps
  /// made.
  using VisitOwed = std::function<void(const storage::Owed&)>;
  enum class Which : std::uint8_t {
    all,
    alive,  ///< not what has come to an end: its owner, should it come back, makes its letter, or has it
            ///< already
  };
  bool visit(Snapshot snapshot, std::uint64_t bytes, const Read& read, Which which, const VisitOwed& visit);

  /// All that has not come to an end leaves a copy: it was taken over. Whether anything is left.
  bool keep_ended();

  /// Another node owed this; now this one does, with custody `counter`, held back. What is owed here already and
  /// says more (a higher generation, then a higher custody) stays as it is. Appends one record; the handles of what it
  /// holds.
  std::vector<Handle> adopt(const storage::Owed& owed, std::uint32_t counter, storage::Doubt doubt,
                            storage::Commit& log);

  /// What is held back goes on as its state says; without effect on anything else.
  void release(MonoTime now, Handle handle, Actions& actions);
  /// What is held back goes on as running: another node has it, and will say how it ended.
  [[nodiscard]] std::optional<Job> lease(Handle handle, storage::Commit& log);
  /// After `recovered`: others may answer for what is owed by now, whatever the goodbye says of what ran here.
  void hold_back_all();
  /// All that is owed by now may run elsewhere, too.
  void doubt_owed();
  /// It is held back, and the node that owed it may have been running it when it ended.
  [[nodiscard]] bool may_have_run(Handle handle, Timestamp wall) const;
  /// Attempts of it have failed.
  [[nodiscard]] bool retried(Handle handle) const;
  /// It is suspect from now on.
  void suspect(Handle handle, storage::Commit& log);
  /// It may have run elsewhere. Ignored unless it is held back.
  void doubt(Handle handle);
  /// No attempt of it is left: it is on its way to the dead letters.
  [[nodiscard]] bool has_ended(Handle handle) const;
  /// All that is held back, oldest first.
  [[nodiscard]] std::vector<Handle> held_back() const;

  /// Another node answers for these obligations of `owner`'s life from now on: what is owed here with a lower
  /// custody is let go. What is known of all of them goes into `states`, 65,536 at most.
  void let_go(const Life& owner, const wire::WorkRanges& work, const Custody& by, storage::Commit& log,
              std::vector<wire::StateEntry>& states);
  /// The same of one that is owed here in that generation or an earlier one; true: it was let go.
  bool let_go(const WorkName& name, const Custody& by, storage::Commit& log);

  /// What ran when another node's word ended it here, since it was asked last: it is not to run any more, where it
  /// does not yet.
  [[nodiscard]] std::vector<Handle> take_withdrawn();

  /// What another node knows of an obligation. Done absorbs, then the higher generation is right, then removed over
  /// dead over owed; an attempt that failed there counts when it is the next one here and has not been given out.
  /// True: it is no longer owed here.
  bool settle(MonoTime now, Timestamp wall, const wire::StateEntry& state, const NodeId& from,
              storage::Commit& log, Actions& actions);

  /// Dead letters that a copy has left out because of its bounds.
  [[nodiscard]] std::uint64_t letters_left_out() const;

  /// How records of a copy are marked. The machine is a copy.
  [[nodiscard]] Replica& replica();

  /// The last record that was replayed is a goodbye: nothing was running.
  [[nodiscard]] bool ended_in_order() const;

  // Views.

  [[nodiscard]] GroupCounts counts(GroupIndex group) const;
  [[nodiscard]] const Counters& counters() const;

  struct GroupName {
    std::string bus;
    Group group;
  };
  [[nodiscard]] GroupName name(GroupIndex group) const;
  [[nodiscard]] std::size_t group_count() const;

  struct Owed {
    Handle handle = 0;
    EventId event_id;
    DispatchId id;
    GroupIndex group = 0;
    std::string_view state;     ///< ready, running, waiting, burying, settled
    std::uint32_t generation = 0;
    std::uint32_t attempt = 1;  ///< next or running; the last one of what is burying
    Timestamp accepted{};
    std::vector<Attempt> attempts;
  };
  /// All that is owed of an event, oldest first. Walks through everything.
  [[nodiscard]] std::vector<Owed> owed(const EventId& event) const { return owed(std::span(&event, 1)); }
  [[nodiscard]] std::vector<Owed> owed(std::span<const EventId> events) const;

  /// Of the last 10,000 that ended since the machine was made, those of `events`, oldest first.
  [[nodiscard]] std::vector<Finished> finished(std::span<const EventId> events) const;

  /// Whether a dead letter is to be stored or removed as soon as what stands in the log is synced.
  [[nodiscard]] bool letters_wait() const;

  /// Counts the end of this one in `watched_ended`. Ignored when it is not owed.
  void watch(Handle handle);
  [[nodiscard]] std::uint64_t watched_ended() const;
  [[nodiscard]] std::uint64_t owed_count() const;
  /// About what the records of what is owed take in the journal, in bytes.
  [[nodiscard]] std::uint64_t record_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
