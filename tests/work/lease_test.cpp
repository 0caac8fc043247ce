#include <vector>

#include <catch2/catch.hpp>

#include "work/executor_rig.hpp"

// For how long an executor may start what it was given.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

const Life owner = life(1);

/// A beat of a custodian that runs nothing for this node.
wire::WorkBeat heard_beat(std::uint64_t sent, std::uint64_t heard) { return {0, {}, 0, 0, sent, heard}; }

/// The custodian says that it heard the node's latest beat.
void echo(ExecutorRig& node, const Life& from) {
  const auto beats = node.said<wire::WorkBeat>(from);
  REQUIRE(!beats.empty());
  node.executor.on(node.turn(), from, heard_beat(1, beats.back().sent));
  node.pump();
}

/// It stood still for so long, and goes on.
void stand_still(ExecutorRig& node, std::chrono::seconds time) { node.now += time; }

}  // namespace

TEST_CASE("what a custodian may have given to another meanwhile is not started") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});

  stand_still(node, 3s);

  CHECK(node.take().empty());
  node.deliver(owner, 3, {node.delivery(12)});
  CHECK(node.take().empty());
}

TEST_CASE("what is left goes on, and runners are told, once the custodian has heard a later beat") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  stand_still(node, 3s);
  static_cast<void>(node.take());
  node.actions.clear();
  node.advance(0s);

  node.retire(owner, 1);
  echo(node, owner);

  CHECK(node.ready() == 1);
  const auto jobs = node.take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id.seq == 11);
  CHECK_FALSE(jobs[0].possibly_duplicate);
}

TEST_CASE("a beat from before the standstill renews nothing") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.advance(500ms);
  const auto beats = node.said<wire::WorkBeat>(owner);
  REQUIRE(beats.size() == 1);
  stand_still(node, 4s);

  node.executor.on(node.turn(), owner, heard_beat(1, beats[0].sent));

  CHECK(node.take().empty());
}

TEST_CASE("a beat that claims to have heard what was never sent renews nothing") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  stand_still(node, 3s);

  node.executor.on(node.turn(), owner, heard_beat(1, ~std::uint64_t{0}));

  CHECK(node.take().empty());
}

TEST_CASE("another custodian's work goes on meanwhile") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.deliver(life(2), 1, {node.delivery(20, {0, node_id(2), 1})});
  stand_still(node, 3s);
  node.advance(0s);

  echo(node, life(2));

  const auto jobs = node.take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id.seq == 20);
}

TEST_CASE("what comes from a custodian that seemed dead may be a duplicate") {
  ExecutorRig node;
  node.executor.member_down(owner);

  node.deliver(owner, 1, {node.delivery(10)});

  const auto jobs = node.take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].possibly_duplicate);
}

TEST_CASE("beats give back the custodian's clock once what they brought about is said") {
  ExecutorRig node;
  node.executor.on(node.turn(), owner, heard_beat(77, 0));

  node.executor.tick(node.turn());
  const auto before = node.said<wire::WorkBeat>(owner);
  node.pump();
  node.advance(750ms);
  const auto after = node.said<wire::WorkBeat>(owner);

  CHECK(before.empty());
  REQUIRE(after.size() == 1);
  CHECK(after[0].heard == 77);
}

TEST_CASE("what is queued of a paused group goes back, and nothing of it is taken on until it goes on") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});

  node.executor.pause(node.turn(), group, group_hash, true);
  node.pump();
  const auto back = node.verdicts(owner);
  node.deliver(owner, 2, {node.delivery(11)});
  const auto refused = node.verdicts(owner);
  node.executor.pause(node.turn(), group, group_hash, false);
  node.deliver(owner, 3, {node.delivery(12)});

  using Verdicts = std::vector<std::pair<std::uint64_t, WorkEnding>>;
  CHECK(back == Verdicts{{1, WorkEnding::given_back}});
  CHECK(refused == Verdicts{{2, WorkEnding::given_back}});
  CHECK(node.take().size() == 1);
}

TEST_CASE("what an ended custodian left in the queue waits for who answers for it now, and not for ever") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.executor.life_ended(owner);
  node.advance(0s);

  const auto jobs = node.take();
  node.advance(59s);
  const auto before = node.executor.counters().dropped;
  node.advance(1s);

  CHECK(jobs.empty());
  CHECK(before == 0);
  CHECK(node.executor.counters().dropped == 1);
}

TEST_CASE("what came while the lease was over needs a beat that was sent since") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  stand_still(node, 3s);
  node.advance(0s);
  node.now += 5ms;
  node.deliver(owner, 2, {node.delivery(11)});

  echo(node, owner);
  const auto early = node.take();
  node.advance(500ms);
  echo(node, owner);

  CHECK(early.empty());
  CHECK(node.take().size() == 2);
}
