#include "routing/ring.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using evmesh::routing::Batch;
using evmesh::routing::Ring;

namespace {

/// An event that nobody needs.
Batch hollow() { return {{}, {}, 0}; }

}  // namespace

TEST_CASE("a new ring has given no number and holds none", "[routing]") {
  const Ring ring(1'000);

  CHECK(ring.head() == 0);
  CHECK(ring.first() == 1);
  CHECK(ring.size() == 0);
}

TEST_CASE("events are numbered from 1 without holes", "[routing]") {
  Ring ring(10'000);

  const auto first = ring.push({"a", {}, 0});
  const auto second = ring.push(hollow());
  const auto third = ring.push({"b", {}, 0});

  CHECK(first == 1);
  CHECK(second == 2);
  CHECK(third == 3);
  CHECK(ring.head() == 3);
}

TEST_CASE("events that nobody wanted take one entry while nothing comes between", "[routing]") {
  Ring ring(10'000);

  ring.push(hollow());
  ring.push(hollow());
  ring.push({"a", {}, 0});
  ring.push(hollow());

  REQUIRE(ring.size() == 3);
  CHECK(ring.at(0).first == 1);
  CHECK(ring.at(0).last == 2);
  CHECK(ring.at(2).first == 4);
}

TEST_CASE("the oldest leave when the bytes are over the bound", "[routing]") {
  Ring ring(1'000);

  for (int count = 0; count < 5; ++count) ring.push({std::string(300, 'x'), {}, 0});

  CHECK(ring.bytes() <= 1'000);
  CHECK(ring.head() == 5);
  CHECK(ring.first() == 4);
  CHECK(ring.overrun() == 3);
}

TEST_CASE("the youngest stays even when it alone is over the bound", "[routing]") {
  Ring ring(100);

  ring.push({std::string(5'000, 'x'), {}, 0});

  CHECK(ring.size() == 1);
  CHECK(ring.first() == 1);
}

TEST_CASE("hashes count as bytes", "[routing]") {
  Ring ring(1'000);

  ring.push({"a", std::vector<std::uint64_t>(100, 7), 0});
  ring.push({"b", {}, 0});

  CHECK(ring.first() == 2);
}

TEST_CASE("a number is found in the entry that holds it, or in the first after it", "[routing]") {
  Ring ring(10'000);
  ring.push(hollow());
  ring.push(hollow());
  ring.push({"a", {}, 0});

  CHECK(ring.find(1) == 0);
  CHECK(ring.find(2) == 0);
  CHECK(ring.find(3) == 1);
  CHECK(ring.find(4) == 2);
}

TEST_CASE("a ring that begins anew gives number 1 and holds nothing of before", "[routing]") {
  Ring ring(1'000);
  ring.push({"abc", {}, 0});
  ring.push(hollow());

  ring.restart();

  CHECK(ring.head() == 0);
  CHECK(ring.size() == 0);
  CHECK(ring.bytes() == 0);
  CHECK(ring.push({"d", {}, 0}) == 1);
}

TEST_CASE("the events of a batch get the numbers that follow", "[routing]") {
  Ring ring(10'000);
  Batch batch;
  const std::vector<std::uint64_t> hashes{7, 8};
  batch.add("a", hashes, 1);
  batch.add({}, {}, 0);
  batch.add({}, {}, 0);
  batch.add("bc", {}, 2);

  CHECK(ring.push(std::move(batch)) == 4);

  REQUIRE(ring.size() == 3);
  CHECK(ring.at(0).bytes == "a");
  CHECK(std::ranges::equal(ring.at(0).hashes, hashes));
  CHECK(ring.at(1).hollow);
  CHECK(ring.at(1).last == 3);
  CHECK(ring.at(2).bytes == "bc");
  CHECK(ring.at(2).wanted == 2);
}

TEST_CASE("a batch keeps its events when nobody needs its last one", "[routing]") {
  Ring ring(10'000);
  Batch batch;
  batch.add(std::string(100, 'a'), {}, 1);
  batch.add({}, {}, 0);

  ring.push(std::move(batch));
  ring.push({{}, {}, 0});

  REQUIRE(ring.size() == 2);
  CHECK(ring.at(0).bytes == std::string(100, 'a'));
  CHECK(ring.at(1).last == 3);
}

TEST_CASE("a batch of which some events have left keeps the others", "[routing]") {
  Ring ring(2'000);
  Batch batch;
  for (const char letter : {'a', 'b', 'c'}) batch.add(std::string(500, letter), {}, 0);
  ring.push(std::move(batch));
  REQUIRE(ring.first() > 1);
  REQUIRE(ring.first() <= 3);

  CHECK(ring.at(ring.size() - 1).bytes == std::string(500, 'c'));
  ring.push({std::string(1'500, 'd'), {}, 0});

  CHECK(ring.first() == 4);
  CHECK(ring.at(0).bytes == std::string(1'500, 'd'));
  ring.restart();
  CHECK(ring.size() == 0);
}

TEST_CASE("memory that a batch holds and does not use counts as bytes", "[routing]") {
  Ring plain(100'000);
  Ring wasteful(100'000);
  std::string roomy("a");
  roomy.reserve(5'000);

  plain.push({"a", {}, 0});
  wasteful.push({std::move(roomy), {}, 0});

  CHECK(wasteful.bytes() >= plain.bytes() + 4'000);
}
