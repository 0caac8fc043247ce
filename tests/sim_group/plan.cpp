#include "plan.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "sim/dice.hpp"

namespace evmesh::sim_group {

namespace {

constexpr std::array<std::string_view, fault_kinds> names{
    "crash",     "power_cut",   "power_all",  "sync_error", "disk_full", "poison",    "freeze",
    "partition", "one_way",     "link_break", "slow_link",  "stop",      "lost_disk", "rollback",
    "gone",      "group_pause", "letter_box", "clock_jump", "runners"};

/// Few nodes are the common case, and the quick one.
unsigned draw_nodes(sim::Dice& dice) {
  constexpr std::array sizes{2U, 2U, 3U, 3U, 3U, 3U, 4U, 4U, 5U, 7U};
  return sizes[dice.between(0, sizes.size() - 1)];
}

}  // namespace

std::string_view to_string(Fault fault) { return names[static_cast<std::size_t>(fault)]; }

bool Plan::harmless() const {
  return honest() &&
         !has_any({Fault::crash, Fault::power_cut, Fault::power_all, Fault::sync_error, Fault::poison}) &&
         !(has(Fault::stop) && (copied || has(Fault::link_break)));
}

bool Plan::honest() const {
  return !has_any({Fault::freeze, Fault::partition, Fault::one_way, Fault::lost_disk, Fault::rollback,
                   Fault::gone, Fault::slow_link});
}

std::uint32_t Plan::others() const {
  const std::uint32_t wanted = copies != 0 ? copies : (nodes >= 5 ? 3 : 2);
  return std::min(wanted, nodes) - 1;
}

Plan draw(std::uint64_t seed) {
  sim::Dice dice(seed * 0x9e3779b97f4a7c15ULL + 11);
  Plan plan;
  plan.seed = seed;
  const auto wanted = dice.between(0, 6);
  while (plan.faults.size() < wanted)
    plan.faults.insert(static_cast<Fault>(dice.between(0, fault_kinds - 1)));
  plan.nodes = draw_nodes(dice);
  plan.groups = static_cast<unsigned>(dice.between(1, 3));
  plan.copies = dice.chance(0.6) ? 0 : static_cast<std::uint32_t>(dice.between(1, 3));
  plan.fault_time = milliseconds{dice.between(3'000, 20'000)};
  plan.fault_interval = milliseconds{dice.between(300, 4'000)};
  plan.event_interval = milliseconds{dice.between(40, 800)};
  plan.events_max = static_cast<unsigned>(dice.between(20, 200));
  plan.burst_max = static_cast<unsigned>(dice.between(1, 8));
  plan.payload_max = static_cast<unsigned>(dice.between(20, 400));
  plan.trouble_percent = static_cast<unsigned>(dice.between(0, 50));
  plan.retries = static_cast<std::uint32_t>(dice.between(0, 8));
  plan.first_wait = milliseconds{dice.chance(0.7) ? dice.between(50, 200) : dice.between(500, 3'000)};
  plan.slots = static_cast<unsigned>(dice.between(1, 4));
  // Two of them hold what one turn may say at the most: that everything an executor had is lost.
  plan.segment_bytes = (dice.between(1, 4) + 1) * 8 * limits::kib;
  plan.event_bytes_max = dice.chance(0.5) ? dice.between(0, 4'000) : limits::mib;
  plan.sync_time_max = dice.chance(0.5) ? milliseconds{1} : milliseconds{60};
  plan.latency_max = dice.chance(0.6) ? milliseconds{2} : milliseconds{dice.between(5, 150)};
  plan.frames_first = dice.chance(0.5);
  plan.alike = dice.chance(0.15);
  if (plan.alike) plan.faults.erase(Fault::runners);
  plan.copied = seed % 5 <= 2;
  if (plan.copied) plan.segment_bytes *= 8;  // a frame of copies goes into one commit
  if (!plan.copied) {
    for (const Fault fault : {Fault::lost_disk, Fault::rollback, Fault::gone}) plan.faults.erase(fault);
    plan.copies = 1;
  }
  return plan;
}

Plan small(Plan plan) {
  plan.nodes = std::min(plan.nodes, 3U);
  plan.groups = std::min(plan.groups, 2U);
  plan.fault_time /= 8;
  plan.fault_interval /= 4;
  plan.events_max = std::min(plan.events_max, 24U);
  plan.burst_max = std::min(plan.burst_max, 3U);
  plan.retries = std::min(plan.retries, 2U);
  return plan;
}

}  // namespace evmesh::sim_group
