// Dead letters that nodes without their group put back: mesh only.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "contract/fixtures/shared_work.hpp"

namespace evmesh::contract {

namespace {

/// Refuses until it is repaired.
struct Repairable {
  std::atomic<bool> repaired{false};
  std::shared_ptr<Recorder> listener = recorder_that(
      [this](const Delivery&) { return repaired.load() ? Outcome::done() : Outcome::refuse("broken"); });
};

std::uint64_t letters(Node& node) { return must(node.mesh_work().count_dead_letters({})).value; }

TaskStatus finished(Node& node, const TaskId& id) {
  return must(node.mesh_work().wait_task(id, patience)).value;
}

}  // namespace

EVMESH_CONTRACT("a node without the group puts a dead letter back, and it runs where the group is",
                "[dead-letters][nodes][Q12]") {
  TestType cluster(nodes(3));
  Repairable group;
  const auto registration = join(cluster, 1, group.listener, group_a());
  must(cluster.bus(0).dispatch(sample("E1")));
  REQUIRE(eventually(patience, [&] { return letters(cluster.node(2)) == 1; }));
  group.repaired = true;

  const TaskStatus ordered = must(cluster.node(2).mesh_work().redeliver({})).value;

  REQUIRE(group.listener->wait_entered(2));
  CHECK(finished(cluster.node(1), ordered.id).redelivered == 1);
  CHECK(group.listener->seen().at(1).attempt == 1);
  CHECK(eventually(patience, [&] { return letters(cluster.node(0)) == 0; }));
  CHECK(group.listener->entered() == 2);
}

EVMESH_CONTRACT("two operators who put everything back at once, on two nodes, run each letter once",
                "[dead-letters][nodes][Q12]") {
  TestType cluster(nodes(2));
  Repairable group;
  const auto registration = join(cluster, 1, group.listener, group_a());
  for (int i = 0; i < 10; ++i) {
    must(cluster.bus(0).dispatch(sample()));
    must(cluster.bus(1).dispatch(sample()));
  }
  REQUIRE(eventually(patience, [&] { return letters(cluster.node(0)) == 20; }));
  group.repaired = true;

  std::thread other([&] { must(cluster.node(1).mesh_work().redeliver({})); });
  const TaskStatus ordered = must(cluster.node(0).mesh_work().redeliver({})).value;
  other.join();

  CHECK(finished(cluster.node(0), ordered.id).over());
  REQUIRE(eventually(patience, [&] { return letters(cluster.node(0)) == 0; }));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(group.listener->entered() == 40);
}

EVMESH_CONTRACT("what is put back while no node runs the group is owed to it, and runs when one comes",
                "[dead-letters][nodes][Q12]") {
  TestType cluster(nodes(2));
  Repairable group;
  auto registration = join(cluster, 1, group.listener, group_a());
  must(cluster.bus(1).dispatch(sample("E1")));
  REQUIRE(eventually(patience, [&] { return letters(cluster.node(0)) == 1; }));
  registration.unregister();
  group.repaired = true;

  const TaskStatus ordered = must(cluster.node(0).mesh_work().redeliver({})).value;
  CHECK(finished(cluster.node(0), ordered.id).state == TaskState::completed);
  CHECK(owed_by(cluster.node(1), group_a()) == 1);
  const auto again = join(cluster, 0, group.listener, group_a());

  REQUIRE(group.listener->wait_entered(2));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(letters(cluster.node(0)) == 0);
}

}  // namespace evmesh::contract
