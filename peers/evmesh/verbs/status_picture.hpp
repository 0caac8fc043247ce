#pragma once

#include <string>

#include "evmesh/output.hpp"

namespace evmesh::cli {

/// The members of an `evmesh.members.v1` document, with an arrow for who hears whom: `<->` both, `<--` this
/// node hears it,
/// `-->` it hears this node, `-x-` neither.
[[nodiscard]] Table members_table(const std::string& members_json);

/// How many members are alive and hear this node and are heard; this node counts. One for a node without
/// members.
[[nodiscard]] std::uint64_t members_in_touch(const std::string& members_json);

/// What to know of the node: FIELD and VALUE.
[[nodiscard]] Table node_table(const std::string& node_json, const std::string& health_json);

/// Streams from and to peers, per bus.
[[nodiscard]] Table streams_table(const std::string& node_json);

}  // namespace evmesh::cli
