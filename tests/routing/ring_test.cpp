#include "routing/ring.hpp"

#include <catch2/catch.hpp>

using evmesh::routing::Ring;

TEST_CASE("a new ring has given no number and holds none", "[routing]") {
  const Ring ring(1'000);

  CHECK(ring.head() == 0);
  CHECK(ring.first() == 1);
  CHECK(ring.size() == 0);
}

TEST_CASE("events are numbered from 1 without holes", "[routing]") {
  Ring ring(10'000);

  const auto first = ring.push("a", {}, 0);
  const auto second = ring.push_hollow();
  const auto third = ring.push("b", {}, 0);

  CHECK(first == 1);
  CHECK(second == 2);
  CHECK(third == 3);
  CHECK(ring.head() == 3);
}

TEST_CASE("events that nobody wanted take one entry while nothing comes between", "[routing]") {
  Ring ring(10'000);

  ring.push_hollow();
  ring.push_hollow();
  ring.push("a", {}, 0);
  ring.push_hollow();

  REQUIRE(ring.size() == 3);
  CHECK(ring.at(0).first == 1);
  CHECK(ring.at(0).last == 2);
  CHECK(ring.at(2).first == 4);
}

TEST_CASE("the oldest leave when the bytes are over the bound", "[routing]") {
  Ring ring(1'000);

  for (int count = 0; count < 5; ++count) ring.push(std::string(300, 'x'), {}, 0);

  CHECK(ring.bytes() <= 1'000);
  CHECK(ring.head() == 5);
  CHECK(ring.first() == 4);
  CHECK(ring.overrun() == 3);
}

TEST_CASE("the youngest stays even when it alone is over the bound", "[routing]") {
  Ring ring(100);

  ring.push(std::string(5'000, 'x'), {}, 0);

  CHECK(ring.size() == 1);
  CHECK(ring.first() == 1);
}

TEST_CASE("hashes count as bytes", "[routing]") {
  Ring ring(1'000);

  ring.push("a", std::vector<std::uint64_t>(100, 7), 0);
  ring.push("b", {}, 0);

  CHECK(ring.first() == 2);
}

TEST_CASE("a number is found in the entry that holds it, or in the first after it", "[routing]") {
  Ring ring(10'000);
  ring.push_hollow();
  ring.push_hollow();
  ring.push("a", {}, 0);

  CHECK(ring.find(1) == 0);
  CHECK(ring.find(2) == 0);
  CHECK(ring.find(3) == 1);
  CHECK(ring.find(4) == 2);
}

TEST_CASE("a ring that begins anew gives number 1 and holds nothing of before", "[routing]") {
  Ring ring(1'000);
  ring.push("abc", {}, 0);
  ring.push_hollow();

  ring.restart();

  CHECK(ring.head() == 0);
  CHECK(ring.size() == 0);
  CHECK(ring.bytes() == 0);
  CHECK(ring.push("d", {}, 0) == 1);
}
