#include "work/required.hpp"

#include "required_rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using namespace std::chrono_literals;

TEST_CASE("a group that is required on one node is required on all", "[work][required]") {
  Pair pair;
  pair.link();

  const auto change = pair.a.require("billing", 3);
  CHECK(change != 0);
  CHECK_FALSE(pair.a.requires_group("billing"));
  pair.settle();

  CHECK(pair.a.requires_group("billing"));
  REQUIRE(pair.b.requires_group("billing"));
  CHECK(pair.b.disk.at("billing").retry.max_retries == 3);
  CHECK(pair.b.disk.at("billing").writer == node_id(1));
  CHECK(pair.a.groups.digest() == pair.b.groups.digest());
  CHECK(pair.a.groups.digest() != 0);
}

TEST_CASE("nobody is told of a group before it is kept here", "[work][required]") {
  Pair pair;
  pair.link();

  pair.a.require("billing");

  CHECK(pair.a.frames.empty());
  CHECK(pair.a.groups.digest() == 0);
}

TEST_CASE("a member acknowledges a group when it is on its own disk", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.a.keep();

  Pair::carry(pair.a, pair.b);
  Pair::carry(pair.b, pair.a);
  CHECK(pair.a.missing("billing") == std::set<std::string>{"b"});
  pair.b.keep();
  pair.a.now += 5ms;
  Pair::carry(pair.b, pair.a);

  CHECK(pair.a.missing("billing").empty());
  CHECK(pair.a.groups.who_knows("events", "billing").at(0).since == pair.a.now);
}

TEST_CASE("a member that cannot keep a group does not acknowledge it, and is told again", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.a.keep();
  Pair::carry(pair.a, pair.b);

  pair.b.keep(false);
  CHECK(pair.b.frames.empty());
  CHECK_FALSE(pair.b.requires_group("billing"));
  CHECK(pair.b.groups.find("events", "billing") == nullptr);
  pair.pass(1s);
  pair.settle();

  CHECK(pair.b.requires_group("billing"));
  CHECK(pair.a.missing("billing").empty());
}

TEST_CASE("a group that cannot be kept here is as it was", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing", 3);
  pair.settle();

  pair.a.require("billing", 5);
  pair.a.keep(false);

  CHECK(pair.a.groups.find("events", "billing")->retry.max_retries == 3);
  CHECK(pair.a.frames.empty());
}

TEST_CASE("frames that are lost are said again, ever less often", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.a.keep();
  pair.lose();

  pair.pass(999ms);
  CHECK(pair.a.frames.empty());
  pair.pass(1ms);
  CHECK(pair.a.frames.size() == 1);
  pair.lose();
  pair.pass(1'999ms);
  CHECK(pair.a.frames.empty());
  pair.pass(1ms);
  CHECK(pair.a.frames.size() == 1);
  pair.settle();

  CHECK(pair.b.requires_group("billing"));
  CHECK_FALSE(pair.a.groups.next_deadline());
}

TEST_CASE("a lost acknowledgement is asked for again", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.a.keep();
  Pair::carry(pair.a, pair.b);
  pair.b.keep();
  pair.lose();
  CHECK(pair.a.missing("billing") == std::set<std::string>{"b"});
  REQUIRE(pair.a.groups.next_deadline());
  CHECK(*pair.a.groups.next_deadline() == pair.a.now + 1s);

  pair.pass(1s);
  pair.settle();

  CHECK(pair.a.missing("billing").empty());
}

TEST_CASE("a member that comes up is told all, and tells all", "[work][required]") {
  Pair pair;
  pair.a.require("billing");
  pair.a.keep();
  pair.b.require("push");
  pair.b.keep();

  pair.link();
  CHECK(pair.a.missing("billing") == std::set<std::string>{"b"});
  pair.settle();

  CHECK(pair.a.requires_group("push"));
  CHECK(pair.b.requires_group("billing"));
  CHECK(pair.a.missing("billing").empty());
}

TEST_CASE("a member that was down and comes up in the same life is told what it missed", "[work][required]") {
  Pair pair;
  pair.link();
  pair.settle();
  pair.cut();
  pair.a.require("billing");
  pair.a.keep();
  CHECK(pair.a.groups.who_knows("events", "billing").empty());

  pair.link();
  pair.settle();

  CHECK(pair.b.requires_group("billing"));
}

TEST_CASE("a removed group stays removed when an old node comes back", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.settle();
  pair.cut();

  pair.a.remove("billing");
  pair.a.keep();
  pair.link();
  pair.settle();

  CHECK_FALSE(pair.a.requires_group("billing"));
  CHECK_FALSE(pair.b.requires_group("billing"));
  CHECK_FALSE(pair.b.disk.at("billing").present);
  CHECK(pair.a.groups.digest() == 0);
  CHECK(pair.b.groups.digest() == 0);
}

TEST_CASE("a group that was removed is required again by whoever registers it", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.settle();
  pair.a.remove("billing");
  pair.settle();

  pair.b.require("billing");
  pair.settle();

  CHECK(pair.a.requires_group("billing"));
  CHECK(pair.a.disk.at("billing").version == 3);
}

TEST_CASE("the last writer wins", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing", 3);
  pair.settle();

  pair.b.require("billing", 5);
  pair.settle();

  CHECK(pair.a.disk.at("billing").retry.max_retries == 5);
  CHECK(pair.a.disk.at("billing").version == 2);
}

TEST_CASE("of two writers at once the higher id wins, on both", "[work][required]") {
  Pair pair;
  pair.a.require("billing", 3);
  pair.a.keep();
  pair.b.require("billing", 5);
  pair.b.keep();

  pair.link();
  pair.settle();

  CHECK(pair.a.disk.at("billing").retry.max_retries == 5);
  CHECK(pair.b.disk.at("billing").retry.max_retries == 5);
  CHECK(pair.a.groups.digest() == pair.b.groups.digest());
  CHECK(pair.a.missing("billing").empty());
}

TEST_CASE("one version said twice by a node that was rolled back comes to the same on all", "[work][required]") {
  Pair pair;
  wire::GroupEntry entry;
  entry.bus = "events";
  entry.group = "billing";
  entry.writer = node_id(9);
  entry.retry.max_retries = 3;
  pair.a.groups.load(entry);
  entry.retry.max_retries = 5;
  pair.b.groups.load(entry);

  pair.link();
  pair.settle();

  CHECK(pair.a.groups.find("events", "billing")->retry == pair.b.groups.find("events", "billing")->retry);
  CHECK(pair.a.groups.digest() == pair.b.groups.digest());
}

TEST_CASE("who tells something old is told what is new", "[work][required]") {
  Pair pair;
  pair.a.require("billing", 3);
  pair.a.keep();
  pair.a.require("billing", 4);
  pair.a.keep();
  pair.b.require("billing", 5);
  pair.b.keep();
  pair.link();
  pair.a.frames.clear();  // what a says at first is lost

  pair.settle();

  CHECK(pair.b.disk.at("billing").retry.max_retries == 4);
}

TEST_CASE("a change that changes nothing is none", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing", 3);
  pair.settle();

  CHECK(pair.a.require("billing", 3) == 0);
  CHECK_FALSE(pair.a.groups.has_keep());
  CHECK(pair.a.frames.empty());
}

TEST_CASE("a change that is on its way is not made twice", "[work][required]") {
  MapNode node(1);
  const auto first = node.require("billing", 3);

  CHECK(node.require("billing", 3) == first);
  CHECK(node.groups.next_keep()->change == first);
  CHECK_FALSE(node.groups.has_keep());
}

TEST_CASE("what another wrote is told to those who may not know it when it is asked for", "[work][required]") {
  MapNode a(1);
  a.groups.member_up(a.turn(), life_of(2), "b");
  a.groups.member_up(a.turn(), life_of(3), "c");
  MapNode b(2);
  b.require("billing", 3);
  const wire::GroupEntry entry = b.groups.next_keep()->entry;
  a.groups.on(a.turn(), life_of(2), wire::Groups{1, {entry}});
  a.keep();
  CHECK(a.frames.size() == 1);  // the acknowledgement
  CHECK(a.missing("billing") == std::set<std::string>{"c"});

  a.require("billing", 3);

  REQUIRE(a.frames.size() == 2);
  CHECK(a.frames[1].to == life_of(3));
}

TEST_CASE("members whose maps agree know of every group", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.a.keep();
  pair.lose();
  CHECK(pair.a.missing("billing") == std::set<std::string>{"b"});

  pair.a.groups.on_digest(pair.a.turn(), pair.b.life, pair.a.groups.digest());

  CHECK(pair.a.missing("billing").empty());
  CHECK_FALSE(pair.a.groups.next_deadline());
}

TEST_CASE("a map that goes on differing is told whole, and not too often", "[work][required]") {
  Pair pair;
  pair.link();
  pair.a.require("billing");
  pair.settle();

  pair.a.groups.on_digest(pair.a.turn(), pair.b.life, 7);
  CHECK(pair.a.frames.empty());
  pair.a.groups.on_digest(pair.a.turn(), pair.b.life, 7);
  CHECK(pair.a.frames.size() == 1);
  pair.settle();
  for (int beat = 0; beat < 10; ++beat) pair.a.groups.on_digest(pair.a.turn(), pair.b.life, 7);
  CHECK(pair.a.frames.empty());
  pair.pass(10s);
  pair.a.groups.on_digest(pair.a.turn(), pair.b.life, 7);

  CHECK(pair.a.frames.size() == 1);
}
