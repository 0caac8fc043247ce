// Key listeners on another node than the one that dispatches: mesh only.
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

EVMESH_CONTRACT("a key listener gets an event that another node dispatches once, as it was dispatched",
                "[key][nodes][K26]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));
  REQUIRE(registration.receipt().complete());
  const Event event = sample();

  const Receipt receipt = must(cluster.bus(1).dispatch(event, k1()));

  CHECK(receipt.interested == 1);
  CHECK(receipt.listeners == 0);
  cluster.settle();
  REQUIRE(listener->entered() == 1);
  const Seen seen = listener->seen().at(0);
  CHECK(seen.event == event);
  CHECK(seen.key == "MailboxId:1");
  REQUIRE(seen.origin.has_value());
  CHECK(seen.origin->publisher == cluster.node(1).status().id);
  CHECK(seen.origin->seq == receipt.seq);
}

EVMESH_CONTRACT("a key is explained with the peers that acknowledged its youngest registration",
                "[key][nodes]") {
  TestType cluster(nodes(2));
  const auto registration = must(cluster.bus(0).register_listener(recorder(), k1()));
  REQUIRE(registration.receipt().complete());

  const KeyStatus status = must(cluster.node(0).explain(cluster.bus(0).name(), k1()));

  CHECK(status.listeners == 1);
  CHECK(status.receipt.missing.empty());
  REQUIRE(status.receipt.acknowledged.size() == 1);
  CHECK(status.receipt.acknowledged.front().peer == cluster.node(1).status().id);
}

EVMESH_CONTRACT("an unregistered key listener gets nothing from another node", "[key][nodes][K27]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  CHECK(registration.unregister() == Unregistered::done);
  must(cluster.bus(1).dispatch(sample(), k1()));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("listeners of a key on both nodes get the event once each", "[key][nodes][K28]") {
  TestType cluster(nodes(2));
  const auto remote = recorder();
  const auto local = recorder();
  const auto remote_registration = must(cluster.bus(0).register_listener(remote, k1()));
  const auto local_registration = must(cluster.bus(1).register_listener(local, k1()));

  must(cluster.bus(1).dispatch(sample(), k1()));

  cluster.settle();
  CHECK(remote->completed() == 1);
  CHECK(local->completed() == 1);
}

EVMESH_CONTRACT("a key listener does not get what another node dispatched before it registered",
                "[key][nodes][K29]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();

  must(cluster.bus(1).dispatch(sample("before"), k1()));
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));
  must(cluster.bus(1).dispatch(sample("after"), k1()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"after"});
}

EVMESH_CONTRACT("the listener of the dispatching node has run at return, that of the other node soon after",
                "[key][nodes][K30]") {
  TestType cluster(nodes(2));
  const auto remote = recorder();
  const auto local = recorder();
  const auto remote_registration = must(cluster.bus(0).register_listener(remote, k1()));
  const auto local_registration = must(cluster.bus(1).register_listener(local, k1()));

  must(cluster.bus(1).dispatch(sample(), k1()));

  CHECK(local->completed() == 1);
  CHECK(remote->wait_completed(1));
}

EVMESH_CONTRACT("dispatch does not wait for a listener of another node", "[key][nodes][K30]") {
  Gate gate;
  TestType cluster(nodes(2));
  const auto remote = recorder_that(wait_at(gate));
  const auto registration = must(cluster.bus(0).register_listener(remote, k1()));
  const Opener opener(gate);

  must(cluster.bus(1).dispatch(sample(), k1()));

  CHECK(remote->completed() == 0);
  CHECK(gate.wait_arrivals(1));
}

EVMESH_CONTRACT("a listener on two keys of an event from another node gets it once", "[key][nodes][K19]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const std::vector<RegistrationKey> keys{k1(), k2()};
  const auto registration = must(cluster.bus(0).register_listener(listener, keys));

  must(cluster.bus(1).dispatch(sample(), {k2(), k3(), k1()}));

  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a listener gets the events of another node in the order they were dispatched",
                "[key][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) expected.push_back(std::to_string(i));

  for (const auto& payload : expected) must(cluster.bus(1).dispatch(sample(payload), k1()));

  cluster.settle();
  CHECK(listener->payloads() == expected);
  CHECK(listener->most_at_once() == 1);
  CHECK(listener->gaps().empty());
}

EVMESH_CONTRACT("a receipt of a registration names every node that acknowledged it",
                "[key][nodes][forgotten]") {
  TestType cluster(nodes(3));

  const auto registration = must(cluster.bus(0).register_listener(recorder(), k1()));
  const RegistrationReceipt receipt = registration.receipt();

  CHECK(receipt.complete());
  CHECK(receipt.acknowledged.size() == 2);
}

EVMESH_CONTRACT("an asynchronous remote listener that fails gets the next event", "[key][nodes][K23]") {
  TestType cluster(nodes(2));
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(throw_on("E1"), traits);
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  must(cluster.bus(1).dispatch(sample("E1"), k1()));
  must(cluster.bus(1).dispatch(sample("E2"), k1()));

  CHECK(listener->wait_completed(1));
  CHECK(listener->payloads() == std::vector<std::string>{"E1", "E2"});
}

EVMESH_CONTRACT("wait_seen names the interested node once it has received the event",
                "[key][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus(1).dispatch(sample(), k1()));
  const SeenBy seen = cluster.bus(1).wait_seen(receipt, patience);

  REQUIRE(seen.peers.size() == 1);
  CHECK(seen.peers.at(0).name == "node-1");
  CHECK(seen.peers.at(0).seen);
}

}  // namespace evmesh::contract
