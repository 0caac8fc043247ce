#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "work/mesh_types.hpp"

namespace evmesh::work {

struct ExecutorOptions {
  Life self{};
  std::uint32_t prefetch = 128;                ///< deliveries beyond the slots while runs take 1 ms
  std::uint32_t prefetch_max = 1'024;          ///< the same while they take an eighth of that, or less
  std::chrono::milliseconds beat{500};         ///< to custodians with something open here
  std::chrono::milliseconds idle_beat{750};    ///< to the others
  std::chrono::milliseconds all_again{5'000};  ///< with all that may have been lost
  /// So long after it sent a beat that a custodian heard is this node certainly not dead for that custodian.
  std::chrono::milliseconds lease{2'500};
  std::chrono::milliseconds orphaned{60'000};  ///< what is queued of an ended custodian waits for an adopter
  std::uint64_t queued_bytes_max = limits::link_credit_bytes;  ///< of the events of one custodian
  std::size_t verdicts_max = 65'536;  ///< kept for one custodian, and for all that have ended together
  std::size_t fences_max = 65'536;    ///< ranges of numbers that are over, for one custodian
};

struct ExecutorCounters {
  std::uint64_t delivered = 0;        ///< executions that came in
  std::uint64_t finished = 0;         ///< of those, run here
  std::uint64_t given_back = 0;       ///< not run
  std::uint64_t repeated = 0;         ///< came twice under one number
  std::uint64_t over = 0;             ///< came after it was fenced or retired, and was dropped
  std::uint64_t fenced = 0;           ///< numbers that never came and are refused now
  std::uint64_t fenced_at_bound = 0;  ///< the same, because there were too many holes
  std::uint64_t stale = 0;            ///< came from somebody who does not answer for it any more
  std::uint64_t answered = 0;         ///< not run, as its end was known here
  std::uint64_t taken_over = 0;       ///< queued or running, and now for another custodian
  std::uint64_t dropped = 0;          ///< left the queue as another answers for it, or it is over
  std::uint64_t verdicts_repeated = 0;
  std::uint64_t verdicts_dropped = 0;  ///< of ended custodians, at the bound
  std::uint64_t over_bytes = 0;        ///< given back as more bytes came than may wait
  std::uint64_t over_credit = 0;       ///< the same for their number, or not even answered
};

/// What this node runs for others: the executor's side of numbered deliveries. For each custodian's life it
/// knows every number in exactly one state:
///
///     not received ──DELIVER──> queued ──take──> running ──finished──> finished ──RETIRED──> over
///          └────────QUERY (answered UNKNOWN, refused from then on)───────────────────────────> over
///
/// - A number runs at most once, and what is over never runs.
/// - A verdict is kept until its custodian says that it is durable, or an adopter has it.
/// - Nothing is given out once the lease of its custodian is over (see `ExecutorOptions::lease`): it may have taken back
///   what it delivered. What is left goes on with the next beat that shows that this node is alive for it.
/// - Of an obligation that is known here, the delivery with the higher custody is right: a lower one is
///   answered with STALE.
/// Pure: time and what happened come in; frames, and `Ready` for local runners, go into the turn. Keeps
/// nothing over its life. Not thread-safe.
class Executor {
 public:
  explicit Executor(ExecutorOptions options);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// What this node itself knows of an obligation that is delivered to it.
  struct Ours {
    std::optional<Custody> custody;  ///< it answers for it, under this one
    bool done = false;               ///< it has ended here with success
  };
  using Look = std::function<Ours(const WorkName&)>;
  void look_first(Look look);

  // Custodians, as membership sees them: every member is one.

  /// This node goes on as a later life of itself.
  void raise_epoch(std::uint64_t epoch);
  void member_up(Turn turn, const Life& life);
  /// Another may run meanwhile what is queued here: it is possibly duplicate, and waits once the lease is over.
  void member_down(const Life& life);
  /// It never speaks again. Ends nothing that is open here: an adopter may ask for it; what is queued waits for
  /// one, and is dropped after a while.
  void life_ended(const Life& life);

  // Frames.

  /// Events are copied out of `bytes`.
  void on(Turn turn, const Life& from, const wire::Deliver& deliver, const wire::Buffer& bytes);
  void on(Turn turn, const Life& from, const wire::Query& query);
  void on(Turn turn, const Life& from, const wire::Retired& retired);
  /// Renews its lease.
  void on(Turn turn, const Life& from, const wire::WorkBeat& beat);

  /// When the last of this node's beats that a member has heard was sent, or it came up; nothing when it is not known
  /// or its life is over.
  [[nodiscard]] std::optional<MonoTime> heard_at(const Life& life) const;

  /// Somebody adopted these: what is queued of them for a lower custody is dropped, what runs or has finished
  /// stays until it is delivered by the adopter, or at most the bound. What is known of each.
  [[nodiscard]] std::vector<wire::StateEntry> adopted(Turn turn, const Life& adopter,
                                                      const wire::Adopted& adopted);

  /// The node is back in the life `claimer`: what is known of what its earlier lives delivered, as `adopted`
  /// does.
  [[nodiscard]] std::vector<wire::StateEntry> claimed(Turn turn, const Life& claimer);

  // Execution on this node.

  /// The group, by its hash, runs here with so many at once from now on. 0: no longer; what is queued of it
  /// goes back, what runs ends.
  void runs(Turn turn, GroupIndex group, std::uint64_t hash, std::uint32_t slots);

  /// Nothing of a paused group is taken on, and what is queued of it goes back.
  void pause(Turn turn, GroupIndex group, std::uint64_t hash, bool paused);

  /// Up to `max` executions, from each custodian in turn, of each in the order of its numbers. Without
  /// `suspects` none of those. Each is answered by `finished` or `give_back`.
  void take(MonoTime now, GroupIndex group, std::size_t max, std::vector<Job>& out, bool suspects = true);

  /// Whether `take` would give something.
  [[nodiscard]] bool has(GroupIndex group) const;

  /// Whether a suspect that was taken runs; no other is given out meanwhile.
  [[nodiscard]] bool runs_suspect() const;

  /// It was taken and not started: it is the next of its custodian again; goes back when the group does not
  /// run here any more.
  void give_back(Turn turn, Handle handle);

  /// A handle that is not running is ignored.
  void finished(Turn turn, Handle handle, const Ran& ran);

  /// Nothing is taken on any more, what is queued goes back, and no group runs here.
  void leave(Turn turn);

  /// What runs under that handle; nothing when nothing does.
  [[nodiscard]] std::optional<WorkName> running(Handle handle) const;
  /// What runs for others now.
  [[nodiscard]] std::uint64_t running() const;

  // Time.

  /// Of the map of required groups, for the beats.
  void groups_digest(std::uint64_t digest);

  /// Says verdicts and credit. Call at the end of every turn, when the distribution has said what it had to say: who
  /// hears a beat that gives back its own knows by then what was taken back until that one came.
  void pump(Turn turn);
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Views.

  struct View {
    Life custodian;
    std::uint64_t queued = 0;
    std::uint64_t running = 0;
    std::uint64_t verdicts = 0;
    std::uint64_t received = 0;  ///< highest number
  };
  [[nodiscard]] std::vector<View> custodians() const;
  [[nodiscard]] const ExecutorCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
