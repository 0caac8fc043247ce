#include "routing/interest.hpp"

#include <catch2/catch.hpp>

using evmesh::routing::InterestTable;
using evmesh::routing::PeerMask;

namespace {

PeerMask match(const InterestTable& table, std::size_t bus, std::vector<std::uint64_t> hashes) { return table.match(bus, hashes); }

}  // namespace

TEST_CASE("a peer is matched by any key of an event that it announced", "[routing]") {
  InterestTable table;
  const auto one = *table.add_peer();
  const auto two = *table.add_peer();
  table.add(one, 11);
  table.add(two, 22);

  CHECK(match(table, 0, {11}) == 0b01);
  CHECK(match(table, 0, {22, 33}) == 0b10);
  CHECK(match(table, 0, {11, 22}) == 0b11);
  CHECK(match(table, 0, {33}) == 0);
  CHECK(match(table, 0, {}) == 0);
}

TEST_CASE("an each-node wish matches every event of its bus alone", "[routing]") {
  InterestTable table;
  const auto peer = *table.add_peer();
  table.set_each_node(peer, std::vector<std::size_t>{1});

  CHECK(match(table, 1, {99}) == 1);
  CHECK(match(table, 0, {99}) == 0);
  CHECK(table.any(peer));
}

TEST_CASE("a new list of each-node wishes replaces the former", "[routing]") {
  InterestTable table;
  const auto peer = *table.add_peer();
  table.set_each_node(peer, std::vector<std::size_t>{0, 1});

  table.set_each_node(peer, std::vector<std::size_t>{1});

  CHECK(match(table, 0, {}) == 0);
  CHECK(match(table, 1, {}) == 1);
}

TEST_CASE("a key that is removed no longer matches", "[routing]") {
  InterestTable table;
  const auto peer = *table.add_peer();
  table.add(peer, 11);
  table.add(peer, 12);

  table.remove(peer, 11);

  CHECK(match(table, 0, {11}) == 0);
  CHECK(match(table, 0, {12}) == 1);
  CHECK(table.keys(peer) == 1);
}

TEST_CASE("adding a key twice and removing one that is not there change no count", "[routing]") {
  InterestTable table;
  const auto peer = *table.add_peer();
  table.add(peer, 11);
  table.add(peer, 11);

  table.remove(peer, 99);

  CHECK(table.keys(peer) == 1);
}

TEST_CASE("a cleared peer wants nothing and stays a peer", "[routing]") {
  InterestTable table;
  const auto peer = *table.add_peer();
  table.add(peer, 11);
  table.set_each_node(peer, std::vector<std::size_t>{0});

  table.clear(peer);

  CHECK_FALSE(table.any(peer));
  CHECK(match(table, 0, {11}) == 0);
  CHECK(table.peers() == 1);
}

TEST_CASE("a removed peer is matched no more, and who takes its slot does not inherit", "[routing]") {
  InterestTable table;
  for (int count = 0; count < 64; ++count) table.add(*table.add_peer(), 11);
  REQUIRE_FALSE(table.add_peer());
  table.remove_peer(5);
  CHECK(match(table, 0, {11}) == ~(PeerMask{1} << 5));

  const auto again = table.add_peer();

  REQUIRE(again == 5);
  CHECK(table.keys(5) == 0);
  CHECK_FALSE(table.wants_key(5, 11));
  CHECK(match(table, 0, {11}) == ~(PeerMask{1} << 5));
}

TEST_CASE("a slot that had no keys is free at once", "[routing]") {
  InterestTable table;
  const auto first = *table.add_peer();

  table.remove_peer(first);

  CHECK(table.add_peer() == first);
}
