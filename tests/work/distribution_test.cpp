#include <catch2/catch.hpp>

#include "work/distribution_rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using wire::WorkEnding;

namespace {

const Life first = life(8);
const Life second = life(9);

using Given = std::vector<DistributionRig::Given>;

}  // namespace

TEST_CASE("what is owed is delivered in order, packed, as far as there is credit") {
  DistributionRig rig;
  rig.executor(first, 3);

  rig.owe(5);
  rig.pump();

  CHECK(rig.frames.size() == 1);
  CHECK(rig.frames[0].frame_class == wire::Class::work);
  CHECK(rig.given(first) == Given{{1, 1, 1}, {2, 2, 1}, {3, 3, 1}});
  CHECK(rig.distribution.outstanding() == 3);
  CHECK(rig.machine->counts(rig.mail).ready == 2);
}

TEST_CASE("a delivery says whose it is") {
  DistributionRig rig;
  rig.executor(first, 3);

  rig.owe(1, event_of_type("A"));
  rig.pump();

  const auto frames = rig.said<wire::Deliver>(first);
  REQUIRE(frames.size() == 1);
  const auto& it = frames[0].deliveries.at(0);
  CHECK(it.name == WorkName{{node_id(1), 1, 1}, rig.hash, 0});
  CHECK(it.custody == Custody{0, node_id(1), 1});
  CHECK(it.event == event_of_type("A"));
}

TEST_CASE("credit that grows lets more go, and credit said again does not") {
  DistributionRig rig;
  rig.executor(first, 1);
  rig.owe(5);
  rig.pump();
  static_cast<void>(rig.given(first));

  rig.limit(first, 1);
  rig.pump();
  const auto same = rig.given(first);
  rig.limit(first, 3);
  rig.limit(first, 2);
  rig.pump();

  CHECK(same.empty());
  CHECK(rig.given(first) == Given{{2, 2, 1}, {3, 3, 1}});
}

TEST_CASE("who has the most room for its credit is next") {
  DistributionRig rig;
  rig.executor(first, 2);
  rig.executor(second, 4);

  rig.owe(6);
  rig.pump();
  const auto to_first = rig.given(first);
  const auto to_second = rig.given(second);

  CHECK(to_first.size() == 2);
  CHECK(to_second.size() == 4);
  CHECK(to_second[1].seq < to_first[1].seq);
}

TEST_CASE("who gives much credit gets many in a row") {
  DistributionRig rig;
  rig.executor(first, 600);
  rig.executor(second, 600);
  rig.executor(Life{node_id(9), 1}, 142);

  rig.owe(200);
  rig.pump();

  const auto to_first = rig.given(first).size();
  const auto to_second = rig.given(second).size();
  CHECK(std::max(to_first, to_second) == 200);
}

TEST_CASE("on ties one has its turn after the other") {
  DistributionRig rig;
  rig.executor(first, 100);
  rig.executor(second, 100);

  std::size_t to_first = 0;
  for (int i = 0; i < 10; ++i) {
    rig.owe(1);
    rig.pump();
    for (const Life& who : {first, second}) {
      for (const auto& it : rig.given(who)) {
        to_first += who == first ? 1 : 0;
        rig.verdict(who, it.number, WorkEnding::done);
      }
    }
  }

  CHECK(to_first == 5);
}

TEST_CASE("frames hold at most 64 KiB unless one event is larger") {
  DistributionRig rig;
  rig.executor(first, 100);
  rig.owe(3, event_of_type("A", 30'000));
  rig.owe(1, event_of_type("A", 100'000));
  rig.owe(1);
  rig.pump();

  std::vector<std::size_t> sizes;
  for (const auto& frame : rig.frames) sizes.push_back(frame.bytes.size());

  REQUIRE(sizes.size() == 4);
  CHECK(sizes[0] > 60'000);
  CHECK(sizes[0] <= 65'536);
  CHECK(sizes[2] > 100'000);
}

TEST_CASE("a link without room holds back nothing that another takes") {
  DistributionRig rig;
  rig.executor(first, 100);
  rig.executor(second, 2);
  rig.room.bytes[first] = 0;
  rig.owe(4);
  rig.pump();
  const auto while_full = rig.given(second);
  CHECK(rig.given(first).empty());

  rig.room.bytes.clear();
  rig.pump();

  CHECK(while_full.size() == 2);
  CHECK(rig.given(first) == Given{{1, 3, 1}, {2, 4, 1}});
}

TEST_CASE("so many bytes are open at one executor") {
  DistributionRig rig({.bytes_max = 1'000});
  rig.executor(first, 100);
  rig.owe(5, event_of_type("A", 500));
  rig.pump();
  const auto at_once = rig.given(first);

  rig.verdict(first, 1, WorkEnding::done);

  CHECK(at_once.size() == 2);
  CHECK(rig.given(first).size() == 1);
}

TEST_CASE("a group without runners holds back no other") {
  DistributionRig rig;
  rig.executor(first, 100);
  const GroupIndex lonely = rig.group("lonely");
  for (int i = 0; i < 300; ++i) static_cast<void>(rig.machine->accept(rig.event({lonely}), rig.log));
  rig.owe(3);

  rig.pump();

  CHECK(rig.given(first).size() == 3);
}

TEST_CASE("events that are not in memory are asked for") {
  DistributionRig rig({}, {.self = node_id(1), .event_bytes_max = Parcel::memory_bytes(100)});
  rig.executor(first, 2);
  rig.owe(4);
  rig.pump();
  const auto at_once = rig.given(first);
  const auto loads = rig.asked<LoadEvent>();

  REQUIRE(loads.size() == 1);
  rig.distribution.loaded(rig.turn(), loads[0].handle, parcel_of(event_of_type("A")), "");
  rig.pump();

  CHECK(at_once.size() == 1);
  CHECK(rig.given(first) == Given{{2, 2, 1}});
  CHECK(rig.asked<LoadEvent>().empty());
}

TEST_CASE("an event that cannot be read is refused, with the reason") {
  DistributionRig rig({}, {.self = node_id(1), .event_bytes_max = 0});
  rig.executor(first, 2);
  rig.owe(1);
  rig.pump();
  const auto loads = rig.asked<LoadEvent>();

  rig.distribution.loaded(rig.turn(), loads.at(0).handle, nullptr, "a bit is flipped");
  rig.write();

  const auto failed = rig.written_of<storage::Failed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].ended);
  CHECK(failed[0].error == "not run: a bit is flipped");
}

TEST_CASE("what runners on this node can take is left to them for a moment") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.distribution.local(rig.mail, 2);
  rig.owe(3);
  rig.pump();
  const auto at_once = rig.given(first);

  const auto here = rig.take(rig.mail, 1);
  rig.pump();
  const auto still = rig.given(first);
  rig.advance(5ms);

  CHECK(at_once.size() == 1);
  CHECK(here.size() == 1);
  CHECK(still.empty());
  CHECK(rig.given(first).size() == 1);
}

TEST_CASE("what an executor runs for an earlier custodian is delivered there whatever its credit") {
  DistributionRig rig;
  rig.executor(first, 1);
  rig.owe(2);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.distribution.member_up(rig.turn(), second, "node9");
  const Job job = rig.take_one(rig.mail);

  rig.distribution.lease(rig.turn(), job, second);
  rig.pump();

  CHECK(rig.given(second) == Given{{1, 2, 1}});
  CHECK(rig.distribution.where(job.handle) == second);
}

TEST_CASE("a lease at an executor that is not up is lost") {
  DistributionRig rig;
  rig.owe(1);
  rig.pump();
  const Job job = rig.take_one(rig.mail);

  rig.distribution.lease(rig.turn(), job, second);
  rig.executor(first, 1);
  rig.advance(1s);

  CHECK(rig.given(first) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("what this node cannot run goes to somebody who may") {
  DistributionRig rig;
  rig.owe(2);
  rig.write();
  const auto jobs = rig.take(rig.mail);
  const bool alone = rig.distribution.divert(rig.turn(), jobs.at(0), nullptr);
  rig.executor(first, 1);

  const bool moved = rig.distribution.divert(rig.turn(), jobs.at(0), nullptr);
  rig.pump();

  CHECK_FALSE(alone);
  CHECK(moved);
  CHECK(rig.given(first) == Given{{1, 1, 1}});
}

TEST_CASE("nothing is delivered after the stop, and nothing of a paused group") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.machine->pause(rig.mail, true, rig.actions);
  rig.owe(1);
  rig.pump();
  const auto paused = rig.given(first);
  rig.machine->pause(rig.mail, false, rig.actions);
  rig.pump();
  const auto goes_on = rig.given(first);

  rig.distribution.stop();
  rig.owe(1);
  rig.pump();

  CHECK(paused.empty());
  CHECK(goes_on.size() == 1);
  CHECK(rig.given(first).empty());
}

TEST_CASE("what was taken and not delivered goes back at the stop") {
  DistributionRig rig({}, {.self = node_id(1), .event_bytes_max = 0});
  rig.executor(first, 9);
  rig.owe(2);
  rig.pump();
  const auto running = rig.machine->counts(rig.mail).running;

  rig.distribution.stop();
  rig.pump();

  CHECK(running == 2);
  CHECK(rig.machine->counts(rig.mail).running == 0);
}

TEST_CASE("people see who runs a group and where an obligation is") {
  DistributionRig rig;
  rig.executor(first, 3, 2);
  rig.owe(1);
  rig.pump();

  const auto runners = rig.distribution.runners(rig.mail);

  REQUIRE(runners.size() == 1);
  CHECK(runners[0].life == first);
  CHECK(runners[0].name == "node8");
  CHECK(runners[0].slots == 2);
  CHECK(runners[0].outstanding == 1);
  CHECK(runners[0].free == 2);
  CHECK(rig.distribution.outstanding(rig.mail) == 1);
  CHECK(rig.distribution.runs_elsewhere(rig.mail));
  const auto owed = rig.machine->find(WorkName{{node_id(1), 1, 1}, rig.hash, 0});
  REQUIRE(owed);
  CHECK(rig.distribution.where(*owed) == first);
}
