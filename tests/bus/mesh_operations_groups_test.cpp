// Operators change a group on one node, and all nodes follow.
#include "bus/mesh_peers.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

bool says(const Error& error, std::string_view text) { return error.message.find(text) != std::string::npos; }

std::uint64_t owed_of(const Peer& peer) {
  const auto status = peer.node->group_work().group("events", group("index"));
  return status ? status->owed() : 0;
}

}  // namespace

TEST_CASE("a group that another node runs is not removed", "[bus][mesh-operations]") {
  Two two;
  two.a.registration->unregister();

  const auto refused = two.a.mesh().remove("events", group("index"), true);

  REQUIRE(code(refused) == ErrorCode::group_in_use);
  CHECK(says(refused.error(), "runs on node b; unregister its listeners first"));
  CHECK(must(two.b.mesh().group("events", group("index"))).value.required);
}

TEST_CASE("a group that nobody runs is removed from all nodes, with what all of them owe it",
          "[bus][mesh-operations]") {
  Two two;
  two.a.registration->unregister();
  two.b.registration->unregister();
  must(two.a.node->bus().dispatch(sample()));
  must(two.b.node->bus().dispatch(sample()));
  must(two.b.node->bus().dispatch(sample()));

  const auto owed = two.a.mesh().remove("events", group("index"), false);
  const auto removed = must(two.a.mesh().remove("events", group("index"), true));

  REQUIRE(code(owed) == ErrorCode::group_in_use);
  CHECK(says(owed.error(), "is owed 3 events (this node 1, node b 2)"));
  CHECK(removed.value == 3);
  CHECK(removed.complete());
  // What is dispatched before the other node has heard of it would be its dead letter.
  const auto gone = [&] { return code(two.b.node->group_work().group("events", group("index"))) == ErrorCode::unknown_group; };
  CHECK(support::eventually(patience, gone));
  CHECK(must(two.b.node->bus().dispatch(sample())).groups == 0);
  CHECK(must(two.a.mesh().count_dead_letters({})).value == 0);
  CHECK(code(two.a.mesh().remove("events", group("other"), true)) == ErrorCode::unknown_group);
  CHECK(code(two.a.mesh().remove("mail", group("index"), true)) == ErrorCode::invalid_argument);
}

TEST_CASE("a group that one node pauses runs on none until another lets it go on", "[bus][mesh-operations]") {
  Two two;
  two.a.broken = two.b.broken = false;

  const auto paused = must(two.a.mesh().pause("events", group("index"), "moving"));
  REQUIRE(support::eventually(patience, [&] {
    return must(two.b.node->group_work().group("events", group("index"))).paused;
  }));
  must(two.a.node->bus().dispatch(sample()));
  must(two.b.node->bus().dispatch(sample()));

  CHECK(paused.value.paused);
  CHECK(paused.value.pause_reason == "moving");
  CHECK(paused.value.runners == 2);
  CHECK(two.a.handled + two.b.handled == 0);
  CHECK(owed_of(two.a) + owed_of(two.b) == 2);
  const auto resumed = must(two.b.mesh().resume("events", group("index")));
  CHECK_FALSE(resumed.value.paused);
  CHECK(support::eventually(patience, [&] { return two.a.handled + two.b.handled == 2; }));
}

TEST_CASE("a front-line node runs no group, and holds on to those it has listeners for", "[bus][mesh-operations]") {
  Two two(false);

  CHECK(must(two.a.mesh().group("events", group("index"))).value.runners == 1);
  CHECK(must(two.b.node->group_work().group("events", group("index"))).runners == 0);
  two.a.registration->unregister();
  const auto refused = two.a.mesh().remove("events", group("index"), true);
  REQUIRE(code(refused) == ErrorCode::group_in_use);
  CHECK(says(refused.error(), "node b: a listener of this node is registered for group"));
}
