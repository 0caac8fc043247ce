#include <vector>

#include <catch2/catch.hpp>

#include "work/distribution_rig.hpp"

// Where what may end a process goes.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using wire::WorkEnding;

namespace {

const Life first = life(8);
const Life second = life(9);

using Given = std::vector<DistributionRig::Given>;

/// One event ran on `first` when that ended, and runs on `second` now, as a suspect.
void run_suspect(DistributionRig& rig) {
  rig.executor(first, 5);
  rig.owe(1);
  rig.pump();
  rig.distribution.life_ended(rig.turn(), first);
  rig.executor(second, 5);
  rig.advance(1s);
  REQUIRE(rig.given(second) == Given{{1, 1, 2, true, true}});
}

/// One event ran on `first` when that life ended, which is back; this node runs the group, too.
void suspect_of_first(DistributionRig& rig) {
  rig.executor(first, 5);
  rig.owe(1);
  rig.pump();
  rig.distribution.life_ended(rig.turn(), first);
  rig.distribution.local(rig.mail, 2);
  rig.executor(life(8, 2), 5);
  rig.advance(1s);
  rig.advance(1s);
}

}  // namespace

TEST_CASE("a suspect is left to this node when all others that run its group had it") {
  DistributionRig rig;

  suspect_of_first(rig);

  CHECK(rig.given(life(8, 2)).empty());
  const auto jobs = rig.take(rig.mail);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].suspect);
}

TEST_CASE("a suspect that was left to this node goes to another that begins to run its group") {
  DistributionRig rig;
  suspect_of_first(rig);

  rig.executor(second, 5);
  rig.pump();

  CHECK(rig.given(second) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a suspect that was left to this node goes back to where it was when this one runs its group no more") {
  DistributionRig rig;
  suspect_of_first(rig);

  rig.distribution.local(rig.mail, 0);
  rig.pump();

  CHECK(rig.given(life(8, 2)) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a suspect goes back to where it was when this node does not know its type") {
  DistributionRig rig;
  suspect_of_first(rig);
  const auto jobs = rig.take(rig.mail);
  REQUIRE(jobs.size() == 1);

  REQUIRE(rig.distribution.divert(rig.turn(), jobs[0], jobs[0].event));
  rig.pump();

  CHECK(rig.given(life(8, 2)) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a suspect goes back to where it was when no other knows its type") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(1);
  rig.pump();
  rig.distribution.life_ended(rig.turn(), first);
  rig.executor(second, 5);
  rig.executor(life(8, 2), 5);
  rig.advance(1s);
  REQUIRE(rig.given(second) == Given{{1, 1, 2, true, true}});

  rig.verdict(second, 1, WorkEnding::unknown_type);
  rig.advance(1s);

  CHECK(rig.given(life(8, 2)) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a suspect is not condemned by the silence of a node that comes back") {
  DistributionRig rig;
  run_suspect(rig);

  rig.distribution.member_down(rig.turn(), second);
  rig.advance(20s);
  rig.distribution.member_up(rig.turn(), second, "node9");
  rig.verdict(second, 1, WorkEnding::done);
  rig.settle();

  CHECK(rig.machine->counters().quarantined == 0);
  CHECK(rig.machine->counters().done == 1);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("a suspect is condemned when the life that ran it is over") {
  DistributionRig rig;
  run_suspect(rig);

  rig.distribution.member_down(rig.turn(), second);
  const auto before = rig.machine->counters().quarantined;
  rig.distribution.life_ended(rig.turn(), second);

  CHECK(before == 0);
  CHECK(rig.machine->counters().quarantined == 1);
}

TEST_CASE("a suspect is condemned when the node that ran it stays away for half a minute") {
  DistributionRig rig;
  run_suspect(rig);
  rig.distribution.member_down(rig.turn(), second);

  CHECK(*rig.distribution.next_deadline() <= rig.now + 30s);
  rig.advance(30s);

  CHECK(rig.machine->counters().quarantined == 1);
  CHECK(rig.distribution.outstanding() == 0);
}
