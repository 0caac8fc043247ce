#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "network.hpp"
#include "totals.hpp"
#include "work/types.hpp"

namespace evmesh::sim_group {

/// A promise that was broken.
struct Violation {
  std::string invariant;
  std::string what;
};

/// How a listener takes one event.
enum class Habit : std::uint8_t {
  good,
  fails_first,
  fails_always,
  refuses,
  ends_process,
  new_type,  ///< only later builds know it
  slow,
  hangs  ///< until its time is over
};

/// An execution that has begun and not ended.
struct Run {
  Life life;
  HostIndex host = 0;
  std::uint32_t generation = 0;
  std::uint32_t attempt = 1;
};

/// One event owed to one group, as the world outside the machines sees it.
struct Entry {
  std::uint64_t event = 0;  // its number; every dispatch has its own
  EventId event_id;         // another dispatch may have the same
  work::GroupIndex group = 0;
  Habit habit = Habit::good;
  unsigned misses = 0;  // runs that go wrong before it behaves
  work::DispatchId id{};
  HostIndex owner = 0;
  Life owner_life;
  bool promised = false;     // it is on the owner's disk, or its letter was stored
  std::uint32_t copies = 0;  // so many disks may be lost without losing it
  unsigned burials = 0;      // times that it became a letter; what was said of copies before is void
  bool excused = false;      // more than that were lost
  bool cancelled = false;
  bool lost_letter = false;  // with its disk
  bool twins = false;        // two nodes buried it, and both letters were redelivered
  bool done = false;         // the listener returned success once
  std::uint32_t done_generation = 0;
  Life done_life;
  Life ran_life;  // that made the latest attempt which has ended
  std::vector<Run> running;
  unsigned runs = 0;
  unsigned deaths = 0;  // of processes, in this generation
  unsigned deaths_elsewhere = 0;  // of those, on other nodes, since its owner began
  std::uint32_t generation = 0;
  std::uint32_t redelivered = 0;        // the latest generation that somebody asked for
  std::uint32_t last_attempt = 0;       // of this generation
  bool last_not_run = false;            // its type was not known
  std::uint64_t disruptions = 0;        // how many there had been when it was accepted
  std::uint64_t run_disruptions = 0;    // when it ran last
  std::uint32_t secured_attempt = 0;    // of this generation: whatever happens, later numbers follow
  bool secured_done = false;            // whatever happens, it does not run again
  std::optional<MonoTime> failed_at{};  // when the last attempt ended without success
  struct Letter {
    DeadLetterId id;
    std::uint32_t generation = 0;
  };
  std::map<HostIndex, Letter> letters;  // in the stores now
};

/// What was promised and what happened; says what is broken. Thread-bound.
class Ledger {
 public:
  Ledger(const Plan& plan, Totals& totals) : plan_(plan), totals_(totals) {}

  using Key = std::pair<std::uint64_t, work::GroupIndex>;

  [[nodiscard]] Entry& add(std::uint64_t event, work::GroupIndex group);
  [[nodiscard]] Entry& at(std::uint64_t event, work::GroupIndex group) { return entries_.at({event, group}); }
  [[nodiscard]] std::map<Key, Entry>& entries() { return entries_; }

  /// An execution begins.
  void starts(Entry& entry, const Run& run, const work::Job& job, MonoTime now, const RetryPolicy& retry);
  enum class Ending : std::uint8_t { done, failed, not_run };
  void ends(Entry& entry, const Life& life, MonoTime now, Ending ending);
  /// It ends its process.
  void dies(Entry& entry, HostIndex host);

  /// The letter is in the node's store now, or gone.
  void stored(Entry& entry, HostIndex host, const DeadLetterId& letter, std::uint32_t generation);
  void removed(Entry& entry, HostIndex host);
  /// A letter of that generation.
  void redelivered(Entry& entry, std::uint32_t generation);

  /// Something happened after which work may run twice.
  void disrupted() { ++disruptions_; }
  void process_ended(const Life& life);
  /// Of the deaths on other nodes so far.
  void owner_knows_nothing(const NodeId& owner);
  /// What was accepted since the disk was emptied under the same name is gone: lives `first` to `last`.
  void lives_undone(const NodeId& node, std::uint64_t first, std::uint64_t last);
  /// What stood on a disk that is lost.
  struct Held {
    Life latest;  // it and all lives before it had that disk
    std::set<DispatchId> owed;
    std::optional<std::set<NodeId>> copies;  // of what these owe; nothing when nobody knows
  };
  void disk_lost(HostIndex host, const Held& held);
  [[nodiscard]] bool has_disk(const Life& life) const {
    const auto lost = lost_.find(life.id);
    return lost == lost_.end() || life.epoch > lost->second;
  }

  /// An end of an execution that must not be forgotten from some moment on.
  struct Fresh {
    Key key;
    std::uint32_t generation = 0;
    std::uint32_t attempt = 0;
    bool done = false;
    work::Position behind = 0;  // of the owner's journal; 0: its custodian has not noted it yet
  };
  [[nodiscard]] std::vector<Fresh>& fresh() { return fresh_; }

  /// At the end, when nothing is owed: everything promised ended in exactly one way.
  void check_end();

  void fail(std::string invariant, std::string what);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

 private:
  void check_again(Entry& entry, const Run& run, bool flagged);
  void check_number(Entry& entry, const Run& run, bool flagged, MonoTime now, const RetryPolicy& retry);

  const Plan& plan_;
  Totals& totals_;
  std::map<Key, Entry> entries_;
  std::vector<Fresh> fresh_;
  std::map<NodeId, std::uint64_t> lost_;  // lives up to these had a disk that is no more
  std::uint64_t disruptions_ = 0;
  std::optional<Violation> violation_;
};

[[nodiscard]] EventId event_id(std::uint64_t number);
[[nodiscard]] std::string describe(const Entry& entry);

}  // namespace evmesh::sim_group
