#pragma once

#include <string>
#include <string_view>

#include <evmesh/redelivery.hpp>

#include "bus/json_fields.hpp"
#include "work/redelivery.hpp"

namespace evmesh::bus {

[[nodiscard]] std::string filter_json(const DeadLetterFilter& filter);
/// From the member "filter"; what is wrong is said to `json`.
[[nodiscard]] DeadLetterFilter read_filter(JsonReader& json);

/// All of a task that others see, but for its id.
void write_status(JsonWriter& json, const TaskStatus& status);
void read_status(JsonReader& json, TaskStatus& status);

/// A task as it is kept; its id is the document's name.
[[nodiscard]] std::string task_document(const work::RedeliveryState& state);

/// Errors: undecodable, naming the member.
[[nodiscard]] Result<work::RedeliveryState> read_task(const TaskId& id, std::string_view document);

}  // namespace evmesh::bus
