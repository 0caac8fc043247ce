#include <algorithm>

#include "world.hpp"

namespace evmesh::sim {

using namespace std::chrono_literals;

void World::plan_faults() {
  if (plan_.has(Fault::duplication)) network_.set_duplication(true);
  timeline_.after(dice_.span(0ms, 2 * plan_.fault_interval), [this] { fault(); });
}

void World::fault() {
  if (!faulty_) return;
  timeline_.after(dice_.span(0ms, 2 * plan_.fault_interval), [this] { fault(); });
  const std::vector<Fault> kinds(plan_.faults.begin(), plan_.faults.end());
  const Fault kind = dice_.pick(kinds);
  switch (kind) {
    case Fault::delay: return delay();
    case Fault::broken_link: return network_.break_one();
    case Fault::replay:
      for (int times = 0; times < 4; ++times) network_.replay();
      return;
    case Fault::one_way_cut: return cut(false);
    case Fault::partition: return cut(true);
    case Fault::pause: return pause();
    case Fault::crash: crash(); return;
    case Fault::lost_disk:
      if (Place* const place = crash()) ++place->disks;
      return;
    case Fault::old_disk:
      if (Place* const place = crash()) place->old_disk = true;
      return;
    case Fault::forget: return forget();
    case Fault::stop: return stop(false);
    case Fault::slow_link: return slow_link();
    case Fault::mode_change: return stop(true);
    case Fault::crowding: return crowd();
    case Fault::transient:
    case Fault::duplication:
    case Fault::slow_receiver:
    case Fault::small_pipe:
    case Fault::small_ring:
    case Fault::small_hold: return;  // all the time
  }
}

void World::delay() {
  totals_.add("fault_delay");
  const Host from = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  const Host to = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  network_.slow_down(from, to, dice_.span(1ms, dice_.chance(0.3) ? 2'000ms : 300ms));
  timeline_.after(dice_.span(500ms, 8s), [this, from, to] { network_.slow_down(from, to, 0ms); });
}

void World::cut(bool both_ways) {
  totals_.add(both_ways ? "fault_partition" : "fault_one_way_cut");
  std::vector<std::pair<Host, Host>> ways;
  std::vector<bool> side;
  const auto one = dice_.between(0, plan_.hosts - 1);
  const bool alone = dice_.chance(0.5);
  for (Host host = 0; host < plan_.hosts; ++host) side.push_back(host == one || (!alone && dice_.chance(0.5)));
  const Host other = static_cast<Host>((one + 1 + dice_.between(0, plan_.hosts - 2)) % plan_.hosts);
  if (!both_ways && dice_.chance(0.7)) {
    ways.emplace_back(one, other);  // one way between two hosts only
  } else {
    for (Host from = 0; from < plan_.hosts; ++from) {
      for (Host to = 0; to < plan_.hosts; ++to) {
        if (from != to && side[from] != side[to] && (both_ways || side[from])) ways.emplace_back(from, to);
      }
    }
  }
  for (const auto& [from, to] : ways) {
    if (trace_.on()) trace_.line(from, "is cut from n" + std::to_string(to));
    network_.cut(from, to);
  }
  timeline_.after(dice_.span(200ms, dice_.chance(0.5) ? 3s : 16s), [this, ways] {
    for (const auto& [from, to] : ways) {
      if (trace_.on()) trace_.line(from, "reaches n" + std::to_string(to) + " again");
      network_.mend(from, to);
    }
  });
}

void World::pause() {
  const Host host = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  Place& place = places_[host];
  if (!place.process || place.process->paused() || place.leaving) return;
  totals_.add("fault_pause");
  if (trace_.on()) trace_.line(host, "is paused");
  place.process->pause();
  const nanoseconds length = dice_.span(500ms, 12s);
  const Life life = place.process->first_life();
  // A stopped process answers no ZMTP heartbeat, so that its peers close what it had opened; a thread that hangs does.
  const bool whole = dice_.chance(0.5);
  if (whole && length > 2s) timeline_.after(2s, [this, host] { network_.break_one(host); });
  timeline_.after(length, [this, host, life] {
    if (places_[host].process && places_[host].process->first_life() == life) places_[host].process->resume();
  });
}

/// Whose process it was, if any.
World::Place* World::crash() {
  const Host host = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  if (!places_[host].process) return nullptr;
  totals_.add("fault_crash");
  end(host, true, false);
  timeline_.after(dice_.chance(0.3) ? dice_.span(1ms, 500ms) : dice_.span(500ms, 10s), [this, host] { start(host); });
  return &places_[host];
}

void World::forget() {
  const Place& place = places_[dice_.between(0, plan_.hosts - 1)];
  if (place.process && place.process->ready() && place.process->forget(dice_)) totals_.add("fault_forget");
}

/// Its operator starts it with a new data directory.
void World::removed(Host host) {
  timeline_.after(0ms, [this, host, life = places_[host].process->life()] {
    if (!places_[host].process || places_[host].process->life() != life) return;
    end(host, true, false);
    ++places_[host].disks;
    timeline_.after(dice_.span(10ms, 3s), [this, host] { start(host); });
  });
}

void World::stop(bool change_mode) {
  const Host host = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  Place& place = places_[host];
  if (!place.process || place.leaving || place.process->paused()) return;
  place.leaving = true;
  totals_.add(change_mode ? "fault_mode_change" : "fault_stop");
  const bool for_good = !change_mode && host > 1 && plan_.hosts > 3 && dice_.chance(0.1);
  const Life life = place.process->first_life();
  const nanoseconds away = dice_.span(10ms, 6s);
  if (trace_.on()) trace_.line(host, for_good ? "leaves" : "stops");
  place.process->stop(dice_.span(0ms, 2s), for_good, [this, host, life, for_good, change_mode, away] {
    timeline_.after(0ms, [this, host, life, for_good, change_mode, away] {
      Place& there = places_[host];
      if (!there.process || there.process->first_life() != life) return;
      end(host, false, true);
      there.left = for_good;
      if (change_mode) {
        totals_.add("mode_changed_under_load");
        there.mode = there.mode == Mode::broadcast ? Mode::scale_efficient : Mode::broadcast;
      }
      timeline_.after(away, [this, host] { start(host); });
    });
  });
}

void World::crowd() {
  const Host host = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  if (!places_[host].process) return;
  totals_.add("fault_crowding");
  if (trace_.on()) trace_.line(host, "is crowded");
  places_[host].process->crowd(dice_.span(10ms, 3s));
}

void World::slow_link() {
  totals_.add("fault_slow_link");
  const Host from = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  const Host to = static_cast<Host>(dice_.between(0, plan_.hosts - 1));
  network_.narrow(from, to, dice_.between(2'000, 200'000));
  timeline_.after(dice_.span(500ms, 10s), [this, from, to] { network_.narrow(from, to, 1'000'000'000); });
}

}  // namespace evmesh::sim
