#include "plan.hpp"

#include <array>

#include "base/limits.hpp"
#include "sim/dice.hpp"

namespace evmesh::sim_work {

namespace {

constexpr std::array<std::string_view, fault_kinds> names{
    "crash", "power_cut", "sync_error", "disk_full",  "rot",         "clock_jump", "poison",
    "pause", "cancel",    "stop",       "letter_box", "small_quota", "give_up"};

}  // namespace

std::string_view to_string(Fault fault) { return names[static_cast<std::size_t>(fault)]; }

Plan draw(std::uint64_t seed) {
  sim::Dice dice(seed * 0x9e3779b97f4a7c15ULL + 7);
  Plan plan;
  plan.seed = seed;
  const auto wanted = dice.between(0, 6);
  while (plan.faults.size() < wanted)
    plan.faults.insert(static_cast<Fault>(dice.between(0, fault_kinds - 1)));
  plan.groups = static_cast<unsigned>(dice.between(1, 4));
  plan.fault_time = milliseconds{dice.between(3'000, 20'000)};
  plan.fault_interval = milliseconds{dice.between(200, 3'000)};
  plan.event_interval = milliseconds{dice.between(20, 500)};
  plan.burst_max = static_cast<unsigned>(dice.between(1, 12));
  plan.payload_max = static_cast<unsigned>(dice.between(20, 400));
  plan.trouble_percent = static_cast<unsigned>(dice.between(0, 50));
  plan.retries = static_cast<std::uint32_t>(dice.between(0, 8));
  plan.concurrency = static_cast<unsigned>(dice.between(1, 4));
  plan.segment_bytes = dice.between(1, 4) * 8 * limits::kib;
  plan.event_bytes_max = dice.chance(0.5) ? dice.between(0, 4'000) : limits::mib;
  plan.sync_time_max = dice.chance(0.5) ? milliseconds{1} : milliseconds{80};
  return plan;
}

}  // namespace evmesh::sim_work
