#include "admin/health.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::admin;

namespace {

GroupStatus status(std::string_view name) {
  return {"events", Group::parse(name).value(), true, 1, true, false, {}, 0, 0, 0, 0, 0, {}};
}

Health health(const GroupStatus& group) { return health_of(NodeStatus{}, std::span(&group, 1)); }

}  // namespace

TEST_CASE("a node without trouble is healthy", "[admin][H01][H04]") {
  CHECK(health_of(NodeStatus{}, {}).level == Health::Level::healthy);
  CHECK(health(status("index")).level == Health::Level::healthy);
}

TEST_CASE("dead letters make a node degraded and say where they are", "[admin][H02][H03][H05]") {
  GroupStatus group = status("index");
  group.dead = 3;

  const Health found = health(group);

  CHECK(found.level == Health::Level::degraded);
  CHECK(found.json.find("group index of bus events has 3 dead letters") != std::string::npos);
}

TEST_CASE("dead letters of a group that is not critical leave the node healthy", "[admin][H07][H08][H09]") {
  GroupStatus late = status("statistics");
  late.critical = false;
  late.dead = 3;
  GroupStatus index = status("index");

  CHECK(health(late).level == Health::Level::healthy);
  index.dead = 1;
  CHECK(health_of(NodeStatus{}, std::vector{late, index}).level == Health::Level::degraded);
}

TEST_CASE("a group that is owed events and cannot run makes a node degraded", "[admin]") {
  GroupStatus group = status("index");
  group.ready = 2;
  CHECK(health(group).level == Health::Level::healthy);

  group.paused = true;
  CHECK(health(group).json.find("is owed 2 events and is paused") != std::string::npos);
  group.paused = false;
  group.runners = 0;
  CHECK(health(group).json.find("is owed 2 events and no node runs it") != std::string::npos);
  CHECK(health(group).level == Health::Level::degraded);
  group.ready = 0;
  CHECK(health(group).level == Health::Level::healthy);
}

TEST_CASE("a node whose group work has too few copies is degraded", "[admin]") {
  NodeStatus node;
  node.counters = {{"evmesh_copies_wanted", 2}, {"evmesh_copies_kept", 2}};
  CHECK(health_of(node, {}).level == Health::Level::healthy);

  node.counters["evmesh_copies_kept"] = 1;

  CHECK(health_of(node, {}).level == Health::Level::degraded);
  CHECK(health_of(node, {}).json.find("1 other nodes keep copies of group work, and 2 are wanted") !=
        std::string::npos);
}

TEST_CASE("a node that has failed is unhealthy whatever its groups", "[admin]") {
  NodeStatus failed;
  failed.failed = true;
  failed.failure = "a twin took its name";

  CHECK(health_of(failed, {}).level == Health::Level::unhealthy);
}
