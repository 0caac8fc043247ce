// Nodes that come and go: mesh only.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {


namespace {

std::uint32_t interested(EventBus& bus, const RegistrationKey& key) {
  return must(bus.dispatch(sample("probe"), key)).interested;
}

Member member(Node& node, const std::string& name) {
  const NodeStatus status = node.status();
  const auto found = std::find_if(status.members.begin(), status.members.end(),
                                  [&](const Member& each) { return each.name == name; });
  if (found == status.members.end()) FAIL("no member " << name);
  return *found;
}

}  // namespace

EVMESH_CONTRACT("three nodes know each other after all were opened with one seed",
                "[lifecycle][nodes][O09]") {
  TestType cluster(nodes(3));

  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(eventually(patience, [&] {
      const NodeStatus status = cluster.node(i).status();
      return status.members.size() == 3 &&
             std::all_of(status.members.begin(), status.members.end(),
                         [](const Member& member) { return member.state == MemberState::alive; });
    }));
  }
}

EVMESH_CONTRACT("three nodes may be stopped in any order and number of times", "[lifecycle][nodes][O09]") {
  TestType cluster(nodes(3));

  cluster.node(1).stop();
  cluster.node(1).stop();
  cluster.bus(0).stop();
  cluster.node(2).stop();
  cluster.node(0).stop();
  cluster.node(2).stop();

  CHECK(code_of(cluster.bus(2).dispatch(sample())) == ErrorCode::closed);
}

EVMESH_CONTRACT("a node that stops takes its interest with it", "[lifecycle][nodes][O07][M67]") {
  TestType cluster(nodes(2));
  const auto registration = must(cluster.bus(1).register_listener(recorder(), k1()));
  REQUIRE(interested(cluster.bus(0), k1()) == 1);

  cluster.node(1).stop();

  CHECK(eventually(patience, [&] { return interested(cluster.bus(0), k1()) == 0; }));
  CHECK(member(cluster.node(0), "node-2").state == MemberState::dead);
  CHECK(member(cluster.node(0), "node-2").reason == "stopped");
}

EVMESH_CONTRACT("a node that leaves takes its interest with it and is dead to nobody",
                "[lifecycle][nodes][M67]") {
  TestType cluster(nodes(2));
  const auto registration = must(cluster.bus(1).register_listener(recorder(), k1()));
  REQUIRE(interested(cluster.bus(0), k1()) == 1);

  cluster.node(1).leave();

  CHECK(eventually(patience, [&] { return interested(cluster.bus(0), k1()) == 0; }));
  for (const Member& each : cluster.node(0).status().members) CHECK(each.state != MemberState::dead);
}

EVMESH_CONTRACT("nothing runs on two nodes after they stopped, however heavy the load",
                "[lifecycle][nodes][O11]") {
  TestType cluster(nodes(2));
  std::atomic<std::uint32_t> executions{0};
  const auto count = [&](const Delivery&) { executions.fetch_add(1); };
  std::vector<Registration> registrations;
  for (std::size_t node = 0; node < 2; ++node) {
    registrations.push_back(must(cluster.bus(node).register_listener(make_listener(count), group_a())));
    registrations.push_back(must(cluster.bus(node).register_listener(make_listener(count), k1())));
  }
  std::atomic<bool> done{false};
  std::vector<std::thread> publishers;
  for (std::size_t node = 0; node < 2; ++node) {
    publishers.emplace_back([&cluster, &done, node] {
      while (!done.load()) (void)cluster.bus(node).dispatch(sample(), k1());
    });
  }
  const bool loaded = eventually(patience, [&] { return executions.load() > 1000; });

  cluster.node(0).stop();
  cluster.node(1).stop();
  const std::uint32_t at_stop = executions.load();
  for (int i = 0; i < 1000; ++i) (void)cluster.bus(1).dispatch(sample(), k1());
  done.store(true);
  for (auto& publisher : publishers) publisher.join();

  CHECK(loaded);
  CHECK(executions.load() == at_stop);
}

EVMESH_CONTRACT("what a node dispatched before it stopped has arrived", "[lifecycle][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  for (int i = 0; i < 100; ++i) must(cluster.bus(1).dispatch(sample(), k1()));
  cluster.node(1).stop();

  CHECK(listener->wait_completed(100));
  must(cluster.bus(0).drain(patience));
  CHECK(listener->gaps().empty());
}

}  // namespace evmesh::contract
