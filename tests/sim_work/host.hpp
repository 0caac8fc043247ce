#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger.hpp"
#include "plan.hpp"
#include "sim/dice.hpp"
#include "sim/timeline.hpp"
#include "support/crashing_disk.hpp"
#include "totals.hpp"
#include "work/machine.hpp"

namespace evmesh::sim_work {

/// A dead letter as the store gives it back.
struct StoredLetter {
  work::Machine::Letter letter;
  work::GroupIndex group = 0;
  std::uint64_t event = 0;
  std::string bytes;
};

/// What outlives a process.
struct Host {
  explicit Host(std::uint64_t seed) : disk(seed) { id.bytes[0] = 9; }

  NodeId id;
  std::uint64_t epoch = 0;
  support::CrashingDisk disk;
  std::map<DeadLetterId, StoredLetter> letters;  // each change is durable when it is made
  bool letters_fail = false;
  std::set<work::GroupIndex> paused;

  // The flight table: what a kill leaves, and a power cut does not.
  bool flights_known = true;
  std::vector<work::Flight> old_flights;  // of the lives before, until this one stands in the journal
  std::map<work::Handle, work::Flight> flights;
};

/// What all lives of a run share; outlives them.
struct Stage {
  const Plan& plan;
  sim::Timeline& timeline;
  sim::Dice& dice;
  Ledger& ledger;
  Totals& totals;
  Host& host;
  bool trace = false;
  std::chrono::seconds clock_error{0};

  [[nodiscard]] Timestamp wall() const {
    return Timestamp{std::chrono::hours{480'000}} + clock_error +
           std::chrono::duration_cast<std::chrono::microseconds>(timeline.now().time_since_epoch());
  }
  /// One line, when the trace is on.
  void line(const std::string& what) const;
};

}  // namespace evmesh::sim_work
