#pragma once

#include <string>
#include <string_view>

#include <evmesh/node.hpp>
#include <evmesh/result.hpp>

namespace evmesh::bus {

/// Checks what holds in every mode: names, bus names, sizes, times. `invalid_argument` names option, value
/// and rule.
[[nodiscard]] Result<void> check_options(const NodeOptions& options);

/// Checks that ring, window and events fit into each other: what a peer in step may still ask for must be in
/// the ring, and the largest event into the window. `invalid_argument` names both options.
[[nodiscard]] Result<void> check_sizes(const NodeOptions& options);

/// Checks that nothing of the mesh is set. `invalid_argument` names the mode and the option that contradicts
/// it.
[[nodiscard]] Result<void> check_mono_options(const NodeOptions& options);

/// Of a node that executes no group listeners, for the operator.
inline constexpr const char* front_line_note =
    "front-line node: groups are owed what is dispatched here, and no group listener runs here";

/// What dispatch waits for: as asked, or as safe as the node can keep it.
[[nodiscard]] Level level_of(const NodeOptions& options);

/// The node's name: as given, or "node-" and the first 8 digits of its id.
[[nodiscard]] std::string name_of(const NodeOptions& options, const Uuid& id);

}  // namespace evmesh::bus
