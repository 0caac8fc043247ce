#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"

namespace evmesh::bus {

std::vector<Bus::GroupPlace> Bus::group_places() const {
  std::vector<GroupPlace> places;
  const auto groups = required();
  for (const Required& each : *groups) {
    const bool runs = each.runner != nullptr && settings_.execute_groups;
    places.push_back({each.group, each.index, runs, each.state.critical, each.state.paused,
                      each.runner ? each.runner->run_p99() : std::nullopt});
  }
  return places;
}

Result<void> Bus::pause_group(const Group& group, std::optional<std::string> reason) {
  const std::lock_guard changing(states_mutex_);
  if (!find_required(group)) {
    return fail(ErrorCode::unknown_group, "bus " + base::quoted(settings_.name) + " does not know group " +
                                              base::quoted(group.to_string()));
  }
  return services_.work.change_group(settings_.name, group, [&](wire::GroupEntry& entry) {
    entry.paused = reason.has_value();
    entry.pause_reason = reason.value_or("");
  });
}

Result<void> Bus::check_no_listener(const Group& group) const {
  const auto known = find_required(group);
  if (!known || !known->runner) return {};
  return fail(ErrorCode::group_in_use, "a listener of this node is registered for group " +
                                           base::quoted(group.to_string()) + "; unregister it first");
}

Result<void> Bus::remove_group(const Group& group) {
  const std::lock_guard changing(states_mutex_);
  if (!find_required(group)) return {};
  if (auto free = check_no_listener(group); !free) return free;
  return unrequire(group);
}

}  // namespace evmesh::bus
