#include "work/claims.hpp"

#include <optional>
#include <variant>
#include <vector>

#include <catch2/catch.hpp>

#include "work/rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

const Life worker{node_id(7), 70};

/// A node that was killed while it owed three events, and is back.
class Returned {
 public:
  Returned() {
    const GroupIndex group = rig.group("index");
    for (int event = 0; event < 3; ++event) rig.accept({group});
    rig.sync();
    for (const Job& job : rig.take(group)) names.push_back(rig.machine->work_name(job.handle).value());
    rig.crash();
    rig.group("index");
    rig.sync();
    distribution.emplace(DistributionOptions{.self = self}, *rig.machine);
    claims.emplace(self, *rig.machine, *distribution);
    claims->begin(rig.now);
  }

  [[nodiscard]] Turn turn() { return {rig.now, wall(300), rig.log, rig.actions, frames}; }
  [[nodiscard]] std::vector<Job> given_out() { return rig.take(0); }
  void pass(std::chrono::milliseconds time) {
    rig.now += time;
    claims->tick(turn());
  }
  void answer(const WorkName& name, wire::WorkState state) {
    claims->on(turn(), worker, {.request = 1, .states = {{name, state, 1, "broken"}}});
  }

  Rig rig{MachineOptions{.self = node_id(1), .meshed = true}};
  Life self{node_id(1), 2};
  std::vector<WorkName> names;
  Frames frames;
  std::optional<Distribution> distribution;
  std::optional<Claims> claims;
};

}  // namespace

TEST_CASE("a node that is back asks whoever it meets what became of its work", "[work][claims]") {
  Returned node;

  node.claims->member_up(node.turn(), worker);

  REQUIRE(node.frames.size() == 1);
  CHECK(node.frames[0].to == worker);
  const auto frame = wire::decode(node.frames[0].bytes);
  REQUIRE(frame);
  CHECK(std::holds_alternative<wire::Claim>(frame->body));
}

TEST_CASE("what is owed from before waits for answers, and goes on as possibly a duplicate", "[work][claims]") {
  Returned node;

  node.pass(Claims::patience - 1ms);
  CHECK(node.given_out().empty());
  node.pass(1ms);

  const auto jobs = node.given_out();
  REQUIRE(jobs.size() == 3);
  for (const Job& job : jobs) CHECK(job.possibly_duplicate);
  CHECK_FALSE(node.claims->next_deadline());
}

TEST_CASE("what a member has done is not done again", "[work][claims]") {
  Returned node;

  node.answer(node.names[1], wire::WorkState::done);
  node.pass(Claims::patience);

  CHECK(node.given_out().size() == 2);
  CHECK(node.rig.machine->counters().ended_elsewhere == 1);
}

TEST_CASE("what failed elsewhere is retried or buried when everybody was heard who may have taken it over",
          "[work][claims]") {
  Returned node;

  node.answer(node.names[1], wire::WorkState::refused);
  CHECK(node.rig.machine->counts(0).burying == 0);
  CHECK(node.rig.machine->held_back().size() == 3);
  node.pass(Claims::patience);

  CHECK(node.rig.machine->counts(0).burying == 1);
  CHECK(node.given_out().size() == 2);
}

TEST_CASE("what a member runs is left to it", "[work][claims]") {
  Returned node;
  node.distribution->member_up(node.turn(), worker, "worker");

  node.answer(node.names[0], wire::WorkState::running);
  node.pass(Claims::patience);

  CHECK(node.given_out().size() == 2);
  CHECK(node.rig.machine->counts(0).running == 3);
}

TEST_CASE("a node that owes nothing from before waits for nobody", "[work][claims]") {
  Rig rig(MachineOptions{.self = node_id(1), .meshed = true});
  Distribution distribution({.self = {node_id(1), 1}}, *rig.machine);
  Claims claims({node_id(1), 1}, *rig.machine, distribution);

  claims.begin(rig.now);

  CHECK_FALSE(claims.next_deadline());
}

TEST_CASE("what was adopted meanwhile is not released with the rest", "[work][claims]") {
  Returned node;
  storage::OwedGroup group;
  group.name = "index";
  const storage::Owed orphan{{node_id(5), 1, 9}, {}, wall(1), "mail", {group}, "bytes"};
  const auto adopted = node.rig.machine->adopt(orphan, 1, storage::Doubt::owner_ended, node.rig.log);
  node.rig.sync();

  node.pass(Claims::patience);

  CHECK(adopted.size() == 1);
  CHECK(node.rig.machine->held_back() == adopted);
}
