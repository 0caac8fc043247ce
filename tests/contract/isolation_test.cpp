// Buses of one node know nothing of each other, and a bad event spoils nothing for the next one.
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

const std::vector<std::string>& two_buses() {
  static const std::vector<std::string> names{"mailboxEvent", "contentDeletion"};
  return names;
}

/// Claims to be a mailbox event and does not hold one.
Event garbage() {
  EventFields fields;
  fields.type = "Added";
  fields.format = PayloadFormat::json;
  fields.payload = "{\"Added\":[[[[";
  return Event(std::move(fields));
}

}  // namespace

EVMESH_CONTRACT("a group of one bus gets nothing of another", "[isolation][P09]") {
  TestType cluster(with_buses(two_buses()));
  EventBus& mailbox = cluster.bus(0, "mailboxEvent");
  EventBus& deletion = cluster.bus(0, "contentDeletion");
  const auto here = recorder();
  const auto there = recorder();
  const auto first = must(mailbox.register_listener(here, group_a()));
  const auto second = must(deletion.register_listener(there, group_b()));

  must(mailbox.dispatch(sample()));

  REQUIRE(here->wait_completed(1));
  must(mailbox.drain(patience));
  must(deletion.drain(patience));
  CHECK(here->entered() == 1);
  CHECK(there->entered() == 0);
  CHECK(mailbox.groups() == std::vector<Group>{group_a()});
  CHECK(deletion.groups() == std::vector<Group>{group_b()});
}

EVMESH_CONTRACT("one group may have a listener on each bus", "[isolation][P09]") {
  TestType cluster(with_buses(two_buses()));

  const auto first = cluster.bus(0, "mailboxEvent").register_listener(recorder(), group_a());
  const auto second = cluster.bus(0, "contentDeletion").register_listener(recorder(), group_a());

  CHECK(first.has_value());
  CHECK(second.has_value());
}

EVMESH_CONTRACT("a key listener of one bus gets nothing of another, though the key be the same",
                "[isolation][P10]") {
  TestType cluster(with_buses(two_buses()));
  EventBus& mailbox = cluster.bus(0, "mailboxEvent");
  EventBus& deletion = cluster.bus(0, "contentDeletion");
  const auto here = recorder();
  const auto there = recorder();
  const auto first = must(mailbox.register_listener(here, k1()));
  const auto second = must(deletion.register_listener(there, k1()));

  const Receipt receipt = must(mailbox.dispatch(sample(), k1()));

  CHECK(receipt.listeners == 1);
  must(deletion.drain(patience));
  CHECK(here->completed() == 1);
  CHECK(there->entered() == 0);
}

EVMESH_CONTRACT("closing one bus leaves another open", "[isolation][forgotten]") {
  TestType cluster(with_buses(two_buses()));

  cluster.bus(0, "mailboxEvent").close();

  CHECK(code_of(cluster.bus(0, "mailboxEvent").dispatch(sample())) == ErrorCode::closed);
  CHECK(cluster.bus(0, "contentDeletion").dispatch(sample()).has_value());
}

EVMESH_CONTRACT("a payload that is not what it claims spoils nothing for a listener here",
                "[isolation][P04]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  (void)cluster.bus().dispatch(garbage(), k1());
  must(cluster.bus().dispatch(sample("E1"), k1()));

  cluster.settle();
  REQUIRE_FALSE(listener->payloads().empty());
  CHECK(listener->payloads().back() == "E1");
}

EVMESH_CONTRACT("a hundred payloads that are not what they claim spoil nothing for a listener here",
                "[isolation][P05]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  for (int i = 0; i < 100; ++i) (void)cluster.bus().dispatch(garbage(), k1());
  must(cluster.bus().dispatch(sample("E1"), k1()));

  cluster.settle();
  REQUIRE_FALSE(listener->payloads().empty());
  CHECK(listener->payloads().back() == "E1");
}

}  // namespace evmesh::contract
