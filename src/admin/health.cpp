#include "admin/health.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace evmesh::admin {
namespace {

using Json = nlohmann::ordered_json;
using Level = Health::Level;

const char* name_of(Level level) {
  switch (level) {
    case Level::healthy: return "healthy";
    case Level::degraded: return "degraded";
    case Level::unhealthy: return "unhealthy";
  }
  return "unhealthy";
}

void add(std::string& causes, const std::string& cause) { causes += (causes.empty() ? "" : "; ") + cause; }

std::string members_cause(const NodeStatus& status) {
  std::string causes;
  for (const Member& member : status.members) {
    // One that was stopped politely has told everything it accepted.
    const bool stopped = member.state == MemberState::dead && member.reason == "stopped";
    if (member.self || stopped || member.state == MemberState::left) continue;
    const std::string state(to_string(member.state));
    if (member.state != MemberState::alive) {
      add(causes, member.name + " is " + state + (member.reason.empty() ? "" : " (" + member.reason + ")"));
    } else if (!member.hears_us) {
      add(causes, member.name + " does not hear us");
    }
  }
  return causes;
}

std::string lagging_cause(const NodeStatus& status) {
  std::string causes;
  for (const OutboundPeer& peer : status.outbound) {
    if (!peer.in_step) add(causes, peer.name + " lags on bus " + peer.bus);
  }
  return causes;
}

std::string letters_cause(std::span<const GroupStatus> groups) {
  std::string causes;
  for (const GroupStatus& group : groups) {
    if (group.dead == 0 || !group.critical) continue;
    add(causes, "group " + group.group.to_string() + " of bus " + group.bus + " has " +
                    std::to_string(group.dead) + " dead letters");
  }
  return causes;
}

std::string groups_cause(std::span<const GroupStatus> groups) {
  std::string causes;
  for (const GroupStatus& group : groups) {
    const bool stands = group.paused || group.runners == 0;
    if (!stands || group.owed() == 0) continue;
    add(causes, "group " + group.group.to_string() + " of bus " + group.bus + " is owed " +
                    std::to_string(group.owed()) + " events and " +
                    (group.paused ? "is paused" : "no node runs it"));
  }
  return causes;
}

std::string copies_cause(const NodeStatus& status) {
  const auto counted = [&](const char* name) {
    const auto found = status.counters.find(name);
    return found == status.counters.end() ? 0 : found->second;
  };
  const std::uint64_t wanted = counted("evmesh_copies_wanted");
  const std::uint64_t kept = counted("evmesh_copies_kept");
  if (kept >= wanted) return "";
  return std::to_string(kept) + " other nodes keep copies of group work, and " + std::to_string(wanted) +
         " are wanted: start more nodes that have a data directory, or lower bus.copies";
}

}  // namespace

Health health_of(const NodeStatus& status, std::span<const GroupStatus> groups) {
  Health health;
  Json checks = Json::array();
  const auto check = [&](const char* name, const std::string& cause, Level when_bad) {
    const Level level = cause.empty() ? Level::healthy : when_bad;
    health.level = std::max(health.level, level);
    checks.push_back({{"componentName", name}, {"status", name_of(level)}, {"cause", cause}});
  };
  check("node", status.failed ? (status.failure.empty() ? "failed" : status.failure) : "", Level::unhealthy);
  check("members", members_cause(status), Level::degraded);
  check("peers_in_step", lagging_cause(status), Level::degraded);
  check("dead_letters", letters_cause(groups), Level::degraded);
  check("copies", copies_cause(status), Level::degraded);
  check("groups", groups_cause(groups), Level::degraded);
  const Json answer{
      {"schema", "evmesh.health.v1"}, {"status", name_of(health.level)}, {"checks", std::move(checks)}};
  health.json = answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return health;
}

}  // namespace evmesh::admin
