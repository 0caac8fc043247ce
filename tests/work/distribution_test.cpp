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
using Ranges = std::vector<NumberRange>;

std::vector<Ranges> asked_about(DistributionRig& rig, const Life& who) {
  std::vector<Ranges> found;
  for (const auto& it : rig.said<wire::Query>(who)) found.push_back(it.numbers);
  return found;
}

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

TEST_CASE("what is done is over, and RETIRED is said when its record is safe") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(3);
  rig.pump();

  rig.verdict(first, 2, WorkEnding::done);
  const auto early = rig.said<wire::Retired>(first);
  rig.settle();
  const auto one = rig.said<wire::Retired>(first);
  rig.verdict(first, 1, WorkEnding::done);
  rig.settle();
  const auto both = rig.said<wire::Retired>(first);

  CHECK(early.empty());
  CHECK(one == std::vector<wire::Retired>{{0, {{2, 2}}}});
  CHECK(both == std::vector<wire::Retired>{{2, {}}});
  CHECK(rig.machine->owed_count() == 1);
  CHECK(rig.distribution.counters().done == 2);
}

TEST_CASE("a verdict that is said again is retired again, and a verdict of nothing is counted") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(2);
  rig.pump();
  rig.verdict(first, 1, WorkEnding::done);
  rig.verdict(first, 1, WorkEnding::done);
  CHECK(rig.said<wire::Retired>(first).empty());
  rig.settle();
  static_cast<void>(rig.said<wire::Retired>(first));

  rig.verdict(first, 1, WorkEnding::done);
  rig.verdict(first, 99, WorkEnding::done);

  CHECK(rig.said<wire::Retired>(first) == std::vector<wire::Retired>{{1, {}}});
  CHECK(rig.distribution.counters().verdicts_unasked == 3);
  CHECK(rig.machine->counters().done == 1);
}

TEST_CASE("what failed is tried again under a new number, and the history says where") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();
  static_cast<void>(rig.given(first));

  rig.verdict(first, 1, WorkEnding::failed, "no");
  rig.advance(1s);

  CHECK(rig.given(first) == Given{{2, 1, 2}});
  const auto failed = rig.written_of<storage::Failed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].node == node_id(8));
}

TEST_CASE("what is refused goes to the dead letters") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();

  rig.verdict(first, 1, WorkEnding::refused, "never");
  rig.sync();

  CHECK(rig.asked<StoreLetter>().size() == 1);
}

TEST_CASE("what is given back goes elsewhere as the same attempt") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.executor(second, 3);

  rig.verdict(first, 1, WorkEnding::given_back);

  CHECK(rig.given(second) == Given{{1, 1, 1}});
  CHECK(rig.said<wire::Retired>(first) == std::vector<wire::Retired>{{1, {}}});
}

TEST_CASE("who gave back has some time before it gets more") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();
  static_cast<void>(rig.given(first));

  rig.verdict(first, 1, WorkEnding::given_back);
  const auto at_once = rig.given(first);
  CHECK(*rig.distribution.next_deadline() == rig.now + 100ms);
  rig.advance(100ms);

  CHECK(at_once.empty());
  CHECK(rig.given(first) == Given{{2, 1, 1}});
}

TEST_CASE("a type that is unknown at one executor runs at another, as the same attempt") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.executor(second, 3);

  rig.verdict(first, 1, WorkEnding::unknown_type);
  const auto elsewhere = rig.given(second);
  rig.owe(4);
  rig.owe(2, event_of_type("B"));
  rig.pump();

  CHECK(elsewhere == Given{{1, 1, 1}});
  CHECK(rig.given(first) == Given{{2, 6, 1}, {3, 7, 1}});
  CHECK(rig.given(second) == Given{{2, 2, 1}, {3, 3, 1}});
  CHECK(rig.machine->counters().failed == 0);
}

TEST_CASE("what no known executor knows the type of waits") {
  DistributionRig rig;
  rig.executor(first, 3);
  rig.owe(1);
  rig.pump();

  rig.verdict(first, 1, WorkEnding::unknown_type);
  static_cast<void>(rig.given(first));
  rig.advance(500ms);
  const auto early = rig.given(first);
  rig.runs(first, 2);
  rig.advance(1min);

  CHECK(early.empty());
  CHECK(rig.machine->counters().unknown_type == 1);
  CHECK(rig.given(first) == Given{{2, 1, 1}});
}

TEST_CASE("after a minute an executor is tried again with a type it did not know") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(1);
  rig.pump();
  rig.verdict(first, 1, WorkEnding::unknown_type);
  static_cast<void>(rig.given(first));

  rig.advance(59s);
  const auto early = rig.given(first);
  rig.advance(2min);

  CHECK(early.empty());
  CHECK(rig.given(first).size() == 1);
}

TEST_CASE("what never arrived is delivered again as the same attempt, and costs no credit") {
  DistributionRig rig;
  rig.executor(first, 2);
  rig.owe(3);
  rig.pump();
  static_cast<void>(rig.given(first));

  rig.distribution.on(rig.turn(), first, wire::Unknown{{{2, 7}}});
  rig.pump();

  CHECK(rig.given(first) == Given{{3, 2, 1}});
  CHECK(rig.distribution.counters().fenced == 1);
}

TEST_CASE("what arrived and is neither open nor has a verdict is asked about") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(5);
  rig.pump();
  rig.verdict(first, 1, WorkEnding::done);

  rig.beat(first, 4, {{3, 3}});

  CHECK(asked_about(rig, first) == std::vector<Ranges>{{{2, 2}, {4, 4}}});
}

TEST_CASE("what did not arrive is asked about when nothing arrives for two beats") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(2);
  rig.pump();

  rig.advance(600ms);
  rig.beat(first, 0);
  const auto early = asked_about(rig, first);
  rig.advance(500ms);
  rig.beat(first, 1, {{1, 1}});
  const auto goes_on = asked_about(rig, first);
  rig.advance(500ms);
  rig.beat(first, 1, {{1, 1}});
  rig.advance(500ms);
  rig.beat(first, 1, {{1, 1}});

  CHECK(early.empty());
  CHECK(goes_on.empty());
  CHECK(asked_about(rig, first) == std::vector<Ranges>{{{2, 2}}});
}

TEST_CASE("silence is asked about, and nothing runs twice for it") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(2);
  rig.pump();
  rig.executor(second, 5);

  rig.advance(2'900ms);
  const auto early = asked_about(rig, first);
  rig.advance(100ms);
  const auto asked = asked_about(rig, first);
  rig.advance(500ms);
  const auto at_once = asked_about(rig, first);
  rig.advance(500ms);

  CHECK(early.empty());
  CHECK(asked == std::vector<Ranges>{{{1, 2}}});
  CHECK(at_once.empty());
  CHECK(asked_about(rig, first).size() == 1);
  CHECK(rig.given(second).empty());
}

TEST_CASE("what a dead executor had is tried again elsewhere, as possible duplicates and one suspect at a time") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(2);
  rig.pump();
  rig.executor(second, 5);

  rig.distribution.member_down(rig.turn(), first);
  rig.advance(1s);
  const auto one = rig.given(second);
  rig.verdict(second, 1, WorkEnding::done);
  rig.settle();

  CHECK(one == Given{{1, 1, 2, true, true}});
  CHECK(rig.given(second) == Given{{2, 2, 2, true, true}});
  CHECK(rig.distribution.counters().lost == 2);
  const auto failed = rig.written_of<storage::Failed>();
  REQUIRE(failed.size() == 2);
  CHECK(failed[0].node == node_id(8));
  CHECK(failed[0].error.find("node8") != std::string::npos);
}

TEST_CASE("a suspect does not go where it was while another runs the group") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(1);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.distribution.life_ended(rig.turn(), first);
  rig.executor(second, 1);
  rig.executor(life(8, 2), 100);

  rig.advance(1s);

  CHECK(rig.given(life(8, 2)).empty());
  CHECK(rig.given(second) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a suspect goes where it was when nobody else runs the group") {
  DistributionRig rig;
  rig.executor(first, 5);
  rig.owe(1);
  rig.pump();
  rig.distribution.life_ended(rig.turn(), first);
  rig.executor(life(8, 2), 5);

  rig.advance(1s);

  CHECK(rig.given(life(8, 2)) == Given{{1, 1, 2, true, true}});
}

TEST_CASE("a life that was dead by our view goes on with the next number, and is asked what became of the others") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(3);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.distribution.member_down(rig.turn(), first);

  rig.distribution.member_up(rig.turn(), first, "node8");
  const auto asked = asked_about(rig, first);
  rig.owe(1);
  rig.pump();

  CHECK(asked == std::vector<Ranges>{{{1, 3}}});
  CHECK(rig.given(first) == Given{{4, 4, 1}});
}

TEST_CASE("what was done by who seemed dead is done, and what it still has is retired") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(3);
  rig.pump();
  static_cast<void>(rig.given(first));
  rig.distribution.member_down(rig.turn(), first);
  rig.distribution.member_up(rig.turn(), first, "node8");

  rig.verdict(first, 1, WorkEnding::done);
  rig.beat(first, 2, {{2, 2}});
  rig.distribution.on(rig.turn(), first, wire::Unknown{{{3, 3}}});
  rig.settle();

  CHECK(rig.machine->counters().done == 1);
  CHECK(rig.machine->owed_count() == 2);
  const auto retired = rig.said<wire::Retired>(first);
  REQUIRE(!retired.empty());
  CHECK(retired.back().through == 3);
  CHECK(rig.distribution.outstanding() == 0);
  CHECK(rig.distribution.runners(rig.mail).at(0).free == 7);
}

TEST_CASE("what another answers for is over here") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(1);
  rig.pump();

  rig.distribution.on(rig.turn(), first,
                      wire::Stale{{{node_id(1), 1, 1}, rig.hash, 0}, {1, node_id(5), 1}});
  rig.pump();

  CHECK(rig.distribution.outstanding() == 0);
  CHECK(rig.distribution.counters().overtaken == 1);
  CHECK(rig.said<wire::Retired>(first) == std::vector<wire::Retired>{{1, {}}});
  CHECK(rig.given(first).size() == 1);
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
