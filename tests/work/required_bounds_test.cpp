#include "required_rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using namespace std::chrono_literals;

TEST_CASE("more groups than the bound are refused, and the error says what helps", "[work][required]") {
  MapNode node(1);
  for (int group = 0; group < 1'024; ++group) node.require("g" + std::to_string(group));
  node.keep();

  const auto refused = node.groups.change(node.turn(), "events", "one-more", [](wire::GroupEntry&) {});

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_many_registrations);
  CHECK(refused.error().message ==
        "group \"one-more\" is one too many: the mesh requires 1024 groups already, of all buses together; "
        "remove one first");
  CHECK(node.groups.find("events", "one-more") == nullptr);
}

TEST_CASE("at the bound the group that was removed longest ago gives room", "[work][required]") {
  MapNode node(1);
  for (int group = 0; group < 1'024; ++group) node.require("g" + std::to_string(group));
  node.keep();
  node.remove("g7");
  node.keep();
  node.remove("g5");
  node.keep();

  node.require("one-more");
  node.keep();

  CHECK(node.requires_group("one-more"));
  CHECK(node.groups.find("events", "g7") == nullptr);
  CHECK_FALSE(node.disk.contains("g7"));
  CHECK(node.groups.find("events", "g5") != nullptr);
}

TEST_CASE("a member that has no room does not acknowledge", "[work][required]") {
  Pair pair;
  for (int group = 0; group < 1'024; ++group) pair.b.require("g" + std::to_string(group));
  pair.b.keep();
  pair.a.groups.member_up(pair.a.turn(), pair.b.life, "b");
  pair.b.groups.member_up(pair.b.turn(), pair.a.life, "a");
  pair.lose();
  pair.a.require("billing");
  pair.a.keep();

  Pair::carry(pair.a, pair.b);
  pair.b.keep();

  CHECK(pair.b.frames.empty());
  CHECK_FALSE(pair.b.requires_group("billing"));
  CHECK(pair.a.missing("billing") == std::set<std::string>{"b"});
}

TEST_CASE("a whole map travels in frames that fit", "[work][required]") {
  Pair pair;
  for (int group = 0; group < 1'000; ++group) {
    pair.a.change(std::string(200, 'g') + std::to_string(group), [](wire::GroupEntry& entry) {
      entry.paused = true;
      entry.pause_reason = std::string(1'024, 'r');
    });
  }
  pair.a.keep();

  pair.link();
  CHECK(pair.a.frames.size() > 10);
  for (const SendFrame& frame : pair.a.frames) CHECK(frame.bytes.size() <= 65'536);
  pair.settle();

  CHECK(pair.b.groups.entries().size() == 1'000);
  CHECK(pair.a.groups.digest() == pair.b.groups.digest());
  CHECK_FALSE(pair.a.groups.next_deadline());
}

TEST_CASE("a node that is alone remembers nothing of a removed group", "[work][required]") {
  MapNode node(1, true);
  node.require("billing");
  node.keep();

  node.remove("billing");
  node.keep();

  CHECK(node.disk.empty());
  CHECK(node.groups.find("events", "billing") == nullptr);
  CHECK(node.require("billing") != 0);
}

TEST_CASE("frames of nobody who is up are ignored", "[work][required]") {
  MapNode node(1);
  wire::GroupEntry entry;
  entry.bus = "events";
  entry.group = "billing";
  entry.writer = node_id(2);

  node.groups.on(node.turn(), life_of(2), wire::Groups{1, {entry}});
  node.groups.on(node.turn(), life_of(2), wire::GroupsAck{1});
  node.groups.on_digest(node.turn(), life_of(2), 7);

  CHECK_FALSE(node.groups.has_keep());
  CHECK(node.frames.empty());
}

TEST_CASE("at the bound a removed group of another node takes nobody's place", "[work][required]") {
  MapNode node(1);
  for (int group = 0; group < 1'024; ++group) node.require("g" + std::to_string(group));
  node.keep();
  node.remove("g7");
  node.keep();
  node.groups.member_up(node.turn(), life_of(2), "b");
  node.frames.clear();
  wire::GroupEntry removed;
  removed.bus = "events";
  removed.group = "unheard-of";
  removed.present = false;

  node.groups.on(node.turn(), life_of(2), wire::Groups{1, {removed}});
  node.keep();

  CHECK(node.groups.find("events", "g7") != nullptr);
  CHECK(node.groups.find("events", "unheard-of") == nullptr);
  CHECK(node.frames.size() == 1);  // it is not required here: that is acknowledged
}

TEST_CASE("acknowledgements of what could not be kept do not pile up", "[work][required]") {
  MapNode node(1);
  node.groups.member_up(node.turn(), life_of(2), "b");
  wire::GroupEntry entry;
  entry.bus = "events";
  entry.group = "billing";
  for (std::uint64_t request = 1; request <= 4'096; ++request) {
    node.groups.on(node.turn(), life_of(2), wire::Groups{request, {entry}});
    node.keep(false);
  }
  CHECK(node.frames.empty());

  node.groups.on(node.turn(), life_of(2), wire::Groups{4'097, {entry}});
  node.keep();

  CHECK(node.frames.size() == 1);
}
