#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "work/machine.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work {

/// Dead letters in the form of the log: of each an `Owed` that has ended.
struct LetterPage {
  std::vector<std::string> records;
  std::uint64_t last = 0;  ///< number of the last one
  bool more = false;
};
/// The letters behind a number, in the order of numbers; nothing: they are being read. A letter whose removal
/// has been said to the machine, and one that is owed again, is not among them.
using ReadLetters = std::function<std::optional<LetterPage>(std::uint64_t after)>;

struct CopiesOptions {
  Life self;
  std::uint32_t copies = 0;  ///< the own one included; 0: 1 without seeds while nobody was met, 2, 3 from five nodes on
  bool seeded = false;
  std::uint64_t ring_bytes = 16 * limits::mib;  ///< of the log's end, for guardians that are behind
  std::uint64_t frame_bytes = limits::packed_message_bytes_max;
  std::chrono::milliseconds again{400};      ///< without progress: what is not confirmed is sent again
  std::chrono::milliseconds confirm{1'000};  ///< without progress: the guardian is replaced; twice: its snapshot restarts
  std::chrono::milliseconds avoid{30'000};   ///< it is no candidate for so long
  std::chrono::milliseconds tell{2'000};     ///< GUARD is said again
};

struct CopiesCounters {
  std::uint64_t records = 0;    ///< streamed to guardians, each time
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;      ///< of frames
  std::uint64_t snapshots = 0;  ///< begun
  std::uint64_t overruns = 0;   ///< of these because the guardian was further behind than the ring reaches
  std::uint64_t repeats = 0;    ///< times that a guardian was sent something again
  std::uint64_t replaced = 0;   ///< guardians that did not confirm in time
  std::uint64_t sets = 0;       ///< changes of the set
};

/// The owner's side of copies: ships the records of its own log to its guardians, in the order of the log, and knows
/// how far each has confirmed. A guardian begins with a snapshot in pieces, between which the log goes on; from its
/// end on it holds all that is owed. What is lost on the way is sent again from what was confirmed; a guardian that
/// does not confirm in time is replaced, or does not count when nobody else is there. Pure. Not thread-safe.
class Copies {
 public:
  /// `machine` outlives this.
  Copies(CopiesOptions options, Machine& machine);
  ~Copies();
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  // The journal.

  void replay(Position position, const storage::Guardians& guardians);
  /// Where the log ended that this life found.
  void recovered(Position end);
  /// The guardians of the last life, who may have taken over since.
  [[nodiscard]] const std::vector<NodeId>& had_guardians() const;

  /// What was appended, in order and without holes, from the first commit of this life on.
  void appended(const storage::Commit& commit);
  void synced(Position end);

  /// As `Machine::oldest` and `Machine::carry`, for the record of the set.
  [[nodiscard]] Position oldest() const;
  void carry(Position keep, storage::Commit& log);

  // Members.

  /// This node goes on as a later life of itself, which finds the log up to `end`.
  void raise_epoch(std::uint64_t epoch, Position end);
  void member_up(Turn turn, const Life& life, bool transient);
  void member_down(Turn turn, const Life& life);
  void life_ended(Turn turn, const Life& life, bool clean);

  void on(Turn turn, const Life& from, const wire::Copied& copied);

  /// Sends what links have room for. `read` gives events that are not in memory; null: later. `letters` come
  /// behind what is owed.
  void pump(Turn turn, const Room& room, const Machine::Read& read, const ReadLetters& letters);
  [[nodiscard]] bool wants_pump() const;
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // Views.

  /// Everything before it is synced here and confirmed by all guardians that count.
  [[nodiscard]] Position safe() const;
  /// Guardians that count and have confirmed everything before `end`.
  [[nodiscard]] std::uint32_t copies(Position end) const;
  [[nodiscard]] std::uint32_t wanted() const;  ///< guardians
  [[nodiscard]] std::uint32_t whole() const;   ///< guardians that count: they hold everything and confirm in time
  [[nodiscard]] bool degraded() const { return whole() < wanted(); }

  struct View {
    Life life;
    bool whole = false;  ///< holds all that is owed
    bool late = false;   ///< does not confirm in time
    Position confirmed = 0;
  };
  [[nodiscard]] std::vector<View> guardians() const;
  void lives(std::vector<Life>& out) const;  ///< of the guardians, without what else is known of them
  [[nodiscard]] std::uint64_t set_version() const;
  [[nodiscard]] const CopiesCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
