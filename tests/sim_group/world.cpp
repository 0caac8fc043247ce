#include "world.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "trace.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

World::World(const Plan& plan, bool trace)
    : plan_(plan),
      dice_(plan.seed),
      ledger_(plan_, totals_),
      processes_(plan_.nodes),
      network_(plan_, timeline_, dice_, totals_,
               [this](HostIndex to, const Message& message) {
                 if (processes_[to]) processes_[to]->arrive(message);
               }),
      members_(plan_, timeline_, dice_, totals_, network_,
               [this](HostIndex host) -> Station* { return processes_[host].get(); }),
      stage_{.plan = plan_,
             .timeline = timeline_,
             .dice = dice_,
             .ledger = ledger_,
             .totals = totals_,
             .network = network_,
             .members = members_,
             .tap = tap_,
             .paused = paused_,
             .trace = trace} {
  build();
}

Outcome World::run() {
  const MonoTime began = timeline_.now();
  if (stage_.trace) {
    std::string faults;
    for (const Fault fault : plan_.faults) faults += " " + std::string(to_string(fault));
    stage_.line(0, std::to_string(plan_.nodes) + " nodes, " + std::to_string(plan_.groups) +
                       " groups, copies " + std::to_string(plan_.copies) + ", faults:" + faults);
  }
  play();
  totals_.add("seeds");
  if (plan_.faults.empty()) totals_.add("seeds_without_faults");
  return {.seed = plan_.seed,
          .violation = ledger_.violation(),
          .step = timeline_.steps(),
          .time = std::chrono::duration_cast<milliseconds>(timeline_.now() - began),
          .totals = totals_};
}

void World::build() {
  const bool old_ones = dice_.chance(0.4);
  for (HostIndex index = 0; index < plan_.nodes; ++index) {
    auto host = std::make_unique<Host>();
    host->index = index;
    host->id.bytes[0] = static_cast<std::uint8_t>(dice_.between(1, 255));
    host->id.bytes[1] = static_cast<std::uint8_t>(index);
    host->disk = std::make_unique<support::CrashingDisk>(dice_.next());
    host->old_build = old_ones && dice_.chance(0.5);
    host->later_version = plan_.seed % 7 == 0 && index % 2 == 1;
    const bool front_line = dice_.chance(0.2);
    for (work::GroupIndex group = 0; group < plan_.groups; ++group) {
      if (plan_.alike || (!front_line && dice_.chance(0.6))) host->runs.insert(group);
    }
    hosts_.push_back(std::move(host));
  }
  make_runnable();
}

/// Every group runs on a node that knows all types and is there, or will be.
void World::make_runnable() {
  for (work::GroupIndex group = 0; group < plan_.groups; ++group) {
    const auto able = [&](const auto& host) {
      return !host->gone && !host->old_build && host->runs.contains(group);
    };
    if (std::ranges::any_of(hosts_, able)) continue;
    std::vector<Host*> there;
    for (const auto& host : hosts_) {
      if (!host->gone) there.push_back(host.get());
    }
    Host* const host = dice_.pick(there);
    host->runs.insert(group);
    host->old_build = false;
    if (Process* const process = processes_[host->index].get()) process->change_runs();
  }
}

void World::run_until(MonoTime end) {
  while (!broken() && timeline_.step(end)) ended_.clear();
}

void World::play() {
  for (HostIndex host = 0; host < plan_.nodes; ++host) come_back(host, dice_.span(0ns, 500ms));
  members_.start();
  plan_load();
  plan_faults();
  watch();
  run_until(timeline_.now() + plan_.fault_time);
  if (broken()) return;
  heal();
  // A guardian that was away waits for word of an owner before it takes over from it.
  do {
    if (plan_.copied) run_until(life_began_ + 35s);
    if (!run_until_over()) return;
  } while (plan_.copied && timeline_.now() < life_began_ + 35s);
  ledger_.check_end();
  if (!broken()) be_quiet();
  if (!broken()) work_again();
  if (!broken()) check_growth();
}

bool World::over() const {
  for (const auto& host : hosts_) {
    const auto& process = processes_[host->index];
    if (host->gone) continue;
    if (!process || !process->present() || !process->idle()) return false;
    if (process->core().machine().owed_count() != 0) return false;
  }
  return members_.settled();
}

std::string World::owed() const {
  std::string text;
  for (const auto& host : hosts_) {
    const auto& process = processes_[host->index];
    if (host->gone) continue;
    text += "; n" + std::to_string(host->index);
    if (!process) {
      text += " is not there";
      continue;
    }
    auto owed = process->owed();
    text += " owes " + std::to_string(process->core().machine().owed_count());
    std::ranges::sort(owed, {}, [](const auto& each) { return std::pair(each.state != "running", each.id); });
    for (const auto& each : std::span(owed).first(std::min<std::size_t>(owed.size(), 3))) {
      text += " (" + name_of(each.id.owner) + '/' + std::to_string(each.id.epoch) + '/' +
              std::to_string(each.id.seq) + " group " + std::to_string(each.group) + ", " +
              std::string(each.state) + ", attempt " + std::to_string(each.attempt) + ')';
    }
  }
  return text;
}

bool World::run_until_over() {
  // Longer than all waits of nine attempts, three suspects in a row and what was asked for.
  for (int steps = 0; steps < 300 && !broken(); ++steps) {
    run_until(timeline_.now() + 2s);
    if (over()) return !broken();
  }
  if (!broken()) ledger_.fail("I2", "it does not come to an end" + owed());
  return false;
}

/// Nothing is owed: nodes that go and come back run nothing again.
void World::be_quiet() {
  run_until(timeline_.now() + 1s);
  const std::uint64_t before = totals_.of("runs");
  const auto there = present();
  const HostIndex dies = dice_.pick(there);
  const HostIndex stops = dice_.pick(there);
  stage_.line(dies, "quiet: it is killed, and n" + std::to_string(stops) + " stops");
  end_life(dies, End::killed);
  if (processes_[stops]) processes_[stops]->stop();
  run_until(timeline_.now() + 12s);
  if (broken()) return;
  if (totals_.of("runs") != before)
    return ledger_.fail("I4", "something runs again long after everything was over");
  if (!over())
    ledger_.fail("I2", "nodes that came back owe something long after everything was over" + owed());
}

/// As on the first day.
void World::work_again() {
  // Time to give what is new its copies.
  run_until(timeline_.now() + 5s);
  calm_since_ = timeline_.now();
  const std::uint64_t before = totals_.of("accepted");
  for (const HostIndex host : present()) burst(host);
  run_until(timeline_.now() + 3s);
  if (broken()) return;
  if (totals_.of("accepted") == before)
    return ledger_.fail("I22", "nothing is accepted any more after all is well");
  std::vector<std::pair<HostIndex, Position>> ends;
  for (const HostIndex host : present()) ends.emplace_back(host, processes_[host]->noted());
  look_at_copies(std::move(ends));
  if (!broken() && run_until_over()) ledger_.check_end();
}

void World::check_growth() {
  run_until(timeline_.now() + 1s);
  const std::uint64_t frames = totals_.frames;
  run_until(timeline_.now() + 4s);
  if (broken()) return;
  const std::uint64_t idle_max = std::uint64_t{60} * plan_.nodes * plan_.nodes;
  if (totals_.frames - frames > idle_max)
    ledger_.fail("growth",
                 std::to_string(totals_.frames - frames) + " frames are sent in 4 s without any work");
  for (const HostIndex host : present()) {
    const std::uint64_t bytes = processes_[host]->journal_bytes();
    if (bytes > 6 * plan_.segment_bytes)
      ledger_.fail("growth", "the journal of n" + std::to_string(host) + " keeps " + std::to_string(bytes) +
                                 " bytes although nothing is owed");
  }
}

// Lives.

void World::come_back(HostIndex host, nanoseconds wait) {
  timeline_.after(wait, [this, host] {
    if (!hosts_[host]->gone && !processes_[host]) begin_life(host);
  });
}

void World::begin_life(HostIndex index) {
  Host& host = *hosts_[index];
  auto process = std::make_unique<Process>(stage_, host, [this, index](End end) { end_life(index, end); });
  const auto error = process->open();
  if (error) {
    stage_.line(index, "cannot open: " + error->message);
    process.reset();
    if (std::exchange(host.power_fails, false)) {
      host.disk->crash();
      host.flights_known = false;
      ledger_.disrupted();
    } else if (++opened_in_vain_ > 20) {
      return ledger_.fail("I1", "the journal cannot be opened: " + error->message);
    }
    return come_back(index, 10ms);
  }
  opened_in_vain_ = 0;
  totals_.add("lives");
  stage_.line(index, "life " + name_of(process->life()));
  processes_[index] = std::move(process);
  life_began_ = timeline_.now();
  // Who runs something for an earlier life may end before it is asked.
  timeline_.after(3s, [this, id = host.id] { ledger_.owner_knows_nothing(id); });
  members_.forget_views(index);
  processes_[index]->start();
}

void World::end_life(HostIndex index, End end) {
  Host& host = *hosts_[index];
  if (!processes_[index]) return;
  if (end == End::failed && host.power_fails) end = End::power;
  if (end == End::failed) totals_.add("sync_error_hit");
  if (end == End::power) host.power_fails = false;
  processes_[index]->look_at_end(end);
  const Life life = processes_[index]->life();
  ended_.push_back(std::move(processes_[index]));
  stage_.line(index, end == End::power    ? "power cut"
                     : end == End::killed ? "killed"
                     : end == End::failed ? "failed"
                     : end == End::put_back ? "begins anew"
                                          : "stopped");
  if (end == End::power) {
    host.disk->crash();
    host.flights_known = false;
    host.flights.clear();
    host.old_flights.clear();
  }
  network_.close_all(index);
  members_.forget_views(index);
  if (end != End::stopped) ledger_.process_ended(life);
  if (end == End::stopped && leaves_unheard(life)) ledger_.disrupted();
  if (end == End::put_back) {
    totals_.add("put_back_and_noticed");
    ledger_.lives_undone(life.id, host.wiped_after + 1, life.epoch);
    static_cast<void>(empty_disk(index));
    members_.gone(host.id);
    host.id.bytes[2] += 1;
  }
  come_back(index, dice_.chance(0.6) ? dice_.span(1ms, 1s) : dice_.span(1s, 8s));
}

void World::heal() {
  stage_.line(0, "healing");
  faulty_ = false;
  network_.heal();
  for (const auto& host : hosts_) {
    host->disk->set_capacity(std::numeric_limits<std::uint64_t>::max());
    host->disk->fail_after(1ULL << 40, support::DiskFault::input_output);
    if (host->power_fails) end_life(host->index, End::power);  // it may have failed where nobody noticed
    host->letters_fail = false;
  }
  for (const work::GroupIndex group : std::exchange(paused_, {})) {
    for (const auto& process : processes_) {
      if (process) process->pause(group, false);
    }
  }
  for (const auto& process : processes_) {
    if (process) process->thaw();
  }
  make_runnable();
}

}  // namespace evmesh::sim_group
