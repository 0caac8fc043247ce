#pragma once

#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>

#include "storage/records.hpp"

namespace evmesh::work {

/// Of the dead letter that an obligation becomes: always the same, so that keeping it again changes nothing.
/// `accepted` makes ids sort by it.
[[nodiscard]] DeadLetterId letter_id(const storage::Place& place, Timestamp accepted);

}  // namespace evmesh::work
