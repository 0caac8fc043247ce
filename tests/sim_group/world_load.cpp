#include <array>

#include "world.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

void World::plan_load() {
  timeline_.after(dice_.span(0ns, 2 * plan_.event_interval), [this] {
    if (!faulty_) return;
    const auto there = present();
    if (!there.empty() && event_number_ < plan_.events_max) burst(dice_.pick(there));
    if (dice_.chance(0.2)) operate();
    plan_load();
  });
}

Habit World::habit() {
  if (dice_.between(1, 100) > plan_.trouble_percent) return Habit::good;
  constexpr std::array all{Habit::fails_first, Habit::fails_first, Habit::fails_always, Habit::refuses,
                           Habit::new_type,    Habit::slow,        Habit::ends_process, Habit::hangs};
  const Habit habit = all[dice_.between(0, all.size() - 1)];
  if (habit == Habit::slow || habit == Habit::hangs) return dice_.chance(0.4) ? habit : Habit::good;
  if (habit != Habit::ends_process) return habit;
  return plan_.has(Fault::poison) && dice_.chance(0.3) ? habit : Habit::fails_first;
}

void World::burst(HostIndex host) {
  for (auto left = dice_.between(1, plan_.burst_max); left > 0 && processes_[host]; --left) {
    std::vector<std::pair<work::GroupIndex, Habit>> groups;
    for (work::GroupIndex group = 0; group < plan_.groups; ++group) {
      if (groups.empty() || dice_.chance(0.7)) groups.emplace_back(group, habit());
    }
    processes_[host]->dispatch(++event_number_, groups);
  }
}

/// Somebody redelivers letters; where two nodes hold the same one, perhaps at both.
void World::operate() {
  for (const auto& host : hosts_) {
    std::vector<StoredLetter> chosen;
    for (const auto& [id, stored] : host->letters) {
      if (dice_.chance(0.4)) chosen.push_back(stored);
    }
    for (const StoredLetter& stored : chosen) {
      const auto& process = processes_[host->index];
      if (process && host->letters.contains(stored.letter.id)) process->redeliver(stored);
    }
  }
}

}  // namespace evmesh::sim_group
