// What the two mesh modes have in common: who gets an event on which node. A group runs on the node that
// dispatched; an each-node listener everywhere, where the mode has one.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {


TEST_CASE("by interest an event that only this node listens to is neither encoded nor sent",
          "[modes][nodes][M26]") {
  ScaleEfficientCluster cluster(nodes(2));
  const auto body = std::make_shared<CountedBody>();
  const auto local = recorder();
  const auto elsewhere = recorder();
  const auto first = must(cluster.bus(0).register_listener(local, k1()));
  const auto second = must(cluster.bus(1).register_listener(elsewhere, k2()));

  const Receipt receipt = must(cluster.bus(0).dispatch(with_body(body), k1()));

  CHECK(local->completed() == 1);
  CHECK(receipt.interested == 0);
  cluster.settle();
  CHECK(body->encodings() == 0);
  CHECK(elsewhere->entered() == 0);
}

TEST_CASE("in broadcast an event that only this node listens to is filtered by the others",
          "[modes][nodes][M72]") {
  BroadcastCluster cluster(nodes(2));
  const auto local = recorder();
  const auto elsewhere = recorder();
  const auto first = must(cluster.bus(0).register_listener(local, k1()));
  const auto second = must(cluster.bus(1).register_listener(elsewhere, k2()));

  const Receipt receipt = must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(local->completed() == 1);
  CHECK(receipt.interested == 0);
  cluster.settle();
  CHECK(elsewhere->entered() == 0);
}

EVMESH_CONTRACT("an event that two other nodes listen to is delivered here, encoded once and sent to both",
                "[modes][nodes][M27]") {
  TestType cluster(nodes(3));
  const auto body = std::make_shared<CountedBody>();
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (std::size_t node = 0; node < 3; ++node) {
    listeners.push_back(recorder());
    registrations.push_back(must(cluster.bus(node).register_listener(listeners.back(), k1())));
  }

  const Receipt receipt = must(cluster.bus(0).dispatch(with_body(body), {k1(), k2()}));

  CHECK(receipt.listeners == 1);
  CHECK(receipt.interested == 2);
  cluster.settle();
  CHECK(body->encodings() == 1);
  for (const auto& listener : listeners) CHECK(listener->completed() == 1);
  CHECK(listeners[1]->payloads() == std::vector<std::string>{"counted"});
}

EVMESH_CONTRACT("a group runs on the node that dispatches", "[modes][nodes][M28][M71]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, group_a()));

  must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("an event from afar reaches the key listeners here", "[modes][nodes][M30][M73]") {
  TestType cluster(nodes(2));
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus(1).register_listener(first, k1()));
  const auto second_registration = must(cluster.bus(1).register_listener(second, k1()));

  must(cluster.bus(0).dispatch(sample(), k1()));

  cluster.settle();
  CHECK(first->completed() == 1);
  CHECK(second->completed() == 1);
}

EVMESH_CONTRACT("an event from afar is run by a group here, once", "[modes][nodes][M31][M75]") {
  TestType cluster(nodes(2));
  Recorder::Traits traits;
  traits.handles = [](const Event& event) { return event.payload() == "far"; };
  const auto in_group = recorder(traits);
  const auto on_key = recorder();
  const auto first = must(cluster.bus(1).register_listener(in_group, group_a()));
  const auto second = must(cluster.bus(1).register_listener(on_key, k1()));
  REQUIRE(eventually(patience, [&] { return first.receipt().complete(); }));

  must(cluster.bus(0).dispatch(sample("far"), k1()));

  REQUIRE(on_key->wait_completed(1));
  REQUIRE(in_group->wait_completed(1));
  cluster.settle();
  CHECK(in_group->entered() == 1);
}

EVMESH_CONTRACT("the deletion of a mailbox is forwarded, and listeners that leave at it end the interest",
                "[modes][nodes][M32][M76]") {
  TestType cluster(nodes(2));
  auto registration = std::make_shared<Registration>();
  const auto remote = recorder_that([registration](const Delivery& delivery) {
    if (delivery.event.payload() == "MailboxDeletion") registration->unregister();
    return Outcome::done();
  });
  const auto local = recorder();
  *registration = must(cluster.bus(1).register_listener(remote, k1()));
  const auto local_registration = must(cluster.bus(0).register_listener(local, k1()));

  const Receipt receipt = must(cluster.bus(0).dispatch(sample("MailboxDeletion"), k1()));

  CHECK(receipt.interested == 1);
  CHECK(local->completed() == 1);
  REQUIRE(remote->wait_completed(1));
  CHECK(eventually(patience,
                   [&] { return must(cluster.bus(0).dispatch(sample("later"), k1())).interested == 0; }));
  cluster.settle();
  CHECK(remote->payloads() == std::vector<std::string>{"MailboxDeletion"});
  *registration = Registration();
}

EVMESH_CONTRACT("a remote listener on a mailbox id keeps its place over a rename",
                "[modes][nodes][M33][M77]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(1).register_listener(listener, k1()));

  must(cluster.bus(0).dispatch(sample("MailboxRenamed"), {k1(), key("MailboxPath:user/Old")}));
  must(cluster.bus(0).dispatch(sample("Added"), {k1(), key("MailboxPath:user/New")}));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"MailboxRenamed", "Added"});
}

EVMESH_CONTRACT("of three nodes only those registered on the key call their key listeners",
                "[modes][nodes][M34][M78]") {
  TestType cluster(nodes(3));
  const auto registered = recorder();
  const auto other = recorder();
  const auto first = must(cluster.bus(1).register_listener(registered, k1()));
  const auto second = must(cluster.bus(2).register_listener(other, k2()));

  const Receipt receipt = must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(receipt.interested == 1);
  cluster.settle();
  CHECK(registered->completed() == 1);
  CHECK(other->entered() == 0);
}

EVMESH_CONTRACT("of three nodes with a group only one runs an event", "[modes][nodes][M35][M79]") {
  TestType cluster(nodes(3));
  Recorder::Traits traits;
  traits.handles = [](const Event& event) { return event.payload() == "work"; };
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (std::size_t node = 0; node < 3; ++node) {
    listeners.push_back(recorder(traits));
    registrations.push_back(must(cluster.bus(node).register_listener(listeners.back(), group_a())));
  }
  const auto completed = [&] {
    return listeners[0]->completed() + listeners[1]->completed() + listeners[2]->completed();
  };

  must(cluster.bus(0).dispatch(sample("work"), k1()));

  REQUIRE(eventually(patience, [&] { return completed() == 1; }));
  cluster.settle();
  CHECK(listeners[0]->entered() + listeners[1]->entered() + listeners[2]->entered() == 1);
}

EVMESH_CONTRACT("an event without a listener here is still sent to the node that has one",
                "[modes][nodes][M68]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(1).register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(receipt.listeners == 0);
  CHECK(receipt.interested == 1);
  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("the key listeners of the dispatching node run at dispatch", "[modes][nodes][M69]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(listener->completed() == 1);
  cluster.settle();
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("an event from afar that nobody here listens to calls nobody", "[modes][nodes][M72]") {
  TestType cluster(nodes(2));
  const auto other = recorder();
  const auto registration = must(cluster.bus(1).register_listener(other, k2()));

  must(cluster.bus(0).dispatch(sample(), k1()));

  cluster.settle();
  CHECK(other->entered() == 0);
}

TEST_CASE("an each-node listener is refused in scale-efficient mode, and the cure is named",
          "[modes][nodes][M29]") {
  ScaleEfficientCluster cluster;

  const auto registered = cluster.bus().register_each_node(recorder());

  CHECK(code_of(registered) == ErrorCode::each_node_refused);
  CHECK(registered.error().message.find("broadcast") != std::string::npos);
}

TEST_CASE("an each-node listener runs at dispatch on the node that dispatches", "[modes][nodes][M70]") {
  BroadcastCluster cluster(nodes(2));
  const auto listener = recorder();
  const auto registration = must(cluster.bus(0).register_each_node(listener));

  must(cluster.bus(0).dispatch(sample()));

  CHECK(listener->payloads() == std::vector<std::string>{"E1"});
}

TEST_CASE("an event from afar reaches each-node listeners, keys or not", "[modes][nodes][M74]") {
  BroadcastCluster cluster(nodes(2));
  Recorder::Traits traits;
  traits.handles = [](const Event& event) { return event.payload() != "settle"; };
  const auto listener = recorder(traits);
  const auto registration = must(cluster.bus(1).register_each_node(listener));

  must(cluster.bus(0).dispatch(sample("without"), {}));
  must(cluster.bus(0).dispatch(sample("with"), k1()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"without", "with"});
  CHECK_FALSE(listener->seen().at(1).key.has_value());
}

TEST_CASE("of three nodes all call their each-node listeners once", "[modes][nodes][M80]") {
  BroadcastCluster cluster(nodes(3));
  Recorder::Traits traits;
  traits.handles = [](const Event& event) { return event.payload() != "settle"; };
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (std::size_t node = 0; node < 3; ++node) {
    listeners.push_back(recorder(traits));
    registrations.push_back(must(cluster.bus(node).register_each_node(listeners.back())));
  }

  const Receipt receipt = must(cluster.bus(0).dispatch(sample(), k1()));

  CHECK(receipt.interested == 2);
  cluster.settle();
  for (const auto& listener : listeners) CHECK(listener->entered() == 1);
}

}  // namespace evmesh::contract
