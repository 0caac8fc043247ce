#include "bus/work_engine.hpp"

namespace evmesh::bus {

void WorkEngine::describe_copies(std::map<std::string, std::uint64_t>& counters) const {
  const Lock lock(mutex_);
  const work::CopiesCounters& copies = core_.copies_counters();
  const work::GuardCounters& guard = core_.guard_counters();
  counters["evmesh_copies_wanted"] = core_.safety(0).wanted;
  counters["evmesh_copies_kept"] = core_.safety(0).copies;
  counters["evmesh_copies_records_total"] = copies.records;
  counters["evmesh_copies_snapshots_total"] = copies.snapshots;
  counters["evmesh_copies_repeated_total"] = copies.repeats;
  counters["evmesh_copies_guardians_replaced_total"] = copies.replaced;
  counters["evmesh_guarded_nodes"] = core_.copies_kept().size();
  counters["evmesh_adoptions_total"] = guard.adoptions;
  counters["evmesh_adopted_total"] = guard.adopted;
}

std::vector<WorkEngine::GroupView> WorkEngine::groups() const {
  const Lock lock(mutex_);
  std::vector<GroupView> groups;
  for (work::GroupIndex index = 0; index < machine_.group_count(); ++index) {
    groups.push_back({machine_.name(index), machine_.counts(index)});
  }
  return groups;
}

WorkEngine::Lives WorkEngine::lives(std::span<const EventId> events) const {
  const Lock lock(mutex_);
  Lives lives{machine_.owed(events), machine_.finished(events), {}};
  for (work::GroupIndex index = 0; index < machine_.group_count(); ++index)
    lives.names.push_back(machine_.name(index));
  return lives;
}

void WorkEngine::wait_over(std::span<const EventId> events, std::chrono::milliseconds timeout) {
  Lock lock(mutex_);
  std::vector<work::Machine::Owed> waited = machine_.owed(events);
  for (const work::Machine::Owed& each : waited) machine_.watch(each.handle);
  const auto over = [&] {
    std::erase_if(waited, [&](const auto& each) { return !machine_.position(each.handle); });
    return waited.empty() || stopping_ || failure_.has_value();
  };
  watched_changed_.wait_for(lock, timeout, over);
}

}  // namespace evmesh::bus
