#include <catch2/catch.hpp>

#include "work/executor_rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using wire::WorkEnding;
using Known = wire::WorkState;

namespace {

using Verdicts = std::vector<std::pair<std::uint64_t, WorkEnding>>;
const Life owner = life(1);
const Life other = life(2);

}  // namespace

TEST_CASE("a lower custody is answered with the higher one and nothing runs twice") {
  ExecutorRig node;
  const Custody adopter{1, node_id(2), 1};
  node.deliver(other, 1, {node.delivery(10, adopter)});

  node.deliver(owner, 1, {node.delivery(10)});
  node.query(owner, {{1, 1}});

  const auto stale = node.said<wire::Stale>(owner);
  CHECK(stale == std::vector<wire::Stale>{{work_name(10), adopter}, {work_name(10), adopter}});
  CHECK(node.take().size() == 1);
  CHECK(node.executor.counters().stale == 1);
}

TEST_CASE("what never came is said before what another answers for, which has no number") {
  ExecutorRig node;
  node.deliver(other, 1, {node.delivery(10, {1, node_id(2), 1})});
  node.deliver(owner, 1, {node.delivery(10)});
  node.frames.clear();

  node.query(owner, {{1, 2}});

  REQUIRE(node.frames.size() >= 2);
  const auto first = wire::decode(node.frames[0].bytes);
  const auto second = wire::decode(node.frames[1].bytes);
  CHECK(std::holds_alternative<wire::Unknown>(first->body));
  CHECK(std::holds_alternative<wire::Stale>(second->body));
}

TEST_CASE("what this node answers for itself is refused to a lower custody") {
  ExecutorRig node;
  const Custody ours{1, node_id(9), 1};
  node.executor.look_first([&](const WorkName& name) {
    return name == work_name(10) ? Executor::Ours{ours, false} : Executor::Ours{};
  });

  node.deliver(owner, 1, {node.delivery(10, {1, node_id(2), 1}), node.delivery(11)});

  CHECK(node.said<wire::Stale>(owner) == std::vector<wire::Stale>{{work_name(10), ours}});
  CHECK(node.take().size() == 1);
}

TEST_CASE("what this node has done before it was taken over does not run for its heir") {
  ExecutorRig node;
  node.executor.look_first([](const WorkName&) { return Executor::Ours{.custody = {}, .done = true}; });

  node.deliver(other, 1, {node.delivery(10, {1, node_id(2), 1})});

  CHECK(node.take().empty());
  CHECK(node.verdicts(other) == Verdicts{{1, WorkEnding::done}});
}

TEST_CASE("what is queued goes to the higher custody") {
  ExecutorRig node;
  const Custody adopter{1, node_id(2), 1};
  node.deliver(owner, 1, {node.delivery(10)});

  node.deliver(other, 1, {node.delivery(10, adopter, 2)});
  const auto jobs = node.take();
  node.finish(jobs.at(0));

  CHECK(jobs.size() == 1);
  CHECK(jobs[0].attempt == 2);
  CHECK(node.said<wire::Stale>(owner) == std::vector<wire::Stale>{{work_name(10), adopter}});
  CHECK(node.verdicts(other) == Verdicts{{1, WorkEnding::done}});
  CHECK(node.verdicts(owner).empty());
}

TEST_CASE("what runs goes on, and its verdict goes to the higher custody under its number") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  const auto jobs = node.take();

  node.deliver(other, 5, {node.delivery(10, {1, node_id(2), 1})});
  node.finish(jobs.at(0));

  CHECK(node.take().empty());
  CHECK(node.verdicts(other) == Verdicts{{5, WorkEnding::done}});
  CHECK(node.verdicts(owner).empty());
}

TEST_CASE("what has finished is answered to the higher custody without running") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.finish(node.take().at(0), {Ran::Ending::refused, "never", 0ms, {}});

  node.deliver(other, 1, {node.delivery(10, {1, node_id(2), 1})});

  CHECK(node.take().empty());
  CHECK(node.verdicts(other) == Verdicts{{1, WorkEnding::refused}});
  CHECK(node.executor.counters().answered == 1);
}

TEST_CASE("the attempt after a failed one runs") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.finish(node.take().at(0), {Ran::Ending::failed, "no", 0ms, {}});

  node.deliver(owner, 2, {node.delivery(10, {0, node_id(1), 1}, 2)});

  const auto jobs = node.take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].attempt == 2);
}

TEST_CASE("what was given back runs when it comes again") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.finish(node.take().at(0), {Ran::Ending::unknown_type, "", 0ms, {}});

  node.deliver(owner, 2, {node.delivery(10)});

  CHECK(node.take().size() == 1);
  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::unknown_type}});
}

TEST_CASE("of custodians that have ended so many verdicts are kept") {
  ExecutorRig node({.verdicts_max = 2});
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12)});
  for (const Job& job : node.take()) node.finish(job);

  node.executor.life_ended(owner);

  CHECK(node.executor.counters().verdicts_dropped == 1);
  wire::Adopted adopted{node_id(1), 1, 0, 0, 1, true, {{group_hash, {{1, 100}}}}};
  const auto states = node.executor.adopted(node.turn(), other, adopted);
  REQUIRE(states.size() == 2);
  CHECK(states[0].name == work_name(11));
  CHECK(states[0].state == Known::done);
  CHECK(states[1].name == work_name(12));
}

TEST_CASE("an ended custodian's work runs on, and an adopter hears its end") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  const auto jobs = node.take();
  node.executor.life_ended(owner);

  node.finish(jobs.at(0));
  node.deliver(other, 1, {node.delivery(10, {1, node_id(2), 1}, 2)});

  CHECK(node.verdicts(other) == Verdicts{{1, WorkEnding::done}});
  node.retire(other, 1);
  node.executor.member_up(node.turn(), life(4));
  CHECK(node.executor.custodians().size() == 2);
}

TEST_CASE("an adopter hears what is known of what it adopted, and what is queued is given up") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12), node.delivery(13)});
  auto jobs = node.take(3);
  node.finish(jobs.at(0));
  node.finish(jobs.at(1), {Ran::Ending::failed, "no", 0ms, {}});

  const auto states =
      node.executor.adopted(node.turn(), other, {node_id(1), 1, 0, 0, 1, true, {{group_hash, {{10, 13}}}}});

  REQUIRE(states.size() == 4);
  CHECK(states[0] == wire::StateEntry{work_name(10), Known::done, 1, ""});
  CHECK(states[1] == wire::StateEntry{work_name(11), Known::failed, 1, "no"});
  CHECK(states[2] == wire::StateEntry{work_name(12), Known::running, 1, ""});
  CHECK(states[3] == wire::StateEntry{work_name(13), Known::queued, 1, ""});
  CHECK(node.take().empty());
}

TEST_CASE("a queued redelivery stays, as its adopter may have the letter that it was") {
  ExecutorRig node;
  wire::Delivered redelivery = node.delivery(10);
  redelivery.name.generation = 1;
  node.deliver(owner, 1, {redelivery});
  const wire::Adopted adopted{node_id(1), 1, 0, 0, 1, true, {{group_hash, {{10, 10}}}}};

  const auto states = node.executor.adopted(node.turn(), other, adopted);

  CHECK(states.empty());
  CHECK(node.said<wire::Stale>(owner).empty());
  CHECK(node.take().size() == 1);
}

TEST_CASE("an adopter hears nothing of what it did not adopt, nor of what it answers for already") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11, {2, node_id(1), 1})});

  const auto states =
      node.executor.adopted(node.turn(), other, {node_id(1), 1, 0, 0, 1, true, {{group_hash, {{11, 13}}}}});

  CHECK(states.empty());
  CHECK(node.take().size() == 2);
}

TEST_CASE("an owner that is back hears what its earlier life delivered") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  node.finish(node.take(1).at(0));
  node.executor.life_ended(owner);
  node.executor.member_up(node.turn(), life(1, 2));

  const auto states = node.executor.claimed(node.turn(), life(1, 2));

  REQUIRE(states.size() == 2);
  CHECK(states[0].state == Known::done);
  CHECK(states[1].state == Known::queued);
  CHECK(node.take().empty());
}
