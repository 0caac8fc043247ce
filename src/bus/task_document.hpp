#pragma once

#include <string>
#include <string_view>

#include "work/redelivery.hpp"

namespace evmesh::bus {

/// A task as it is kept; its id is the document's name.
[[nodiscard]] std::string task_document(const work::RedeliveryState& state);

/// Errors: undecodable, naming the member.
[[nodiscard]] Result<work::RedeliveryState> read_task(const TaskId& id, std::string_view document);

}  // namespace evmesh::bus
