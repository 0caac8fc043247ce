#include "routing/routing.hpp"

#include <catch2/catch.hpp>

#include "node.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::Mode;
namespace wire = evmesh::wire;

TEST_CASE("a peer that comes up is told the whole set and where we stand in its streams, in that order", "[routing]") {
  Node node;
  node.want("a");

  node.up(1);

  REQUIRE(sent(node.out).size() == 3);
  CHECK(std::get<wire::Announce>(sent(node.out)[0].frame.body).added == std::vector{hash("a")});
  CHECK(std::get<wire::Subscribe>(sent(node.out)[1].frame.body).bus == 0);
  CHECK(std::get<wire::Subscribe>(sent(node.out)[2].frame.body).bus == 1);
  for (const Sent& frame : sent(node.out)) CHECK(frame.frame_class == Class::notification);
}

TEST_CASE("streams met before joining was complete begin at the head, later ones at 1", "[routing]") {
  Node node;
  node.up(1);
  node.routing.join_complete();
  node.up(2);

  CHECK_FALSE(sent<wire::Subscribe>(node.out, life(1))[0].through);
  CHECK(sent<wire::Subscribe>(node.out, life(2))[0].through == 0);
}

TEST_CASE("only buses that both have are read", "[routing]") {
  Node node;

  node.up(1, {"foreign", "bus"});

  const auto subscriptions = sent<wire::Subscribe>(node.out, life(1));
  REQUIRE(subscriptions.size() == 1);
  CHECK(subscriptions[0].bus == 1);
}

TEST_CASE("coming up twice is coming up once", "[routing]") {
  Node node;
  node.up(1);
  node.out.clear();

  node.up(1);

  CHECK(node.out.empty());
}

TEST_CASE("changes of one turn go as one", "[routing]") {
  Node node;
  node.up(1);
  node.out.clear();

  node.want("a");
  node.want("b");
  node.pump();

  const auto changes = sent<wire::Announce>(node.out, life(1));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].version == 2);
  CHECK(changes[0].added.size() == 2);
}

TEST_CASE("an announcement without answer goes out again after a second", "[routing]") {
  Node node;
  node.want("a");
  node.up(1);
  node.out.clear();
  CHECK(node.routing.next_deadline() <= start_time + 1s);

  node.tick(1s);

  CHECK(sent<wire::Announce>(node.out, life(1)).size() == 1);
  node.out.clear();
  node.say(1, wire::AnnounceAck{1, {{0, 0}, {1, 0}}});
  node.say(1, wire::Notify{0, true, false, 0, 0, {}});
  node.say(1, wire::Notify{1, true, false, 0, 0, {}});
  node.out.clear();
  node.tick(1s);

  CHECK(node.out.empty());
}

TEST_CASE("an event is needed while a peer's interest is not known, and then if it matches", "[routing]") {
  Node node;
  node.routing.join_complete();
  CHECK_FALSE(node.needed("a"));
  node.up(1);
  CHECK(node.needed("a"));

  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});

  CHECK(node.needed("a"));
  CHECK_FALSE(node.needed("b"));
}

TEST_CASE("a broadcast publisher needs every event while anybody is up", "[routing]") {
  Node node(Mode::broadcast);
  node.routing.join_complete();
  CHECK_FALSE(node.needed("b"));

  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});

  CHECK(node.needed("b"));
}

TEST_CASE("an accepted event goes to who wants it", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, wire::Subscribe{0, 0, 1});
  node.out.clear();

  const auto accepted = node.accept("a");
  node.accept("b");
  node.pump();

  CHECK(accepted.seq == 1);
  CHECK(accepted.interested == 1);
  const auto frames = sent<wire::Notify>(node.out, life(1));
  REQUIRE(frames.size() == 1);
  CHECK(numbers(frames[0]) == std::vector<std::uint64_t>{1});
}

TEST_CASE("a life that ended is forgotten", "[routing]") {
  Node node;
  node.up(1);
  CHECK(node.routing.inbound_views().size() == 2);

  node.routing.life_ended(node.now, life(1), false, {}, node.out);

  CHECK(node.routing.inbound_views().empty());
  CHECK_FALSE(node.routing.outbound(0).view(life(1)));
}

TEST_CASE("a life that ended well and was read to its end leaves no gap", "[routing]") {
  Node node;
  node.routing.join_complete();
  node.listeners.entries = {{7, "a", 0}};
  node.up(1);
  node.say(1, wire::Notify{0, false, false, 0, 3, {}});
  node.out.clear();

  node.routing.life_ended(node.now, life(1), true, std::vector<wire::StreamPosition>{{0, 3}, {1, 0}}, node.out);

  CHECK(gaps(node.out).empty());
}

TEST_CASE("a later life begins its streams anew", "[routing]") {
  Node node(Mode::broadcast);
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, wire::Subscribe{0, 0, 1});
  node.accept("a");
  node.pump();
  node.routing.member_down(node.now, life(1), node.out);

  node.routing.renumber(life(9, 2));
  node.up(1);
  node.out.clear();
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, wire::Subscribe{0, 0, 1});
  node.pump();

  CHECK(node.routing.heads()[0].seq == 0);
  for (const auto& notify : sent<wire::Notify>(node.out, life(1))) CHECK(notify.events.empty());
  CHECK(node.accept("a").seq == 1);
  node.out.clear();
  node.pump();
  REQUIRE(sent<wire::Notify>(node.out, life(1)).size() == 1);
  CHECK(numbers(sent<wire::Notify>(node.out, life(1))[0]) == std::vector<std::uint64_t>{1});
  CHECK(sent(node.out)[0].frame.header.from_epoch == 2);
}

TEST_CASE("what was accepted before anybody was up goes on under the later life", "[routing]") {
  Node node;
  node.accept("a");

  node.routing.renumber(life(9, 2));

  CHECK(node.routing.heads()[0].seq == 1);
  CHECK(node.accept("a").seq == 2);
}

TEST_CASE("who is down wants nothing until it is up again", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  CHECK(node.routing.interested(0, hash("a")) == std::vector{life(1)});

  node.routing.member_down(node.now, life(1), node.out);

  CHECK(node.routing.interested(0, hash("a")).empty());
}

TEST_CASE("followers of the notification socket are not served by link", "[routing]") {
  Node node(Mode::broadcast);
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, wire::Subscribe{0, 0, 1});
  node.routing.follows(node.now, life(1), true, node.out);
  node.out.clear();

  node.accept("a");
  node.pump();

  CHECK(sent<wire::Notify>(node.out, life(1)).empty());
  CHECK(all<PublishFrame>(node.out).size() == 1);
}
