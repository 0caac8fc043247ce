#pragma once

#include <span>
#include <string>

#include <evmesh/node.hpp>

namespace evmesh::admin {

/// How well a node is, with causes. A stopping or failed node is unhealthy; members that are not alive and
/// peers that lag make it degraded; so do dead letters of critical groups, and groups that are owed events
/// and that nobody runs or that are paused.
struct Health {
  enum class Level { healthy, degraded, unhealthy };
  Level level = Level::healthy;
  std::string json;  ///< evmesh.health.v1: status and checks, each with its cause
};

[[nodiscard]] Health health_of(const NodeStatus& status, std::span<const GroupStatus> groups);

}  // namespace evmesh::admin
