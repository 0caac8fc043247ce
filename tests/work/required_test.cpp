#include "work/required.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using namespace std::chrono_literals;

namespace {

Life life_of(std::uint8_t number, std::uint64_t epoch = 1) { return {node_id(number), epoch}; }

/// A node with its map, its disk, and what it has to say to others.
struct MapNode {
  explicit MapNode(std::uint8_t number, bool alone = false)
      : life(life_of(number)), groups({.self = life, .alone = alone}) {}

  Turn turn() { return {now, {}, log, actions, frames}; }

  std::uint64_t change(const std::string& group, const std::function<void(wire::GroupEntry&)>& what) {
    const auto changed = groups.change(turn(), "events", group, what);
    REQUIRE(changed);
    return *changed;
  }
  std::uint64_t require(const std::string& group, std::uint32_t retries = 8) {
    return change(group, [&](wire::GroupEntry& entry) {
      entry.present = true;
      entry.retry.max_retries = retries;
    });
  }
  std::uint64_t remove(const std::string& group) {
    return change(group, [](wire::GroupEntry& entry) { entry.present = false; });
  }

  /// All that is to be kept is.
  void keep(bool good = true) {
    while (const auto keep = groups.next_keep()) {
      if (good) disk[keep->entry.group] = keep->entry;
      if (good && keep->erase) disk.erase(keep->entry.group);
      groups.kept(turn(), keep->change, good);
    }
  }
  void tick() { groups.tick(turn()); }

  [[nodiscard]] bool requires_group(const std::string& group) const {
    for (const auto& entry : groups.entries()) {
      if (entry.group == group) return entry.present;
    }
    return false;
  }
  [[nodiscard]] std::set<std::string> missing(const std::string& group) const {
    std::set<std::string> names;
    for (const auto& each : groups.who_knows("events", group)) {
      if (!each.since) names.insert(each.name);
    }
    return names;
  }

  Life life;
  RequiredGroups groups;
  std::map<std::string, wire::GroupEntry> disk;
  MonoTime now{1h};
  storage::Commit log;
  Actions actions;
  Frames frames;
};

/// Two nodes and the link between them.
struct Pair {
  void link() {
    a.groups.member_up(a.turn(), b.life, "b");
    b.groups.member_up(b.turn(), a.life, "a");
  }
  void cut() {
    a.groups.member_down(b.life);
    b.groups.member_down(a.life);
    lose();
  }
  void lose() {
    a.frames.clear();
    b.frames.clear();
  }

  static void carry(MapNode& from, MapNode& to) {
    for (const SendFrame& frame : std::exchange(from.frames, {})) {
      REQUIRE(frame.to == to.life);
      const auto decoded = wire::decode(frame.bytes);
      REQUIRE(decoded);
      CHECK(decoded->header.to == to.life.id);
      if (const auto* groups = std::get_if<wire::Groups>(&decoded->body)) {
        to.groups.on(to.turn(), from.life, *groups);
      } else {
        to.groups.on(to.turn(), from.life, std::get<wire::GroupsAck>(decoded->body));
      }
    }
  }

  /// Until nobody has anything to say or to keep.
  void settle() {
    for (int round = 0; round < 20; ++round) {
      a.keep();
      b.keep();
      if (a.frames.empty() && b.frames.empty()) return;
      carry(a, b);
      carry(b, a);
    }
    FAIL("they never come to an end");
  }
  void pass(std::chrono::milliseconds time) {
    a.now += time;
    b.now += time;
    a.tick();
    b.tick();
  }

  MapNode a{1};
  MapNode b{2};
};

}  // namespace

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
