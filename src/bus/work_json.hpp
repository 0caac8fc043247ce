#pragma once

#include <string>
#include <vector>

#include <evmesh/group_status.hpp>
#include <evmesh/redelivery.hpp>

#include "bus/json_fields.hpp"

// What nodes tell each other of their group work, as JSON objects. What is wrong is said to the reader.

namespace evmesh::bus {

[[nodiscard]] std::string group_json(const GroupStatus& status);
[[nodiscard]] Result<GroupStatus> read_group(event::JsonView object);

[[nodiscard]] std::string life_json(const GroupLife& life);
[[nodiscard]] Result<GroupLife> read_life(event::JsonView object);

[[nodiscard]] std::string task_json(const TaskStatus& task);
[[nodiscard]] Result<TaskStatus> read_task_status(event::JsonView object);
/// Of a text that nobody has checked.
[[nodiscard]] Result<TaskStatus> read_task_text(const std::string& text);

/// `{"items":[...]}` with more members behind; each item is JSON already.
[[nodiscard]] std::string items_json(const std::vector<std::string>& items);

}  // namespace evmesh::bus
