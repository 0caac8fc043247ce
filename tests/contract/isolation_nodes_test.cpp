// Isolation between buses and from bad events, with a listener on another node: mesh only.
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

Event garbage() {
  EventFields fields;
  fields.type = "Added";
  fields.format = PayloadFormat::json;
  fields.payload = "{\"Added\":[[[[";
  return Event(std::move(fields));
}

}  // namespace

EVMESH_CONTRACT("a payload that is not what it claims does not make a remote listener deaf",
                "[isolation][nodes][P04]") {
  TestType cluster(nodes(2));
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  (void)cluster.bus(1).dispatch(garbage(), k1());
  must(cluster.bus(1).dispatch(sample("E1"), k1()));

  cluster.settle();
  REQUIRE_FALSE(listener->payloads().empty());
  CHECK(listener->payloads().back() == "E1");
}

EVMESH_CONTRACT("a hundred payloads that are not what they claim do not make a remote listener deaf",
                "[isolation][nodes][P05]") {
  TestType cluster(nodes(2));
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  for (int i = 0; i < 100; ++i) (void)cluster.bus(1).dispatch(garbage(), k1());
  must(cluster.bus(1).dispatch(sample("E1"), k1()));

  cluster.settle();
  REQUIRE_FALSE(listener->payloads().empty());
  CHECK(listener->payloads().back() == "E1");
}

EVMESH_CONTRACT("a remote listener that throws a hundred times gets the next event",
                "[isolation][nodes][P05]") {
  TestType cluster(nodes(2));
  const auto listener = recorder_that(throw_on("poison"));
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  for (int i = 0; i < 100; ++i) must(cluster.bus(1).dispatch(sample("poison"), k1()));
  must(cluster.bus(1).dispatch(sample("E1"), k1()));

  cluster.settle();
  CHECK(listener->entered() == 101);
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a remote listener of one bus gets nothing of another, though the key be the same",
                "[isolation][nodes][P10]") {
  TestType cluster(with_buses({"mailboxEvent", "contentDeletion"}, 2));
  const auto mailbox = recorder();
  const auto deletion = recorder();
  const auto first = must(cluster.bus(0, "mailboxEvent").register_listener(mailbox, k1()));
  const auto second = must(cluster.bus(0, "contentDeletion").register_listener(deletion, k1()));

  must(cluster.bus(1, "contentDeletion").dispatch(sample("deletion"), k1()));
  must(cluster.bus(1, "mailboxEvent").dispatch(sample("mailbox"), k1()));

  REQUIRE(deletion->wait_completed(1));
  cluster.settle();
  must(cluster.bus(0, "contentDeletion").drain(patience));
  CHECK(mailbox->payloads() == std::vector<std::string>{"mailbox"});
  CHECK(deletion->payloads() == std::vector<std::string>{"deletion"});
}

EVMESH_CONTRACT("an event of a batch from another node reaches the listeners of its own keys only",
                "[dispatch][nodes][forgotten][Q7]") {
  TestType cluster(nodes(2));
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus(0).register_listener(first, k1()));
  const auto second_registration = must(cluster.bus(0).register_listener(second, k2()));
  const std::vector<KeyedEvent> batch{{sample("one"), {k1()}},
                                      {noop_event(), {k1(), k2()}},
                                      {sample("two"), {k2()}},
                                      {sample("both"), {k1(), k2()}}};

  must(cluster.bus(1).dispatch(batch));

  cluster.settle();
  CHECK(first->payloads() == std::vector<std::string>{"one", "both"});
  CHECK(second->payloads() == std::vector<std::string>{"two", "both"});
}

EVMESH_CONTRACT("an event in which nothing happened is not sent", "[dispatch][nodes][forgotten]") {
  TestType cluster(nodes(2));
  const auto listener = recorder();
  const auto body = std::make_shared<CountedBody>(true);
  const auto registration = must(cluster.bus(0).register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus(1).dispatch(with_body(body), k1()));

  CHECK(receipt.noop);
  CHECK(receipt.interested == 0);
  cluster.settle();
  CHECK(listener->entered() == 0);
  CHECK(body->encodings() == 0);
}

}  // namespace evmesh::contract
