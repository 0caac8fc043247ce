// Listeners here outlive what happens to the other node: it ends, and another comes. James restarts or pauses
// its broker for these; here the other end of every connection is a node. Mesh only.
#include <memory>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

EVMESH_CONTRACT("groups registered before and after the other node restarted run what is dispatched",
                "[restart][nodes][O12][O13]") {
  TestType cluster(nodes(2));
  const auto before = recorder();
  const auto after = recorder();
  const auto first = must(cluster.bus(0).register_listener(before, group_a()));

  cluster.destroy(1);
  cluster.reopen(1);
  const auto second = must(cluster.bus(0).register_listener(after, group_b()));
  must(cluster.bus(0).dispatch(sample("E1")));

  CHECK(before->wait_completed(1));
  CHECK(after->wait_completed(1));
}

EVMESH_CONTRACT("a key listener registered before the other node restarted hears what that dispatches",
                "[restart][nodes][O16]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));
  must(cluster.bus(1).dispatch(sample("E1"), k1()));
  REQUIRE(listener->wait_completed(1));

  cluster.destroy(1);
  cluster.reopen(1);
  must(cluster.bus(1).dispatch(sample("E2"), k1()));

  REQUIRE(listener->wait_completed(2));
  CHECK(listener->payloads() == std::vector<std::string>{"E1", "E2"});
  CHECK(listener->gaps().empty());
}

EVMESH_CONTRACT(
    "asynchronous key listeners registered before and while the other node was away hear it when it is back",
    "[restart][nodes][O22][O23]") {
  TestType cluster(nodes(2));
  const auto before = async_recorder();
  const auto meanwhile = async_recorder();
  const auto first = must(cluster.bus(0).register_listener(before, k1()));

  cluster.destroy(1);
  const auto second = must(cluster.bus(0).register_listener(meanwhile, k1()));
  cluster.reopen(1);
  must(cluster.bus(1).dispatch(sample("E1"), k1()));

  CHECK(before->wait_completed(1));
  CHECK(meanwhile->wait_completed(1));
}

}  // namespace evmesh::contract
