#include <algorithm>

#include "world.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

void World::watch() {
  timeline_.after(500ms, [this] {
    secure();
    const bool calm = network_.whole() && over();
    if (!calm) calm_since_.reset();
    watch();
  });
}

/// An end of an execution that its owner has noted, and whose record is as safe as it will be, is not
/// forgotten.
void World::secure() {
  std::erase_if(ledger_.fresh(), [this](Ledger::Fresh& fresh) { return secured(fresh); });
}

/// Whether it need not be looked at again.
bool World::secured(Ledger::Fresh& fresh) {
  Entry& entry = ledger_.at(fresh.key.first, fresh.key.second);
  const auto& process = processes_[entry.owner];
  if (!process || process->life() != entry.owner_life || entry.generation != fresh.generation) return true;
  if (process->frozen()) return false;
  if (fresh.behind == 0) {
    const auto owed = process->core().machine().owed(entry.event_id);
    const auto it = std::ranges::find_if(
        owed, [&](const auto& each) { return each.id == entry.id && each.group == entry.group; });
    if (it != owed.end() && it->generation != fresh.generation) return true;
    if (it != owed.end() && (fresh.done || it->attempt <= fresh.attempt)) return it->state == "settled";
    fresh.behind = process->noted();
  }
  const work::Safety safety = process->core().safety(fresh.behind);
  if (!safety.synced || safety.degraded || safety.copies < safety.wanted) return false;
  if (fresh.done) entry.secured_done = true;
  entry.secured_attempt = std::max(entry.secured_attempt, fresh.attempt);
  return true;
}

/// Who ran something goes, and its owner is away: whoever comes back cannot know of it.
bool World::leaves_unheard(const Life& life) {
  return std::ranges::any_of(ledger_.entries(), [&](const auto& each) {
    const Entry& entry = each.second;
    const auto& owner = processes_[entry.owner];
    return entry.ran_life == life && !entry.secured_done && (!owner || owner->life() != entry.owner_life);
  });
}

/// Everybody has been there for long: everybody's work has its copies, or gets them soon. `ends`: of their journals.
/// One look is not enough: what was written since is on its way, and until it is there, what stands between it and
/// an end that needs no copy counts as not copied.
void World::look_at_copies(std::vector<std::pair<HostIndex, Position>> ends) {
  if (!plan_.copied) return;
  const auto others = static_cast<std::uint32_t>(ends.size()) - 1;
  for (const MonoTime last = timeline_.now() + 4s; timeline_.now() < last && !ends.empty() && !broken();) {
    run_until(timeline_.now() + 100ms);
    std::erase_if(ends, [&](const auto& each) {
      if (!processes_[each.first]) return true;
      const work::Safety safety = processes_[each.first]->core().safety(each.second);
      return safety.copies >= std::min({plan_.others(), safety.wanted, others});
    });
  }
  for (const auto& [host, end] : ends) {
    const work::Safety safety = processes_[host]->core().safety(end);
    ledger_.fail("I1", "n" + std::to_string(host) + " has " + std::to_string(safety.copies) + " of " +
                           std::to_string(safety.wanted) + " copies although everybody is there");
  }
}

}  // namespace evmesh::sim_group
