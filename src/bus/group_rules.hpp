#pragma once

#include <string>

#include <evmesh/key.hpp>
#include <evmesh/registration.hpp>
#include <evmesh/result.hpp>

#include "delivery/runner.hpp"
#include "wire/work_frames.hpp"
#include "work/types.hpp"

namespace evmesh::bus {

/// Whether `group` may be registered on `bus` like that. Errors: invalid_argument.
[[nodiscard]] Result<void> check_group(const std::string& bus, const Group& group, const GroupOptions& options);

/// Every event is owed to the group of `entry` from now on, as its listener was registered.
void require(wire::GroupEntry& entry, const GroupOptions& options);

/// What the call of a group's listener means for the obligation.
[[nodiscard]] work::Ran to_ran(const delivery::Ran& ran);

}  // namespace evmesh::bus
