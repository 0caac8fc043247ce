#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

#include "storage/commit.hpp"
#include "work/types.hpp"

namespace evmesh::work {

struct MachineOptions {
  NodeId self;
  std::uint64_t epoch = 0;
  std::uint64_t seed = 0;                                  ///< of the jitter
  std::uint64_t event_bytes_max = 64 * limits::mib;  ///< of events kept in memory; the others are read back
};

/// What one node owes to its groups: every acceptance, every attempt, every verdict. Pure: time and what happened come in,
/// records go into the commit that is being built, and the rest of what must be done into `actions`. Not thread-safe.
///
/// An obligation (dispatch id, group) is in exactly one state:
///
///     ready ──take──> running ──done──────────────────────────────> (gone)
///       ^                │ failed
///       │                v
///       └── waiting <────┴── no attempt left, refused ──> burying ──letter_stored──> (gone, a dead letter)
///
/// - Nothing is given out by `take` before the record that makes it owed, or that announces its attempt, is written.
/// - An obligation leaves only by a verdict record, a removed group's included; a dead letter's is appended when the letter
///   is stored durably.
/// - Attempt n > 1 is announced in the journal before it is given out, so no crash makes it run as attempt n again.
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

  /// Cancels all that the group is owed but what is running; says how many. What runs is cancelled when it fails.
  std::uint64_t cancel(GroupIndex group, storage::Commit& log);

  // Acceptance.

  /// Takes it on, or refuses the whole: `back_pressure` (a group that refuses at its quota), `invalid_argument` (no group).
  [[nodiscard]] Result<Accepted> accept(MonoTime now, const Acceptance& acceptance, storage::Commit& log, Actions& actions);

  /// A dead letter is owed again, as the next generation, with its history and all attempts of a first dispatch. Nothing when
  /// it is owed already. RemoveLetter follows when the journal is synced behind the record.
  struct Letter {
    DeadLetterId id;
    DispatchId dispatch;
    std::uint32_t generation = 0;
    std::vector<Attempt> attempts;
  };
  [[nodiscard]] std::optional<Accepted> redeliver(MonoTime now, const Letter& letter, const Acceptance& acceptance,
                                                  storage::Commit& log, Actions& actions);

  // The journal.

  /// Everything before `end` is written, or synced.
  void written(Position end, Actions& actions);
  void synced(Position end, Actions& actions);

  /// Everything owed stands at this position or later.
  [[nodiscard]] Position oldest() const;

  /// Appends again what stands before `keep`, up to `bytes`; true when nothing owed stands before it any more. Events that are
  /// not in memory are asked for through `read`.
  using Read = std::function<std::shared_ptr<const std::string>(Position)>;
  bool carry(Position keep, std::uint64_t bytes, const Read& read, storage::Commit& log);

  // Execution.

  /// Up to `max` executions of one group, oldest first; none when it is paused. Each is answered by `finished`.
  void take(MonoTime now, GroupIndex group, std::size_t max, std::vector<Job>& out);

  /// `wall` and `node` go into the history.
  void finished(MonoTime now, Timestamp wall, Handle handle, Ran ran, storage::Commit& log, Actions& actions);

  /// The letter is on the disk: the obligation ends. Or it could not be kept: it is tried again later, and stays owed.
  void letter_stored(MonoTime now, Handle handle, bool kept, storage::Commit& log, Actions& actions);
  void letter_removed(Handle handle, storage::Commit& log);

  // Time.

  /// Retries that are due become ready, their attempts announced.
  void tick(MonoTime now, storage::Commit& log, Actions& actions);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Recovery, before anything else.

  /// One record of the journal, in order. Errors: undecodable.
  [[nodiscard]] Result<void> replay(Position position, std::string_view record);

  /// All records are in. What was in flight becomes suspect; when the last life did not say goodbye, what is owed may have
  /// run already. Groups that records name and nobody has declared get a place with the default policy.
  void recovered(MonoTime now, Timestamp wall, std::span<const Flight> flights, storage::Commit& log, Actions& actions);

  /// Nothing runs and all is written: what is owed was not running.
  void goodbye(storage::Commit& log);

  // Views.

  [[nodiscard]] GroupCounts counts(GroupIndex group) const;

  struct GroupName {
    std::string bus;
    Group group;
  };
  [[nodiscard]] const GroupName& name(GroupIndex group) const;
  [[nodiscard]] std::size_t group_count() const;

  struct Owed {
    DispatchId id;
    GroupIndex group = 0;
    std::string_view state;  ///< ready, running, waiting, burying
    std::uint32_t attempt = 1;  ///< next or running
    Timestamp accepted{};
    std::vector<Attempt> attempts;
  };
  /// All that is owed of an event, oldest first. Walks through everything.
  [[nodiscard]] std::vector<Owed> owed(const EventId& event) const;
  [[nodiscard]] std::uint64_t owed_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
