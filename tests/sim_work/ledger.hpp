#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "sim/dice.hpp"
#include "totals.hpp"
#include "work/machine.hpp"

namespace evmesh::sim_work {

using base::MonoTime;

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
  unknown_first,
  slow
};

/// One event owed to one group, as the world outside the machine sees it.
struct Entry {
  std::uint64_t event = 0;  // its number; every dispatch has its own
  work::GroupIndex group = 0;
  Habit habit = Habit::good;
  unsigned misses = 0;  // runs that go wrong before it behaves
  work::DispatchId id{};
  bool promised = false;  // its receipt was given, or its letter was stored
  bool done = false;      // the listener returned success once
  bool cancelled = false;
  bool verdict_synced = false;  // that of a success: nothing of it may come again
  bool running = false;
  unsigned runs = 0;
  unsigned deaths = 0;  // of processes, in this generation
  std::uint32_t generation = 0;
  std::uint32_t last_attempt = 0;     // of this generation
  std::uint64_t last_power_cuts = 0;  // how many there had been when it ran last
  std::uint64_t last_life = 0;
  std::optional<MonoTime> failed_at{};   // when the last attempt ended without success
  std::optional<DeadLetterId> letter{};  // in the store now
};

/// What was promised and what happened; says what is broken. Thread-bound.
class Ledger {
 public:
  explicit Ledger(Totals& totals) : totals_(totals) {}

  using Key = std::pair<std::uint64_t, work::GroupIndex>;

  [[nodiscard]] Entry& add(std::uint64_t event, work::GroupIndex group) {
    Entry& entry = entries_[{event, group}];
    entry.event = event;
    entry.group = group;
    return entry;
  }
  [[nodiscard]] Entry& at(std::uint64_t event, work::GroupIndex group) { return entries_.at({event, group}); }
  [[nodiscard]] std::map<Key, Entry>& entries() { return entries_; }

  /// An execution begins.
  void starts(Entry& entry, const work::Job& job, std::uint32_t generation, MonoTime now,
              const RetryPolicy& retry);
  void ends(Entry& entry, MonoTime now, bool success);
  /// It ends its process.
  void dies(Entry& entry);

  /// The letter is in the store now, or gone.
  void stored(Entry& entry, const DeadLetterId& letter, std::uint32_t generation);
  void removed(Entry& entry, const DeadLetterId& letter);

  void life_began(std::uint64_t life) { life_ = life; }
  void process_ended(bool power);

  /// After a restart: what was promised is owed, or is at its end.
  void check_owed(const work::Machine& machine);

  /// At the end: nothing is owed, and everything promised ended in exactly one way.
  void check_end(const work::Machine& machine);

  void fail(std::string invariant, std::string what);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] std::uint64_t unclean_ends() const { return unclean_ends_; }

 private:
  void check_number(Entry& entry, const work::Job& job, MonoTime now, const RetryPolicy& retry);

  Totals& totals_;
  std::map<Key, Entry> entries_;
  std::uint64_t life_ = 0;
  std::uint64_t power_cuts_ = 0;
  std::uint64_t unclean_ends_ = 0;
  std::optional<Violation> violation_;
};

[[nodiscard]] EventId event_id(std::uint64_t number);
[[nodiscard]] std::string describe(const Entry& entry);

}  // namespace evmesh::sim_work
