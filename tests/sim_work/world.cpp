#include "world.hpp"

#include <limits>
#include <utility>

namespace evmesh::sim_work {

using namespace std::chrono_literals;

World::World(std::uint64_t seed, bool trace)
    : plan_(draw(seed)),
      dice_(seed),
      ledger_(totals_),
      host_(seed),
      stage_{.plan = plan_,
             .timeline = timeline_,
             .dice = dice_,
             .ledger = ledger_,
             .totals = totals_,
             .host = host_,
             .trace = trace} {}

Outcome World::run() {
  const MonoTime began = timeline_.now();
  play();
  totals_.add("seeds");
  if (plan_.faults.empty()) totals_.add("seeds_without_faults");
  return {.seed = plan_.seed,
          .violation = ledger_.violation(),
          .step = timeline_.steps(),
          .time = std::chrono::duration_cast<milliseconds>(timeline_.now() - began),
          .totals = totals_};
}

void World::run_until(MonoTime end) {
  while (!broken() && timeline_.step(end)) ended_.reset();
}

void World::play() {
  begin_life();
  plan_load();
  plan_faults();
  run_until(timeline_.now() + plan_.fault_time);
  if (broken()) return;
  heal();
  // Longer than all waits of nine attempts, three suspects in a row and what was asked for.
  for (int minutes = 0; minutes < 30 && !broken(); ++minutes) {
    run_until(timeline_.now() + 1min);
    if (process_ && process_->machine().owed_count() == 0) break;
  }
  if (broken()) return;
  if (!process_) return ledger_.fail("I2", "the node does not come back");
  ledger_.check_end(process_->machine());
  const std::uint64_t before = totals_.of("accepted");
  burst();
  run_until(timeline_.now() + 10min);
  if (totals_.of("accepted") == before) ledger_.fail("I22", "nothing is accepted any more after all is well");
  if (!broken()) ledger_.check_end(process_->machine());
}

void World::begin_life() {
  ended_.reset();
  auto process = std::make_unique<Process>(stage_, [this](End end) { end_life(end); });
  const auto error = process->open(rot_.has_value());
  if (error) {
    stage_.line("cannot open: " + error->message);
    process.reset();
    if (power_fails_) {
      host_.disk.crash();
      host_.flights_known = false;
      power_fails_ = false;
      ledger_.process_ended(true);
    } else if (rot_) {
      rot_repaired();
    } else if (++opened_in_vain_ > 20) {
      return ledger_.fail("I1", "the journal cannot be opened: " + error->message);
    }
    return timeline_.after(10ms, [this] { begin_life(); });
  }
  opened_in_vain_ = 0;
  if (std::exchange(rot_, std::nullopt)) totals_.add("rot_harmless");
  if (faulty_ && plan_.has(Fault::crash) && dice_.chance(0.1)) {
    totals_.add("crashed_in_recovery");
    process.reset();
    return timeline_.after(10ms, [this] { begin_life(); });
  }
  totals_.add("lives");
  stage_.line("life " + std::to_string(host_.epoch));
  process_ = std::move(process);
  process_->start();
}

void World::end_life(End end) {
  if (!process_) return;
  if (end == End::failed && power_fails_) end = End::power;
  if (end == End::failed) totals_.add("sync_error_hit");
  if (end == End::power) power_fails_ = false;
  process_->look_at_end(end);
  const bool anchored = process_->anchored();
  ended_ = std::move(process_);
  stage_.line(end == End::power    ? "power cut"
              : end == End::killed ? "killed"
              : end == End::failed ? "failed"
                                   : "stopped");
  if (end == End::power) {
    host_.disk.crash();
    host_.flights_known = false;
    host_.flights.clear();
    host_.old_flights.clear();
  }
  if (end == End::stopped) {
    totals_.add("goodbye_believed");
  } else {
    ledger_.process_ended(end == End::power);
  }
  // What was synced behind the last anchor cannot be told from what was never synced: such rot is for other
  // witnesses.
  if (faulty_ && anchored && end != End::power && plan_.has(Fault::rot)) rot();
  timeline_.after(dice_.span(1ms, 500ms), [this] { begin_life(); });
}

void World::heal() {
  stage_.line("healing");
  faulty_ = false;
  host_.disk.set_capacity(std::numeric_limits<std::uint64_t>::max());
  host_.disk.fail_after(1ULL << 40, support::DiskFault::input_output);
  if (power_fails_) end_life(End::power);  // it may have failed where nobody noticed: while making room
  host_.letters_fail = false;
  for (const work::GroupIndex group : std::exchange(host_.paused, {})) {
    if (process_) process_->pause(group, false);
  }
}

}  // namespace evmesh::sim_work
