// What groups are owed outlives the nodes that owe it and those that run it: mesh only, on the disk.
#include <string>
#include <vector>

#include "contract/fixtures/shared_work.hpp"

namespace evmesh::contract {

namespace {

/// The group is owed what is dispatched, and nobody runs it.
template <class Nodes>
void require(Nodes& cluster, const Group& group) {
  join(cluster, 0, recorder(), group).unregister();
}

std::vector<std::string> told(const Recorder& listener) {
  std::vector<std::string> words;
  for (const Seen& seen : listener.seen())
    words.push_back(seen.event.payload() + ' ' + std::to_string(seen.attempt));
  return words;
}

}  // namespace

EVMESH_DURABLE_CONTRACT("what a node owes while it is stopped runs elsewhere when it is back",
                        "[restart][nodes][O05]") {
  TestType cluster(nodes(2));
  require(cluster, group_a());
  must(cluster.bus(1).dispatch(sample("E1")));
  const auto listener = recorder();

  cluster.destroy(1);
  const auto registration = must(cluster.bus(0).register_listener(listener, group_a()));
  CHECK(listener->entered() == 0);
  cluster.reopen(1);

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(told(*listener) == std::vector<std::string>{"E1 1"});
}

EVMESH_DURABLE_CONTRACT("what was owed when all nodes were stopped runs when they are back",
                        "[restart][nodes][O06]") {
  TestType cluster(nodes(2));
  require(cluster, group_a());
  must(cluster.bus(0).dispatch(sample("from 0")));
  must(cluster.bus(1).dispatch(sample("from 1")));
  const auto listener = recorder();

  cluster.destroy(0);
  cluster.destroy(1);
  cluster.reopen(0);
  cluster.reopen(1);
  const auto registration = must(cluster.bus(1).register_listener(listener, group_a()));

  REQUIRE(listener->wait_completed(2));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(listener->entered() == 2);
}

EVMESH_DURABLE_CONTRACT(
    "groups registered before and after the other node restarted get what that redelivers",
    "[restart][nodes][O14][O15]") {
  TestType cluster(nodes(2));
  const auto before = recorder();
  const auto after = recorder();
  const auto first = join(cluster, 0, before, group_a());

  cluster.destroy(1);
  cluster.reopen(1);
  const auto second = join(cluster, 0, after, group_b());
  must(cluster.bus(1).redeliver(group_a(), sample("a")));
  must(cluster.bus(1).redeliver(group_b(), sample("b")));

  CHECK(before->wait_completed(1));
  CHECK(after->wait_completed(1));
}

EVMESH_DURABLE_CONTRACT("what is dispatched while the only node with the group is away runs when it is back",
                        "[restart][nodes][O19][O20]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  auto registration = join(cluster, 1, recorder(), group_a());
  registration = Registration();
  cluster.destroy(1);

  CHECK(must(cluster.bus(0).dispatch(sample("E1"))).groups == 1);
  CHECK(owed_by(cluster.node(0), group_a()) == 1);
  cluster.reopen(1);
  const auto again = must(cluster.bus(1).register_listener(listener, group_a()));

  REQUIRE(listener->wait_completed(1));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(told(*listener) == std::vector<std::string>{"E1 1"});
}

EVMESH_DURABLE_CONTRACT(
    "redelivery to a group that was never registered is refused while the other node is away, "
    "and runs when that is back with the group",
    "[restart][nodes][O21]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  cluster.destroy(1);

  CHECK(code_of(cluster.bus(0).redeliver(group_a(), sample())) == ErrorCode::unknown_group);
  cluster.reopen(1);
  const auto registration = join(cluster, 1, listener, group_a());
  must(cluster.bus(0).redeliver(group_a(), sample()));

  CHECK(listener->wait_completed(1));
}

EVMESH_DURABLE_CONTRACT(
    "an event without keys dispatched while the other node is away reaches no key listener",
    "[restart][nodes][O24]") {
  TestType cluster(nodes(2));
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  cluster.destroy(1);
  must(cluster.bus(0).dispatch(sample("without keys")));
  cluster.reopen(1);
  must(cluster.bus(1).dispatch(sample("with a key"), k1()));

  REQUIRE(listener->wait_completed(1));
  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"with a key"});
}

EVMESH_DURABLE_CONTRACT(
    "an attempt that failed on another node still counts when its owner restarts during the wait",
    "[restart][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto listener = recorder_that([](const Delivery& delivery) {
    return delivery.attempt == 1 ? Outcome::retry_after(std::chrono::seconds(2), "not yet") : Outcome::done();
  });
  const auto registration = join(cluster, 0, listener, group_a());
  must(cluster.bus(1).dispatch(sample("E1")));
  REQUIRE(listener->wait_entered(1));
  REQUIRE(eventually(
      patience, [&] { return must(cluster.node(1).group_work().group("events", group_a())).retrying == 1; }));

  cluster.destroy(1);
  cluster.reopen(1);

  REQUIRE(listener->wait_entered(2));
  CHECK(settled(cluster.node(1), group_a()));
  CHECK(told(*listener) == std::vector<std::string>{"E1 1", "E1 2"});
  CHECK(listener->seen().at(1).began - listener->seen().at(0).began >= std::chrono::seconds(2));
}

EVMESH_DURABLE_CONTRACT(
    "an event that waits for its next attempt makes it though the node it failed on restarts",
    "[restart][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto again = recorder();
  {
    const auto fails = recorder_that(
        [](const Delivery&) { return Outcome::retry_after(std::chrono::milliseconds(100), "not yet"); });
    const auto registration = join(cluster, 1, fails, group_a());
    must(cluster.bus(0).dispatch(sample("E1")));
    REQUIRE(fails->wait_entered(1));
  }
  REQUIRE(eventually(
      patience, [&] { return must(cluster.node(0).group_work().group("events", group_a())).running == 0; }));

  cluster.destroy(1);
  cluster.reopen(1);
  const auto registration = must(cluster.bus(1).register_listener(again, group_a()));

  REQUIRE(again->wait_completed(1));
  CHECK(settled(cluster.node(0), group_a()));
  CHECK(again->seen().at(0).attempt >= 2);
}

}  // namespace evmesh::contract
