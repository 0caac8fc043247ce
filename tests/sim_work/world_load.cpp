#include <array>
#include <iterator>
#include <vector>

#include "world.hpp"

namespace evmesh::sim_work {

using namespace std::chrono_literals;

void World::plan_load() {
  timeline_.after(dice_.span(0ns, 2 * plan_.event_interval), [this] {
    if (!faulty_) return;
    burst();
    if (dice_.chance(0.3)) operate();
    plan_load();
  });
}

Habit World::habit() {
  if (dice_.between(1, 100) > plan_.trouble_percent) return Habit::good;
  constexpr std::array all{Habit::fails_first,   Habit::fails_first, Habit::fails_always, Habit::refuses,
                           Habit::unknown_first, Habit::slow,        Habit::ends_process};
  const Habit habit = all[dice_.between(0, all.size() - 1)];
  if (habit != Habit::ends_process) return habit;
  return plan_.has(Fault::poison) && dice_.chance(0.3) ? habit : Habit::fails_first;
}

void World::burst() {
  if (!process_) return;
  for (auto left = dice_.between(1, plan_.burst_max); left > 0; --left) {
    std::vector<std::pair<work::GroupIndex, Habit>> groups;
    for (work::GroupIndex group = 0; group < plan_.groups; ++group) {
      if (groups.empty() || dice_.chance(0.7)) groups.emplace_back(group, habit());
    }
    process_->dispatch(++event_number_, groups);
  }
}

/// Somebody redelivers letters.
void World::operate() {
  if (!process_ || host_.letters.empty()) return;
  std::vector<StoredLetter> chosen;
  for (const auto& [id, stored] : host_.letters) {
    if (dice_.chance(0.4)) chosen.push_back(stored);
  }
  for (const StoredLetter& stored : chosen) {
    if (process_ && host_.letters.contains(stored.letter.id)) process_->redeliver(stored);
  }
}

void World::plan_faults() {
  if (plan_.faults.empty()) return;
  timeline_.after(dice_.span(plan_.fault_interval / 4, 2 * plan_.fault_interval), [this] {
    if (!faulty_) return;
    fault();
    plan_faults();
  });
}

void World::fault() {
  const std::vector<Fault> all(plan_.faults.begin(), plan_.faults.end());
  const Fault fault = dice_.pick(all);
  const auto group = static_cast<work::GroupIndex>(dice_.between(0, plan_.groups - 1));
  stage_.line("fault: " + std::string(to_string(fault)));
  totals_.add("fault_" + std::string(to_string(fault)));
  switch (fault) {
    case Fault::crash: return end_life(End::killed);
    case Fault::power_cut:
      if (dice_.chance(0.3)) return end_life(End::power);
      if (dice_.chance(0.6)) {  // in the middle of something
        burst();
        burst();
        return timeline_.after(dice_.span(50us, plan_.sync_time_max), [this] { end_life(End::power); });
      }
      power_fails_ = true;
      return host_.disk.fail_after(dice_.between(0, 6), support::DiskFault::power);
    case Fault::sync_error:
      if (!power_fails_) host_.disk.fail_after(dice_.between(0, 6), support::DiskFault::input_output);
      return;
    case Fault::disk_full: {
      const std::uint64_t capacity =
          dice_.chance(0.6) ? dice_.between(2, 5) * plan_.segment_bytes : 1ULL << 40;
      host_.letters_fail = capacity < 1ULL << 40;
      return host_.disk.set_capacity(capacity);
    }
    case Fault::clock_jump:
      stage_.clock_error = std::chrono::seconds{static_cast<std::int64_t>(dice_.between(0, 20'000)) - 10'000};
      return;
    case Fault::pause:
      if (host_.paused.erase(group) == 0) host_.paused.insert(group);
      if (process_) process_->pause(group, host_.paused.contains(group));
      return;
    case Fault::cancel:
      if (process_ && dice_.chance(0.3)) process_->cancel(group);
      return;
    case Fault::give_up:
      if (process_ && dice_.chance(0.3)) process_->give_up(group);
      return;
    case Fault::stop:
    case Fault::rot:
      if (process_) process_->stop();
      return;
    case Fault::letter_box: host_.letters_fail = !host_.letters_fail; return;
    case Fault::poison:
    case Fault::small_quota: return;
  }
}

void World::rot() {
  const auto contents = host_.disk.contents();
  if (contents.empty()) return;
  const auto& [name, bytes] =
      *std::next(contents.begin(), static_cast<std::ptrdiff_t>(dice_.between(0, contents.size() - 1)));
  if (bytes.empty()) return;
  rot_ = Rot{name, dice_.between(0, bytes.size() - 1), static_cast<unsigned>(dice_.between(0, 7))};
  stage_.line("rot in " + name);
  host_.disk.flip(rot_->name, rot_->offset, rot_->bit);
}

/// It was found, and somebody puts the file back as it was.
void World::rot_repaired() {
  totals_.add("rot_found");
  const auto contents = host_.disk.contents();
  if (contents.contains(rot_->name)) host_.disk.flip(rot_->name, rot_->offset, rot_->bit);
  rot_.reset();
}

}  // namespace evmesh::sim_work
