#include <algorithm>
#include <array>
#include <utility>

#include <evmesh/group_work.hpp>

namespace evmesh {

std::string_view to_string(WorkState state) {
  constexpr std::array<std::string_view, 8> names{"ready",    "running", "retrying", "dying",
                                                  "settling", "done",    "dead",     "cancelled"};
  return names[static_cast<std::size_t>(state)];
}

std::string_view to_string(TaskState state) {
  constexpr std::array<std::string_view, 5> names{"waiting", "inProgress", "completed", "failed",
                                                  "cancelled"};
  return names[static_cast<std::size_t>(state)];
}

bool EventLife::over() const { return std::ranges::all_of(groups, &GroupLife::over); }

TaskId TaskId::fresh() { return {Uuid(EventId::fresh())}; }

Result<TaskId> TaskId::parse(std::string_view text) {
  auto uuid = Uuid::parse(text);
  if (!uuid) return tl::unexpected(std::move(uuid.error()));
  return TaskId{*uuid};
}

}  // namespace evmesh
