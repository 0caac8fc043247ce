// Groups of several nodes, all of which or only some have the group: mesh only.
#include <set>
#include <string>
#include <vector>

#include "contract/fixtures/shared_work.hpp"

namespace evmesh::contract {

namespace {

/// Does all but events of this payload, whose type its build does not know.
Recorder::Behaviour knows_all_but(std::string payload) {
  return [payload = std::move(payload)](const Delivery& delivery) {
    return delivery.event.payload() == payload ? Outcome::unknown_type() : Outcome::done();
  };
}

std::multiset<std::string> sorted(const std::vector<std::string>& payloads) {
  return {payloads.begin(), payloads.end()};
}

/// The first node runs no group itself.
ClusterSettings with_front_line(std::size_t count) {
  return {count, [](NodeOptions& options) {
            if (options.name == "node-1") options.execute_group_listeners = false;
          }};
}

}  // namespace

EVMESH_CONTRACT("a group that only one node has gets once what another node redelivers",
                "[group][nodes][G26]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = join(cluster, 0, listener, group_a());

  must(cluster.bus(1).redeliver(group_a(), sample()));

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("redelivery to a group that two nodes have runs the event on one of them",
                "[group][nodes][G27]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto first = join(cluster, 0, listener, group_a());
  const auto second = join(cluster, 1, listener, group_a());

  must(cluster.bus(1).redeliver(group_a(), sample()));

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("an event runs on one of the two nodes that have the group", "[group][nodes][G28]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto first = join(cluster, 0, listener, group_a());
  const auto second = join(cluster, 1, listener, group_a());

  CHECK(must(cluster.bus(1).dispatch(sample())).groups == 1);

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("a group whose listener left runs nothing; what another node dispatches stays owed to it",
                "[group][nodes][G29]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  auto registration = join(cluster, 0, listener, group_a());

  registration.unregister();
  CHECK(must(cluster.bus(1).dispatch(sample())).groups == 1);

  CHECK(owed_by(cluster.node(1), group_a()) == 1);
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a group that its listener forgot is owed nothing by another node", "[group][nodes][G29]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  auto registration = join(cluster, 0, listener, group_a());

  registration.forget();

  CHECK(eventually(patience, [&] { return must(cluster.bus(1).dispatch(sample())).groups == 0; }));
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a group does not get what another node dispatched before it was registered",
                "[group][nodes][G30]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();

  CHECK(must(cluster.bus(0).dispatch(sample("before"))).groups == 0);
  const auto registration = join(cluster, 1, listener, group_a());
  must(cluster.bus(0).dispatch(sample("after")));

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(listener->payloads() == std::vector<std::string>{"after"});
}

EVMESH_CONTRACT("groups that different nodes have get every event, whichever node dispatches it",
                "[group][nodes][Q1]") {
  TestType cluster(nodes(3));
  const auto a = recorder();
  const auto b = recorder();
  const auto first = join(cluster, 0, a, group_a());
  const auto second = join(cluster, 1, b, group_b());

  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(must(cluster.bus(node).dispatch(sample("from " + std::to_string(node)))).groups == 2);
  }

  const std::multiset<std::string> all{"from 0", "from 1", "from 2"};
  REQUIRE(a->wait_completed(3));
  REQUIRE(b->wait_completed(3));
  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(settled(cluster.node(node), group_a()));
    CHECK(settled(cluster.node(node), group_b()));
  }
  CHECK(sorted(a->payloads()) == all);
  CHECK(sorted(b->payloads()) == all);
}

EVMESH_CONTRACT("what is owed to a group that no node runs is shown by every node, and runs when one comes",
                "[group][nodes][Q1]") {
  TestType cluster(nodes(3));
  const auto listener = recorder();
  join(cluster, 0, recorder(), group_a()).unregister();
  for (int i = 0; i < 3; ++i) must(cluster.bus(1).dispatch(sample(std::to_string(i))));

  for (std::size_t node = 0; node < 3; ++node) {
    const GroupStatus shown = across(cluster.node(node), group_a());
    CHECK(shown.owed() == 3);
    CHECK(shown.runners == 0);
    CHECK(shown.required);
    CHECK(shown.oldest.has_value());
  }
  const auto registration = join(cluster, 2, listener, group_a());

  REQUIRE(listener->wait_completed(3));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(sorted(listener->payloads()) == std::multiset<std::string>{"0", "1", "2"});
}

EVMESH_CONTRACT("a front-line node runs no group, and what it owes runs on a node that does",
                "[group][nodes][Q1]") {
  TestType cluster(with_front_line(2));
  const auto here = recorder();
  const auto there = recorder();
  const auto first = join(cluster, 0, here, group_a());
  const auto second = join(cluster, 1, there, group_a());

  CHECK(must(cluster.bus(0).dispatch(sample("front"))).groups == 1);
  CHECK(must(cluster.bus(1).dispatch(sample("back"))).groups == 1);

  REQUIRE(there->wait_completed(2));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(sorted(there->payloads()) == std::multiset<std::string>{"back", "front"});
  CHECK(here->entered() == 0);
}

EVMESH_CONTRACT(
    "in a rolling upgrade an event of a new type runs where the type is known, as its first attempt",
    "[group][nodes][Q15]") {
  TestType cluster(nodes(2));
  const auto old_build = recorder_that(knows_all_but("new type"));
  const auto new_build = recorder();
  const auto first = join(cluster, 0, old_build, group_a(), quick_retries(0));
  const auto second = join(cluster, 1, new_build, group_a(), quick_retries(0));

  must(cluster.bus(0).dispatch(sample("new type")));

  REQUIRE(new_build->wait_completed(1));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(new_build->seen().at(0).attempt == 1);
  CHECK(new_build->payloads() == std::vector<std::string>{"new type"});
  CHECK(must(cluster.bus(0).dead_letters().empty()));
}

EVMESH_CONTRACT("an event of a type that no node knows is not lost: it waits for one that does",
                "[group][nodes][Q15]") {
  TestType cluster(nodes(3));
  const auto new_build = recorder();
  const auto first = join(cluster, 0, recorder_that(knows_all_but("new type")), group_a(), quick_retries(0));
  const auto asked = recorder_that(knows_all_but("new type"));
  const auto second = join(cluster, 1, asked, group_a(), quick_retries(0));

  must(cluster.bus(0).dispatch(sample("new type")));
  REQUIRE(asked->wait_entered(1));
  must(cluster.bus(0).dispatch(sample("old type")));
  CHECK(eventually(patience, [&] { return owed_by(cluster.node(0), group_a()) == 1; }));
  CHECK(must(cluster.bus(0).dead_letters().empty()));
  const auto third = join(cluster, 2, new_build, group_a(), quick_retries(0));

  REQUIRE(new_build->wait_completed(1));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(new_build->payloads() == std::vector<std::string>{"new type"});
}

}  // namespace evmesh::contract
