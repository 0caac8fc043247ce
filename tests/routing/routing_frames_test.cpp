#include <catch2/catch.hpp>

#include "node.hpp"
#include "wire/digest.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
namespace wire = evmesh::wire;

namespace {

wire::Heartbeat heartbeat(std::uint64_t version, std::uint64_t digest) {
  wire::Heartbeat beat;
  beat.seq = 1;
  beat.announcement_version = version;
  beat.announcement_digest = digest;
  return beat;
}

}  // namespace

TEST_CASE("an announcement in force is acknowledged with our numbers at that moment", "[routing]") {
  Node node;
  node.up(1);
  node.accept("a");
  node.out.clear();

  node.say(1, wire::Announce{0, 4, 0, 1, {}, {hash("a")}, {}});

  CHECK(sent<wire::AnnounceAck>(node.out, life(1)) == std::vector{wire::AnnounceAck{4, {{0, 1}, {1, 0}}}});
  CHECK(node.routing.interested(0, hash("a")) == std::vector{life(1)});
}

TEST_CASE("a change is applied to the version it names", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});

  node.say(1, wire::Announce{1, 2, 0, 1, {}, {hash("b")}, {hash("a")}});

  CHECK(node.routing.interested(0, hash("a")).empty());
  CHECK(node.routing.interested(0, hash("b")) == std::vector{life(1)});
  CHECK(node.routing.keys_of(life(1)) == 1);
}

TEST_CASE("changes that add up to more keys than a node may have are refused, and the set before stays", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {}, {}});
  const auto change = [&](std::uint64_t base, std::uint64_t first, std::uint64_t count, std::vector<std::uint64_t> removed) {
    wire::Announce announce{base, base + 1, 0, 1, {}, {}, std::move(removed)};
    for (std::uint64_t hash = first; hash < first + count; ++hash) announce.added.push_back(hash);
    node.out.clear();
    node.say(1, announce);
  };
  for (std::uint64_t step = 0; step < 50; ++step) change(1 + step, 1 + step * 5'000, 5'000, {});
  REQUIRE(node.routing.keys_of(life(1)) == 250'000);

  change(51, 250'001, 1, {});

  CHECK(node.routing.keys_of(life(1)) == 250'000);
  CHECK(node.routing.interested(0, 250'001).empty());
  CHECK(sent<wire::AnnounceAck>(node.out, life(1)).empty());
  CHECK(all<Note>(node.out).size() == 1);
  CHECK(node.routing.counters().at("evmesh_announcements_refused_total") == 1);
  // One that takes as many away, and one that adds what is there, are within the bound.
  change(51, 250'001, 1, {1});
  CHECK(sent<wire::AnnounceAck>(node.out, life(1)).size() == 1);
  change(52, 250'001, 1, {});
  CHECK(sent<wire::AnnounceAck>(node.out, life(1)).size() == 1);
  CHECK(node.routing.keys_of(life(1)) == 250'000);
}

TEST_CASE("a change of another version than ours is not applied, and the whole set asked for", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.out.clear();

  node.say(1, wire::Announce{3, 4, 0, 1, {}, {hash("b")}, {}});

  CHECK(node.routing.interested(0, hash("b")).empty());
  CHECK(sent<wire::AnnounceRequest>(node.out, life(1)) == std::vector{wire::AnnounceRequest{1}});
}

TEST_CASE("a change that comes again is acknowledged again", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, wire::Announce{1, 2, 0, 1, {}, {hash("b")}, {}});
  node.out.clear();

  node.say(1, wire::Announce{1, 2, 0, 1, {}, {hash("b")}, {}});

  CHECK(sent<wire::AnnounceAck>(node.out, life(1)).size() == 1);
}

TEST_CASE("an announcement that a later one has overtaken is ignored", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 5, 0, 1, {}, {hash("b")}, {}});
  node.out.clear();

  node.say(1, wire::Announce{0, 4, 0, 1, {}, {hash("a")}, {}});

  CHECK(node.out.empty());
  CHECK(node.routing.interested(0, hash("a")).empty());
}

TEST_CASE("a whole set replaces the former when all its parts are there", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});

  node.say(1, wire::Announce{0, 2, 1, 2, {}, {hash("b")}, {}});
  CHECK(node.routing.interested(0, hash("a")).size() == 1);
  node.say(1, wire::Announce{0, 2, 0, 2, {}, {hash("c")}, {}});

  CHECK(node.routing.interested(0, hash("a")).empty());
  CHECK(node.routing.interested(0, hash("b")).size() == 1);
  CHECK(node.routing.interested(0, hash("c")).size() == 1);
}

TEST_CASE("an each-node wish names the bus by the peer's number", "[routing]") {
  Node node;
  node.up(1, {"other", "bus"});

  node.say(1, wire::Announce{0, 1, 0, 1, {1}, {}, {}});

  CHECK(node.routing.interested(0, hash("a")) == std::vector{life(1)});
  CHECK(node.routing.interested(1, hash("a")).empty());
}

TEST_CASE("a heartbeat that disagrees once may have crossed a change, twice it has not", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.out.clear();

  node.say(1, heartbeat(2, 77));
  CHECK(node.out.empty());
  node.say(1, heartbeat(2, 77));

  CHECK(sent<wire::AnnounceRequest>(node.out, life(1)).size() == 1);
}

TEST_CASE("a heartbeat with the version and digest in force asks for nothing", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {0}, {hash("a")}, {}});
  node.out.clear();
  const std::uint64_t digest = wire::digest_of_key(hash("a")) ^ wire::digest_of_each_node(0);

  for (int count = 0; count < 3; ++count) node.say(1, heartbeat(1, digest));

  CHECK(node.out.empty());
}

TEST_CASE("who asks for the whole set is told where we stand in its streams, too", "[routing]") {
  Node node;
  node.routing.join_complete();
  node.want("a");
  node.up(1);
  node.say(1, wire::Notify{0, false, false, 0, 8, {}});
  node.out.clear();

  node.say(1, wire::AnnounceRequest{0});

  REQUIRE(sent(node.out).size() == 3);
  CHECK(std::holds_alternative<wire::Announce>(sent(node.out)[0].frame.body));
  CHECK(sent<wire::Subscribe>(node.out, life(1))[0] == wire::Subscribe{0, 8, 1});
}

TEST_CASE("the first change, which looks like a whole set, tells where we stand in its streams, too", "[routing]") {
  Node node;
  node.routing.join_complete();
  node.up(1);
  node.say(1, wire::Notify{0, false, false, 0, 8, {}});
  node.out.clear();

  // The peer may have taken us for dead meanwhile, and it takes this for all that it has to know.
  node.want("a");
  node.pump();

  REQUIRE(sent(node.out).size() == 3);
  CHECK(sent<wire::Announce>(node.out, life(1))[0].base == 0);
  CHECK(sent<wire::Subscribe>(node.out, life(1))[0] == wire::Subscribe{0, 8, 1});
}

TEST_CASE("a subscription waits for the announcement it names", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {}, {}, {}});
  node.out.clear();

  node.say(1, wire::Subscribe{0, 0, 2});
  CHECK(sent<wire::Notify>(node.out, life(1)).empty());
  node.say(1, wire::Announce{1, 2, 0, 1, {}, {hash("a")}, {}});

  CHECK(sent<wire::Notify>(node.out, life(1)).size() == 1);
}

TEST_CASE("numbers of buses that we do not have are ignored", "[routing]") {
  Node node;
  node.up(1);
  node.say(1, wire::Announce{0, 1, 0, 1, {9}, {}, {}});
  node.out.clear();

  node.say(1, wire::Subscribe{9, 0, 1});
  node.say(1, wire::Repair{9, 0, 4});
  node.say(1, wire::Report{{{9, 4}}});
  node.say(1, wire::Notify{9, false, false, 0, 4, {}});
  node.say(1, wire::GapNotice{9, evmesh::GapReason::ring_overrun, 1, 4});

  CHECK(node.out.empty());
}

TEST_CASE("a frame of somebody who is not up is ignored", "[routing]") {
  Node node;

  node.say(1, wire::Announce{0, 1, 0, 1, {}, {hash("a")}, {}});
  node.say(1, heartbeat(1, 1));

  CHECK(node.out.empty());
}

TEST_CASE("an acknowledgement of a version that we never had is ignored", "[routing]") {
  Node node;
  node.want("a");
  node.up(1);
  node.out.clear();

  node.say(1, wire::AnnounceAck{99, {{0, 5}}});

  CHECK(node.out.empty());
  CHECK(node.routing.acknowledged(0, 1).empty());
}
