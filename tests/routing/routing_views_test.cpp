#include <catch2/catch.hpp>

#include "node.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
namespace wire = evmesh::wire;

TEST_CASE("a receipt says at which number of the bus a peer acknowledged", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::AnnounceAck{0, {{0, 2}, {1, 3}}});
  const auto version = node.want("a");

  node.say(1, wire::AnnounceAck{version, {{0, 12}, {1, 40}}});

  REQUIRE(node.routing.acknowledged(0, version).size() == 1);
  CHECK(node.routing.acknowledged(0, version)[0].life == life(1));
  CHECK(node.routing.acknowledged(0, version)[0].seq == 12);
  CHECK(node.routing.acknowledged(1, version)[0].seq == 40);
}

TEST_CASE("a registration that stood before the peer came has the number at which the stream began", "[routing]") {
  Node node;
  const auto version = node.want("a");
  node.up(1);

  node.say(1, wire::AnnounceAck{version, {{0, 12}, {1, 40}}});

  CHECK(node.routing.acknowledged(0, version)[0].seq == 12);
}

TEST_CASE("who wanted an event is shown with whether it reported it", "[routing]") {
  Node node;
  for (const unsigned number : {1U, 2U}) {
    node.up(number);
    node.say(number, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
    node.say(number, wire::Subscribe{0, 0, 1});
  }
  const auto number = node.accept("a").seq;
  CHECK_FALSE(node.routing.flushed());

  node.say(2, wire::Report{{{0, number}}});

  const auto seen = node.routing.seen(0, number, number);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].life == life(1));
  CHECK_FALSE(seen[0].seen);
  CHECK(seen[1].seen);
}

TEST_CASE("who wanted any event of several is shown with whether it reported the last", "[routing]") {
  Node node;
  for (const unsigned number : {1U, 2U}) {
    node.up(number);
    node.say(number, wire::Announce{0, 1, 0, 1, {}, {hash(number == 1 ? "a" : "b")}, {}});
    node.say(number, wire::Subscribe{0, 0, 1});
  }
  const auto first = node.accept("a").seq;
  const auto last = node.accept("b").seq;
  node.say(1, wire::Report{{{0, first}}});
  node.say(2, wire::Report{{{0, last}}});

  const auto seen = node.routing.seen(0, first, last);

  REQUIRE(seen.size() == 2);
  CHECK(seen[0].life == life(1));
  CHECK_FALSE(seen[0].seen);
  CHECK(seen[1].seen);
  CHECK(node.routing.seen(0, last, last).size() == 1);
}

TEST_CASE("it is known when a peer acknowledged what was wanted", "[routing]") {
  Node node;
  node.up(1);
  const auto first = node.want("a");
  const auto second = node.want("b");
  node.now += std::chrono::seconds(1);
  const auto at = node.now;
  node.say(1, wire::AnnounceAck{second, {{0, 12}, {1, 40}}});
  node.now += std::chrono::seconds(1);
  node.say(1, wire::AnnounceAck{second, {{0, 12}, {1, 40}}});

  CHECK(node.routing.acknowledged(0, first)[0].at == at);
  CHECK(node.routing.acknowledged(0, second)[0].at == at);
}

TEST_CASE("heads are the last numbers of all buses", "[routing]") {
  Node node;
  node.accept("a");
  node.routing.accept(node.now, 0, {{}, {}, 0});

  CHECK(node.routing.heads() == std::vector<wire::StreamPosition>{{0, 2}, {1, 0}});
}

TEST_CASE("how far we are in a peer's streams is told once they have begun", "[routing]") {
  Node node;
  node.up(1);
  CHECK(node.routing.through(life(1)).empty());

  node.say(1, wire::Notify{1, true, false, 6, 6, {}});

  CHECK(node.routing.through(life(1)) == std::vector<wire::StreamPosition>{{1, 6}});
  CHECK(node.routing.through(life(5)).empty());
}

TEST_CASE("announcements are exchanged when both sides have them and the streams have begun", "[routing]") {
  Node node;
  CHECK(node.routing.exchanged());
  node.want("a");
  node.up(1);
  CHECK_FALSE(node.routing.exchanged());

  node.say(1, wire::Announce{0, 1, 0, 1, {}, {}, {}});
  CHECK_FALSE(node.routing.exchanged());
  node.say(1, wire::AnnounceAck{1, {{0, 0}, {1, 0}}});

  CHECK(node.routing.exchanged());
}

TEST_CASE("a stream is shown with what is known to be missing", "[routing]") {
  Node node;
  node.routing.join_complete();
  node.up(1);
  node.say(1, wire::Notify{0, false, false, 0, 4, {}});
  node.say(1, wire::Notify{0, false, false, 9, 9, {}});

  const auto view = node.routing.inbound_views()[0];

  CHECK(view.publisher == life(1));
  CHECK(view.through == 4);
  CHECK(view.head == 9);
  CHECK(view.early_bytes > 0);
  CHECK(view.held_bytes == 0);
}

TEST_CASE("counters tell what the streams did", "[routing]") {
  Node node;
  node.accept("a");
  node.routing.accept(node.now, 0, {{}, {}, 0});

  const auto counters = node.routing.counters();

  CHECK(counters.at("evmesh_stream_events_accepted_total") == 2);
  CHECK(counters.at("evmesh_stream_events_not_encoded_total") == 1);
  CHECK(counters.at("evmesh_stream_ring_overrun_total") == 0);
}
