#include "bus/work_engine.hpp"

namespace evmesh::bus {

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
