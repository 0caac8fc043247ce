// The three modes as they show on one node: what a listener of a key, of everything and in a group gets. A
// mailbox is named by a key, a listener of all mailboxes is each-node (James: EACH_NODE) or in a group
// (James: ONCE).
#include <memory>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

Event mailbox_event(std::string type) {
  EventFields fields;
  fields.type = std::move(type);
  fields.user = "user";
  fields.payload = fields.type;
  return Event(std::move(fields));
}

/// Each-node listeners exist in mono and broadcast; the other mode has its own contract (M29).
bool has_each_node(const Cluster& cluster) { return cluster.mode() != Mode::scale_efficient; }

}  // namespace

EVMESH_CONTRACT("an event reaches the listener of its mailbox and those of all mailboxes", "[modes][M04]") {
  TestType cluster;
  const auto mailbox = recorder();
  const auto everything = recorder();
  const auto once = recorder();
  const auto first = must(cluster.bus().register_listener(mailbox, k1()));
  const auto second = must(cluster.bus().register_listener(once, group_a()));
  Registration third;
  if (has_each_node(cluster)) third = must(cluster.bus().register_each_node(everything));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(mailbox->completed() == 1);
  CHECK(once->wait_completed(1));
  CHECK(everything->completed() == (has_each_node(cluster) ? 1 : 0));
  CHECK(receipt.listeners == (has_each_node(cluster) ? 2 : 1));
}

EVMESH_CONTRACT("an each-node listener gets an event without keys, by no key", "[modes][M04]") {
  TestType cluster;
  if (!has_each_node(cluster)) return;
  const auto everything = recorder();
  const auto registration = must(cluster.bus().register_each_node(everything));

  must(cluster.bus().dispatch(sample()));
  must(cluster.bus().dispatch(noop_event()));

  cluster.settle();
  REQUIRE(everything->payloads() == std::vector<std::string>{"E1", "settle"});
  CHECK_FALSE(everything->seen().at(0).key.has_value());
  CHECK_FALSE(everything->seen().at(0).group.has_value());
}

EVMESH_CONTRACT("a listener both on a key and each-node is called once", "[modes][M04]") {
  TestType cluster;
  if (!has_each_node(cluster)) return;
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_each_node(listener));

  must(cluster.bus().dispatch(sample(), k1()));

  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("an event reaches the listeners of its own mailbox only", "[modes][M05]") {
  TestType cluster;
  const auto own = recorder();
  const auto other = recorder();
  const auto first = must(cluster.bus().register_listener(own, k1()));
  const auto second = must(cluster.bus().register_listener(other, k2()));

  must(cluster.bus().dispatch(mailbox_event("Added"), k1()));

  cluster.settle();
  CHECK(own->completed() == 1);
  CHECK(other->entered() == 0);
}

EVMESH_CONTRACT("after a rename nothing comes under the old path", "[modes][M06]") {
  TestType cluster;
  const auto old_path = recorder();
  const auto registration = must(cluster.bus().register_listener(old_path, key("MailboxPath:user/Old")));

  must(cluster.bus().dispatch(mailbox_event("MailboxRenamed"), {k1(), key("MailboxPath:user/Old")}));
  must(cluster.bus().dispatch(mailbox_event("Added"), {k1(), key("MailboxPath:user/New")}));

  cluster.settle();
  CHECK(old_path->payloads() == std::vector<std::string>{"MailboxRenamed"});
}

EVMESH_CONTRACT("a listener on a mailbox id keeps its place over a rename", "[modes][M07]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(mailbox_event("MailboxRenamed"), {k1(), key("MailboxPath:user/Old")}));
  must(cluster.bus().dispatch(mailbox_event("Added"), {k1(), key("MailboxPath:user/New")}));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"MailboxRenamed", "Added"});
}

EVMESH_CONTRACT("a listener that leaves at the deletion of its mailbox leaves nothing behind",
                "[modes][M08][M09]") {
  TestType cluster;
  auto registration = std::make_shared<Registration>();
  const auto listener = recorder_that([registration](const Delivery& delivery) {
    if (delivery.event.type() == "MailboxDeletion") registration->unregister();
    return Outcome::done();
  });
  *registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(mailbox_event("MailboxDeletion"), k1()));
  const Receipt later = must(cluster.bus().dispatch(mailbox_event("Added"), {k1(), k2()}));

  CHECK(later.listeners == 0);
  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"MailboxDeletion"});
  for (const KeyStatus& status : cluster.node().keys()) CHECK(status.listeners == 0);
  *registration = Registration();
}

EVMESH_CONTRACT("a removed mailbox listener gets nothing, one of another mailbox is not touched",
                "[modes][M10][M11]") {
  TestType cluster;
  const auto removed = recorder();
  const auto kept = recorder();
  auto first = must(cluster.bus().register_listener(removed, k1()));
  const auto second = must(cluster.bus().register_listener(kept, k2()));

  first.unregister();
  must(cluster.bus().dispatch(sample(), {k1(), k2()}));

  cluster.settle();
  CHECK(removed->entered() == 0);
  CHECK(kept->completed() == 1);
}

EVMESH_CONTRACT("a removed listener of a group gets nothing", "[modes][M12]") {
  TestType cluster;
  const auto removed = recorder();
  auto registration = must(cluster.bus().register_listener(removed, group_a()));

  registration.unregister();
  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(removed->entered() == 0);
}

EVMESH_CONTRACT("a removed each-node listener gets nothing", "[modes][M13]") {
  TestType cluster;
  if (!has_each_node(cluster)) return;
  const auto removed = recorder();
  auto registration = must(cluster.bus().register_each_node(removed));

  registration.unregister();
  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(removed->entered() == 0);
}

EVMESH_CONTRACT("no kind of listener passes its error on to the caller", "[modes][M14]") {
  TestType cluster;
  const auto mailbox = recorder_that(always_throw());
  const auto everything = recorder_that(always_throw());
  const auto once = recorder_that(always_throw());
  const auto first = must(cluster.bus().register_listener(mailbox, k1()));
  const auto second = must(cluster.bus().register_listener(once, group_a(), quick_retries(0)));
  Registration third;
  if (has_each_node(cluster)) third = must(cluster.bus().register_each_node(everything));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  CHECK(mailbox->entered() == 1);
  CHECK(once->wait_entered(1));
  CHECK(everything->entered() == (has_each_node(cluster) ? 1 : 0));
}

EVMESH_CONTRACT("a body that only this node needs is never encoded", "[modes][M26]") {
  TestType cluster;
  const auto body = std::make_shared<CountedBody>();
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus().dispatch(with_body(body), k1()));

  CHECK(listener->completed() == 1);
  CHECK(listener->seen().at(0).event.body() == body);
  CHECK(body->encodings() == 0);
  CHECK(receipt.interested == 0);
}

}  // namespace evmesh::contract
