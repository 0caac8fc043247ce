#include <algorithm>

#include "world.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

std::vector<HostIndex> World::present() const {
  std::vector<HostIndex> there;
  for (const auto& process : processes_) {
    if (process && process->present()) there.push_back(static_cast<HostIndex>(&process - processes_.data()));
  }
  return there;
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
  const auto there = present();
  if (there.empty()) return;
  const HostIndex one = dice_.pick(there);
  const HostIndex other = dice_.pick(there);
  stage_.line(one, "fault: " + std::string(to_string(fault)));
  totals_.add("fault_" + std::string(to_string(fault)));
  switch (fault) {
    case Fault::crash: return end_life(one, End::killed);
    case Fault::power_cut: return cut_power(one);
    case Fault::power_all:
      if (dice_.chance(0.5)) return;
      // A fire takes a disk, too.
      if (plan_.has(Fault::lost_disk) && processes_[one]) lose_disk(one, false);
      for (const HostIndex host : there) end_life(host, End::power);
      return;
    case Fault::sync_error:
      if (!hosts_[one]->power_fails)
        hosts_[one]->disk->fail_after(dice_.between(0, 6), support::DiskFault::input_output);
      return;
    case Fault::disk_full: return fill_disk(*hosts_[one]);
    case Fault::freeze:
      processes_[one]->freeze();
      return timeline_.after(dice_.chance(0.7) ? dice_.span(4s, 10s) : dice_.span(200ms, 4s),
                             [this, one, life = processes_[one]->life()] {
                               if (processes_[one] && processes_[one]->life() == life)
                                 processes_[one]->thaw();
                             });
    case Fault::partition: return cut_off();
    case Fault::one_way: return one_way();
    case Fault::link_break: return network_.break_link(one, other);
    case Fault::slow_link: {
      const bool slow = dice_.chance(0.6);
      return network_.narrow(one, other, slow ? dice_.between(3'000, 40'000) : 100'000'000);
    }
    case Fault::stop: return processes_[one]->stop();
    case Fault::lost_disk: return lose_disk(one, false);
    case Fault::gone: return lose_disk(one, true);
    case Fault::group_pause: return toggle_pause();
    case Fault::letter_box: hosts_[one]->letters_fail = !hosts_[one]->letters_fail; return;
    case Fault::clock_jump:
      hosts_[one]->clock_error =
          std::chrono::seconds{static_cast<std::int64_t>(dice_.between(0, 20'000)) - 10'000};
      return;
    case Fault::runners: return change_runners(*hosts_[one]);
    case Fault::rollback: return wipe(one);
    case Fault::poison: return;
  }
}

void World::cut_off() {
  if (plan_.nodes < 2) return;
  std::vector<bool> side(plan_.nodes);
  const auto alone = static_cast<HostIndex>(dice_.between(0, plan_.nodes - 1));
  for (HostIndex host = 0; host < plan_.nodes; ++host) side[host] = host == alone || dice_.chance(0.3);
  std::vector<std::pair<HostIndex, HostIndex>> cuts;
  for (HostIndex from = 0; from < plan_.nodes; ++from) {
    for (HostIndex to = 0; to < plan_.nodes; ++to) {
      if (side[from] != side[to]) cuts.emplace_back(from, to);
    }
  }
  for (const auto& [from, to] : cuts) network_.cut(from, to);
  timeline_.after(dice_.span(300ms, 10s), [this, cuts] {
    for (const auto& [from, to] : cuts) network_.mend(from, to);
  });
}

void World::one_way() {
  const auto from = static_cast<HostIndex>(dice_.between(0, plan_.nodes - 1));
  const auto to = static_cast<HostIndex>(dice_.between(0, plan_.nodes - 1));
  network_.cut(from, to);
  timeline_.after(dice_.span(300ms, 8s), [this, from, to] { network_.mend(from, to); });
}

void World::fill_disk(Host& host) {
  const std::uint64_t capacity = dice_.chance(0.6) ? dice_.between(2, 5) * plan_.segment_bytes : 1ULL << 40;
  host.letters_fail = capacity < 1ULL << 40;
  host.disk->set_capacity(capacity);
}

void World::cut_power(HostIndex host) {
  if (dice_.chance(0.3)) return end_life(host, End::power);
  if (dice_.chance(0.6)) {  // in the middle of something
    burst(host);
    return timeline_.after(dice_.span(50us, plan_.sync_time_max),
                           [this, host] { end_life(host, End::power); });
  }
  hosts_[host]->power_fails = true;
  hosts_[host]->disk->fail_after(dice_.between(0, 6), support::DiskFault::power);
}

/// As many disks are lost as there are copies, but for one.
void World::lose_disk(HostIndex index, bool for_good) {
  if (disks_lost_ >= plan_.others()) return;
  ++disks_lost_;
  Host& host = *hosts_[index];
  host.gone = for_good;
  ledger_.disk_lost(index, empty_disk(index));
  members_.gone(host.id);
  host.id.bytes[2] += 1;
  stage_.line(index, for_good ? "gone for good" : "lost its disk");
}

/// Its guardians must know that there was something.
void World::wipe(HostIndex index) {
  if (disks_lost_ >= plan_.others() || processes_[index]->age() < 6s) return;
  ++disks_lost_;
  Host& host = *hosts_[index];
  host.wiped_after = host.epoch;
  ledger_.disk_lost(index, empty_disk(index));
  totals_.add("wiped_under_old_name");
  stage_.line(index, "wiped");
}

Ledger::Held World::empty_disk(HostIndex index) {
  Host& host = *hosts_[index];
  Ledger::Held held{.latest = {host.id, host.epoch}, .owed = {}, .copies = {}};
  if (processes_[index]) {
    for (const auto& owed : processes_[index]->owed()) held.owed.insert(owed.id);
    held.copies.emplace();
    for (const auto& copy : processes_[index]->core().copies_kept()) held.copies->insert(copy.owner);
    end_life(index, End::killed);
  }
  host.disk = std::make_unique<support::CrashingDisk>(dice_.next());
  host.power_fails = false;
  host.letters.clear();
  host.flights.clear();
  host.old_flights.clear();
  host.flights_known = true;
  return held;
}

void World::change_runners(Host& host) {
  const auto group = static_cast<work::GroupIndex>(dice_.between(0, plan_.groups - 1));
  if (host.runs.erase(group) == 0) host.runs.insert(group);
  processes_[host.index]->change_runs();
}

void World::toggle_pause() {
  const auto group = static_cast<work::GroupIndex>(dice_.between(0, plan_.groups - 1));
  if (paused_.erase(group) == 0) paused_.insert(group);
  for (const auto& process : processes_) {
    if (process) process->pause(group, paused_.contains(group));
  }
}

}  // namespace evmesh::sim_group
