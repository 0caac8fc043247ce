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

TEST_CASE(
    "what a dead executor had is tried again elsewhere, as possible duplicates and one suspect at a time") {
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

TEST_CASE(
    "a life that was dead by our view goes on with the next number, and is asked what became of the others") {
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

  rig.distribution.on(rig.turn(), first, wire::WorkBeat{.received = 1, .open = {{1, 1}}});
  rig.distribution.on(rig.turn(), first, wire::Stale{{{node_id(1), 1, 1}, rig.hash, 0}, {1, node_id(5), 1}});
  rig.pump();

  CHECK(rig.distribution.outstanding() == 0);
  CHECK(rig.distribution.counters().overtaken == 1);
  CHECK(rig.said<wire::Retired>(first) == std::vector<wire::Retired>{{1, {}}});
  CHECK(rig.given(first).size() == 1);
}

TEST_CASE("what was lost on its way gives its credit back when it is unknown, though another answers for it") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(1);
  rig.pump();
  REQUIRE(rig.distribution.runners(rig.mail).at(0).free == 8);

  rig.distribution.on(rig.turn(), first, wire::Stale{{{node_id(1), 1, 1}, rig.hash, 0}, {1, node_id(5), 1}});
  rig.distribution.on(rig.turn(), first, wire::Unknown{{{1, 1}}});

  CHECK(rig.distribution.runners(rig.mail).at(0).free == 9);
}

TEST_CASE("what never came gives its credit back, though other work that another answers for came behind it") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(2);
  rig.pump();
  rig.beat(first, 2, {{2, 2}});
  const Custody another{1, node_id(5), 1};
  for (const std::uint64_t seq : {1, 2}) rig.machine->let_go({{node_id(1), 1, seq}, rig.hash, 0}, another, rig.log);

  rig.distribution.on(rig.turn(), first, wire::Stale{{{node_id(1), 1, 2}, rig.hash, 0}, another});
  CHECK(rig.distribution.outstanding() == 1);
  rig.distribution.on(rig.turn(), first, wire::Unknown{{{1, 1}}});

  CHECK(rig.distribution.outstanding() == 0);
  CHECK(rig.distribution.runners(rig.mail).at(0).free == 8);
}

TEST_CASE("what never came gives its credit back, though it came under another number and another answers for it") {
  DistributionRig rig;
  rig.executor(first, 9);
  rig.owe(1);
  rig.pump();
  rig.distribution.member_down(rig.turn(), first);
  rig.distribution.member_up(rig.turn(), first, "node8");
  rig.advance(1s);
  rig.advance(1s);
  REQUIRE(rig.given(first).back().number == 2);
  rig.beat(first, 2, {{2, 2}});
  const Custody another{1, node_id(5), 1};
  rig.machine->let_go({{node_id(1), 1, 1}, rig.hash, 0}, another, rig.log);

  rig.distribution.on(rig.turn(), first, wire::Stale{{{node_id(1), 1, 1}, rig.hash, 0}, another});
  rig.distribution.on(rig.turn(), first, wire::Unknown{{{1, 1}}});

  CHECK(rig.distribution.outstanding() == 0);
  CHECK(rig.distribution.runners(rig.mail).at(0).free == 8);
}
