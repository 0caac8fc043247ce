#include "plan.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "sim/dice.hpp"

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, fault_kinds> names{
    "delay", "broken_link",   "duplication", "replay",     "one_way_cut", "partition",  "pause",      "crash",
    "stop",  "slow_receiver", "slow_link",   "small_pipe", "small_ring",  "small_hold", "mode_change", "crowding",
    "transient", "lost_disk", "old_disk", "forget"};

void draw_sizes(Plan& plan, Dice& dice) {
  plan.ring_bytes = limits::ring_bytes;
  plan.window_bytes = limits::window_bytes;
  plan.held_bytes = limits::held_bytes_max;
  plan.link_queue_bytes = limits::dealer_bytes_max;
  plan.pipe_frames = 256;
  if (plan.has(Fault::small_ring)) {
    plan.ring_bytes = dice.between(2, 32) * limits::kib;
    plan.window_bytes = dice.between(1, 16) * limits::kib;
  }
  if (plan.has(Fault::small_hold)) plan.held_bytes = dice.between(1, 8) * limits::kib;
  if (plan.has(Fault::small_pipe)) {
    plan.pipe_frames = static_cast<unsigned>(dice.between(2, 12));
    plan.link_queue_bytes = dice.between(1, 16) * limits::kib;
  }
}

/// By a chance of their own, so that the other faults of a seed stay what they were.
void draw_rare(Plan& plan) {
  Dice dice(plan.seed * 0xd1342543de82ef95ULL + 7);
  plan.transient.assign(plan.hosts, false);
  if (!dice.chance(0.4)) return;
  for (auto count = dice.between(1, 2); count > 0; --count) {
    plan.faults.insert(static_cast<Fault>(fault_kinds - 1 - dice.between(0, rare_fault_kinds - 1)));
  }
  if (!plan.has(Fault::transient)) return;
  plan.transient_forget = milliseconds{dice.between(2'000, 10'000)};
  for (unsigned host = 0; host < plan.hosts; ++host) plan.transient[host] = dice.chance(0.6);
}

void draw_load(Plan& plan, Dice& dice) {
  plan.buses = dice.between(1, 3);
  plan.keys = static_cast<unsigned>(dice.between(2, 12));
  plan.event_interval = milliseconds{dice.between(200, 1'200)};
  plan.burst_max = dice.chance(0.5) ? static_cast<unsigned>(dice.between(1, 4)) : static_cast<unsigned>(dice.between(8, 60));
  plan.payload_max = dice.chance(0.8) ? dice.between(16, 300) : dice.between(1'000, 20'000);
  if (plan.payload_max > 1'000) plan.burst_max = 1 + plan.burst_max / 4;
  plan.change_interval = milliseconds{dice.between(300, 6'000)};
}

}  // namespace

std::string_view to_string(Fault fault) { return names[static_cast<std::size_t>(fault)]; }

bool Plan::harmless() const {
  constexpr std::array harmful{Fault::one_way_cut, Fault::partition,  Fault::pause,      Fault::crash,
                               Fault::stop,        Fault::small_ring, Fault::small_hold, Fault::mode_change,
                               Fault::transient,   Fault::lost_disk,  Fault::old_disk,   Fault::forget};
  return std::ranges::none_of(harmful, [this](Fault fault) { return has(fault); });
}

Plan draw(std::uint64_t seed) {
  Dice dice(seed * 0x9e3779b97f4a7c15ULL + 1);
  Plan plan;
  plan.seed = seed;
  constexpr std::array<unsigned, 10> sizes{2, 2, 3, 3, 3, 4, 4, 5, 6, 7};
  plan.hosts = sizes[dice.between(0, sizes.size() - 1)];
  const auto fashion = dice.between(0, 3);  // all of one mode, or mixed
  for (unsigned host = 0; host < plan.hosts; ++host) {
    const bool everybody = fashion == 0 || (fashion > 1 && dice.chance(0.5));
    plan.modes.push_back(everybody ? Mode::broadcast : Mode::scale_efficient);
  }
  const auto wanted = dice.between(3, 7);
  while (plan.faults.size() < wanted) plan.faults.insert(static_cast<Fault>(dice.between(0, fault_kinds - rare_fault_kinds - 1)));
  plan.fault_time = milliseconds{dice.between(60'000, 75'000)};
  plan.fault_interval = milliseconds{dice.between(700, 5'000)};
  plan.redial_max = dice.chance(0.8) ? 4'000ms : 30'000ms;
  plan.hints = dice.chance(0.5) ? 1.0 : 0.3;
  draw_sizes(plan, dice);
  draw_load(plan, dice);
  draw_rare(plan);
  return plan;
}

Plan small(Plan plan) {
  plan.hosts = std::min(plan.hosts, 3U);
  plan.modes.resize(plan.hosts);
  plan.transient.resize(plan.hosts);
  plan.fault_time = 3s + plan.fault_time / 50;
  plan.fault_interval /= 5;
  plan.redial_max = std::min(plan.redial_max, milliseconds{4s});
  plan.burst_max = std::min(plan.burst_max, 8U);
  return plan;
}

}  // namespace evmesh::sim
