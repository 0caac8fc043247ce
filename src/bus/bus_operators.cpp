#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"

namespace evmesh::bus {

std::vector<Bus::GroupPlace> Bus::group_places() const {
  std::vector<GroupPlace> places;
  for (const Required& each : *required()) {
    places.push_back(
        {each.group, each.index, each.runner != nullptr, each.state.critical, each.state.paused});
  }
  return places;
}

Result<void> Bus::pause_group(const Group& group, std::optional<std::string> reason) {
  const std::lock_guard changing(states_mutex_);
  const auto known = find_required(group);
  if (!known) {
    return fail(ErrorCode::unknown_group, "bus " + base::quoted(settings_.name) + " does not know group " +
                                              base::quoted(group.to_string()));
  }
  RequiredState state = known->state;
  state.paused = std::move(reason);
  if (auto kept = keep_state(group, state); !kept) return kept;
  {
    const std::unique_lock lock(mutex_);
    change_groups([&](Groups& groups) {
      const auto place = std::ranges::find(groups, group, &Required::group);
      if (place != groups.end()) place->state = state;
    });
  }
  services_.work.pause(known->index, state.paused.has_value());
  return {};
}

Result<void> Bus::remove_group(const Group& group) {
  const std::lock_guard changing(states_mutex_);
  const auto known = find_required(group);
  if (!known) return {};
  if (known->runner) {
    return fail(ErrorCode::group_in_use, "a listener of this node runs group " +
                                             base::quoted(group.to_string()) + "; unregister it first");
  }
  {
    const std::unique_lock lock(mutex_);
    change_groups([&](Groups& groups) {
      std::erase_if(groups, [&](const Required& each) { return each.group == group && !each.runner; });
    });
  }
  services_.work.pause(known->index, false);
  if (!services_.work.durable()) return {};
  return services_.work.letters().erase("required-group", settings_.name + '/' + group.to_string());
}

}  // namespace evmesh::bus
