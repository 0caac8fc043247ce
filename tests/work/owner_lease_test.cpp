#include "work/owner_lease.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using namespace std::chrono_literals;

namespace {

const Life guardian{node_id(2), 1};
const Life another{node_id(3), 1};

/// An owner, and what its guardians have heard of it.
struct Owner {
  OwnerLease lease{2'500ms};
  std::map<Life, MonoTime> heard{{guardian, MonoTime{}}, {another, MonoTime{}}};

  bool lapsed(MonoTime now, std::vector<Life> guardians = {guardian}) {
    return lease.lapsed(now, guardians, [this](const Life& life) -> std::optional<MonoTime> {
      const auto found = heard.find(life);
      return found == heard.end() ? std::nullopt : std::optional(found->second);
    });
  }
};

constexpr MonoTime at(std::chrono::milliseconds time) { return MonoTime{time}; }

}  // namespace

TEST_CASE("a guardian that came up again and is silent once more makes a second silence", "[work][lease]") {
  Owner owner;
  REQUIRE(owner.lapsed(at(3s)));

  owner.lease.came_up(guardian, at(8s));

  CHECK_FALSE(owner.lapsed(at(10'500ms)));
  CHECK(owner.lapsed(at(10'501ms)));
}

TEST_CASE("what is owed is doubted once when a guardian has not heard of its owner for the lease", "[work][lease]") {
  Owner owner;

  CHECK_FALSE(owner.lapsed(at(2'500ms)));
  CHECK(owner.lapsed(at(2'501ms)));
  CHECK_FALSE(owner.lapsed(at(9'000ms)));
}

TEST_CASE("a guardian that heard again and falls silent again is another reason to doubt", "[work][lease]") {
  Owner owner;
  REQUIRE(owner.lapsed(at(3'000ms)));

  owner.heard[guardian] = at(3'500ms);
  CHECK_FALSE(owner.lapsed(at(4'000ms)));
  CHECK(owner.lapsed(at(6'001ms)));
}

TEST_CASE("who was a guardian may still have what it was sent", "[work][lease]") {
  Owner owner;
  REQUIRE_FALSE(owner.lapsed(at(1'000ms)));
  owner.heard[another] = at(9'000ms);

  CHECK(owner.lapsed(at(2'501ms), {another}));
}

TEST_CASE("a guardian whose life is over is no reason to doubt", "[work][lease]") {
  Owner owner;
  REQUIRE_FALSE(owner.lapsed(at(1'000ms)));
  owner.heard.erase(guardian);

  CHECK_FALSE(owner.lapsed(at(9'000ms), {}));
}
