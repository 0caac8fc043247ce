#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger.hpp"
#include "members.hpp"
#include "network.hpp"
#include "plan.hpp"
#include "sim/dice.hpp"
#include "sim/timeline.hpp"
#include "support/crashing_disk.hpp"
#include "tap.hpp"
#include "totals.hpp"
#include "work/machine.hpp"

namespace evmesh::sim_group {

/// A dead letter as the store gives it back.
struct StoredLetter {
  work::Machine::Letter letter;
  work::GroupIndex group = 0;
  std::uint64_t event = 0;
  std::string bytes;
  Timestamp accepted{};
};

/// What outlives a process of a node.
struct Host {
  HostIndex index = 0;
  NodeId id;
  std::uint64_t epoch = 0;
  std::uint64_t wiped_after = 0;  // that life its disk was emptied under its name
  std::unique_ptr<support::CrashingDisk> disk;
  std::map<DeadLetterId, StoredLetter> letters;  // each change is durable when it is made
  bool letters_fail = false;
  bool old_build = false;           // knows no new types
  bool later_version = false;       // its frames are of kinds that others do not know, now and then
  std::set<work::GroupIndex> runs;  // groups
  bool power_fails = false;         // the disk is told to lose its power in a call to come
  bool gone = false;                // for good
  std::chrono::seconds clock_error{0};

  // The flight table: what a kill leaves, and a power cut does not.
  bool flights_known = true;
  std::vector<work::Flight> old_flights;  // of the lives before, until this one stands in the journal
  std::map<work::Handle, work::Flight> flights;
};

/// What all nodes of a run share; outlives them.
struct Stage {
  const Plan& plan;
  sim::Timeline& timeline;
  sim::Dice& dice;
  Ledger& ledger;
  Totals& totals;
  Network& network;
  Members& members;
  Tap& tap;
  std::set<work::GroupIndex>& paused;
  bool trace = false;

  /// One line, when the trace is on.
  void line(HostIndex host, const std::string& what) const;
};

[[nodiscard]] work::Policy policy_of(const Plan& plan);

}  // namespace evmesh::sim_group
