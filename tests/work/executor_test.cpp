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

TEST_CASE("what is delivered runs here and its verdict is said") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});

  const auto jobs = node.take();
  node.finish(jobs.at(0), {Ran::Ending::failed, "no", 50ms, {}});

  CHECK(node.ready() == 1);
  CHECK(jobs[0].foreign);
  CHECK(is_foreign(jobs[0].handle));
  CHECK(jobs[0].id == work_name(10).id);
  CHECK(jobs[0].group == group);
  CHECK(jobs[0].event->bytes == "event");
  CHECK(jobs[0].flight() == Flight{work_name(10).id, group_hash, 0, 1, false});
  const auto said = node.said<wire::Verdicts>(owner);
  REQUIRE(said.size() == 1);
  CHECK(said[0].verdicts == std::vector<wire::WorkVerdict>{{1, WorkEnding::failed, 50ms, "no"}});
}

TEST_CASE("a number that comes twice runs once, and its end is said again") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.deliver(owner, 1, {node.delivery(10)});
  const auto jobs = node.take();
  node.finish(jobs.at(0));
  static_cast<void>(node.verdicts(owner));

  node.deliver(owner, 1, {node.delivery(10)});

  CHECK(jobs.size() == 1);
  CHECK(node.take().empty());
  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::done}});
  CHECK(node.executor.counters().repeated == 2);
}

TEST_CASE("the end of what was taken back when it had run is said all the same, until it is retired again") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  const auto jobs = node.take();
  node.executor.finished(node.turn(), jobs.at(0).handle, {});

  node.retire(owner, 0, {{1, 1}});
  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::done}});
  node.retire(owner, 0, {{1, 1}});
  node.advance(10s);

  CHECK(node.verdicts(owner).empty());
}

TEST_CASE("a number that is asked about and never came is refused when it comes late") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});

  node.query(owner, {{1, 3}});
  node.deliver(owner, 2, {node.delivery(11), node.delivery(12), node.delivery(13)});

  const auto unknown = node.said<wire::Unknown>(owner);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].numbers == std::vector<NumberRange>{{2, 3}});
  CHECK(node.executor.counters().over == 2);
  const auto jobs = node.take();
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].id.seq == 10);
  CHECK(jobs[1].id.seq == 13);
}

TEST_CASE("a question is answered by the verdict or by what is open") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12)});
  const auto jobs = node.take(2);
  node.finish(jobs.at(0));
  static_cast<void>(node.verdicts(owner));

  node.query(owner, {{1, 3}});

  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::done}});
  const auto beats = node.said<wire::WorkBeat>(owner);
  REQUIRE(beats.size() == 1);
  CHECK(beats[0].received == 3);
  CHECK(beats[0].open == std::vector<NumberRange>{{2, 3}});
  CHECK(node.said<wire::Unknown>(owner).empty());
}

TEST_CASE("a question about all numbers there are costs one range") {
  ExecutorRig node;
  node.deliver(owner, 5, {node.delivery(10)});

  node.query(owner, {{1, ~std::uint64_t{0}}});

  const auto unknown = node.said<wire::Unknown>(owner);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].numbers == std::vector<NumberRange>{{1, 4}, {6, ~std::uint64_t{0}}});
}

TEST_CASE("a verdict is said again until it is retired, and then forgotten") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.finish(node.take().at(0));
  static_cast<void>(node.verdicts(owner));

  node.advance(500ms);
  const auto soon = node.verdicts(owner);
  node.advance(2s);
  const auto later = node.verdicts(owner);
  node.retire(owner, 1);
  node.advance(3s);
  const auto retired = node.verdicts(owner);
  node.deliver(owner, 1, {node.delivery(10)});

  CHECK(soon.empty());
  CHECK(later == Verdicts{{1, WorkEnding::done}});
  CHECK(retired.empty());
  CHECK(node.take().empty());
  CHECK(node.executor.custodians().at(0).verdicts == 0);
}

TEST_CASE("what is retired before it ran does not run, and what runs has no verdict") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  const auto jobs = node.take(1);

  node.retire(owner, 0, {{1, 2}});
  node.finish(jobs.at(0));

  CHECK(node.take().empty());
  CHECK(node.verdicts(owner).empty());
  CHECK(node.executor.counters().dropped == 1);
  CHECK(node.executor.custodians().at(0).verdicts == 0);
  CHECK(node.executor.running() == 0);
}

TEST_CASE("credit is the slots at first, and so much more than what has ended as keeps short runs busy") {
  ExecutorRig node;
  node.executor.member_up(node.turn(), life(3));
  node.pump();
  CHECK(node.credit(life(3)) == 4);
  static_cast<void>(node.said<wire::Credit>(owner));

  node.run_one(owner, 1, 1ms);

  CHECK(node.credit(owner) == 1 + 4 + 128);
}

TEST_CASE("the shorter runs are, the more of them are under way, to a bound") {
  ExecutorRig node;

  node.run_one(owner, 1, 250us);
  CHECK(node.credit(owner) == 1 + 4 + 4 * 128);

  for (std::uint64_t number = 2; number < 30; ++number) node.run_one(owner, number, 1us);
  node.advance(5s);
  CHECK(node.credit(owner) == 29 + 4 + 1'024);
}

TEST_CASE("runs of a tenth of a second need no more than the slots") {
  ExecutorRig node;

  node.run_one(owner, 1, 100ms);

  CHECK(node.credit(owner) == 1 + 4);
}

TEST_CASE("runs of ten milliseconds get half of what short ones get") {
  ExecutorRig node;

  node.run_one(owner, 1, 10ms);

  CHECK(node.credit(owner) == 1 + 4 + 64);
}

TEST_CASE("credit is shared by custodians that have something open") {
  ExecutorRig node;
  node.run_one(owner, 1, 1ms);
  node.deliver(owner, 2, {node.delivery(11), node.delivery(12)});
  node.deliver(other, 1, {node.delivery(20, {0, node_id(2), 1})});
  static_cast<void>(node.credit(owner));

  node.finish(node.take().at(1));
  node.advance(500ms);

  CHECK(node.executor.custodians().size() == 2);
  CHECK(node.credit(other) == 1 + (4 + 128) / 2);
}

TEST_CASE("who does not retire verdicts gets no more credit at the bound") {
  ExecutorRig node({.verdicts_max = 2});
  node.run_one(owner, 1, 1ms);
  node.run_one(owner, 2, 1ms);
  const auto before = node.credit(owner);

  node.run_one(owner, 3, 1ms);
  node.advance(500ms);
  const auto at_bound = node.credit(owner);
  node.retire(owner, 3);
  node.advance(500ms);

  CHECK(before == 1 + 132);
  CHECK(at_bound == before);
  CHECK(node.credit(owner) == 3 + 132);
}

TEST_CASE("custodians have their turns") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12)});
  node.deliver(other, 1, {node.delivery(20, {0, node_id(2), 1}), node.delivery(21, {0, node_id(2), 1})});

  std::vector<std::uint64_t> order;
  for (const Job& job : node.take()) order.push_back(job.id.seq);

  CHECK(order == std::vector<std::uint64_t>{10, 20, 11, 21, 12});
}

TEST_CASE("a suspect runs as the only one, whoever owes it") {
  ExecutorRig node;
  auto first = node.delivery(10);
  auto second = node.delivery(20, {0, node_id(2), 1});
  first.suspect = second.suspect = true;
  node.deliver(owner, 1, {first});
  node.deliver(other, 1, {second});

  const auto jobs = node.take();
  node.actions.clear();
  node.finish(jobs.at(0));

  CHECK(jobs.size() == 1);
  CHECK(jobs[0].suspect);
  CHECK(node.ready() == 1);
  CHECK(node.take().size() == 1);
}

TEST_CASE("a suspect is left where it is when none may run") {
  ExecutorRig node;
  auto suspect = node.delivery(10);
  suspect.suspect = true;
  node.deliver(owner, 1, {suspect, node.delivery(11)});

  std::vector<Job> jobs;
  node.executor.take(node.now, group, 100, jobs, false);

  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id.seq == 11);
  CHECK(node.take().size() == 1);
}

TEST_CASE("what was taken and is not started is the next again") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  const auto jobs = node.take(1);

  node.executor.give_back(node.turn(), jobs.at(0).handle);

  const auto again = node.take(1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].id.seq == 10);
}

TEST_CASE("a group that ends here gives back what is queued and ends what runs") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  const auto jobs = node.take(1);

  node.executor.runs(node.turn(), group, group_hash, 0);
  node.pump();
  const auto given_back = node.verdicts(owner);
  const auto runs = node.said<wire::Runs>(owner);
  node.finish(jobs.at(0));
  node.deliver(owner, 3, {node.delivery(12)});

  CHECK(given_back == Verdicts{{2, WorkEnding::given_back}});
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].entries.empty());
  CHECK(runs[0].version == 2);
  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::done}, {3, WorkEnding::given_back}});
}

TEST_CASE("a group that ends here gives back its suspects, also while another one runs") {
  ExecutorRig node;
  auto first = node.delivery(10);
  auto second = node.delivery(11);
  first.suspect = second.suspect = true;
  node.deliver(owner, 1, {first, second});
  REQUIRE(node.take().size() == 1);

  node.executor.runs(node.turn(), group, group_hash, 0);
  node.pump();

  CHECK(node.verdicts(owner) == Verdicts{{2, WorkEnding::given_back}});
}

TEST_CASE("who leaves gives everything back and takes nothing on") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});

  node.executor.leave(node.turn());
  node.deliver(owner, 2, {node.delivery(11)});
  node.executor.runs(node.turn(), group, group_hash, 4);
  node.pump();

  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::given_back}, {2, WorkEnding::given_back}});
  CHECK(node.take().empty());
}

TEST_CASE("more bytes than may wait go back") {
  ExecutorRig node({.queued_bytes_max = 10});
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12)});

  CHECK(node.verdicts(owner) == Verdicts{{3, WorkEnding::given_back}});
  CHECK(node.take().size() == 2);
  CHECK(node.executor.counters().over_bytes == 1);
}

TEST_CASE("so many holes are remembered, and beyond that the lowest are refused") {
  ExecutorRig node({.fences_max = 2});
  for (const std::uint64_t number : {1, 3, 5, 7}) {
    node.deliver(owner, number, {node.delivery(number)});
    node.finish(node.take().at(0));
    node.retire(owner, 0, {{number, number}});
  }

  node.deliver(owner, 2, {node.delivery(2)});
  node.deliver(owner, 6, {node.delivery(6)});

  CHECK(node.executor.counters().fenced_at_bound == 2);
  const auto jobs = node.take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id.seq == 6);
}

TEST_CASE("a custodian with something open hears a beat each half second") {
  ExecutorRig node;
  node.executor.groups_digest(0xabc);
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11), node.delivery(12)});
  node.finish(node.take(2).at(1));

  node.advance(500ms);

  CHECK(node.said<wire::WorkBeat>(owner) == std::vector<wire::WorkBeat>{{3, {{1, 1}, {3, 3}}, 0xabc, 1, 3'600'500, 0}});
  CHECK(*node.executor.next_deadline() == node.now + 500ms);
}

TEST_CASE("others hear a beat each 750 ms, and all that may have been lost each five seconds") {
  ExecutorRig node;
  node.advance(500ms);
  node.frames.clear();

  node.advance(740ms);
  const auto early = node.said<wire::WorkBeat>(owner);
  node.advance(10ms);
  const auto beats = node.said<wire::WorkBeat>(owner);
  const auto runs = node.said<wire::Runs>(owner);
  node.advance(3'750ms);

  CHECK(early.empty());
  CHECK(beats.size() == 1);
  CHECK(runs.empty());
  CHECK(node.said<wire::Runs>(owner).size() == 1);
  CHECK(node.credit(owner) == 4);
}

TEST_CASE("who comes back hears everything anew") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  node.executor.member_down(owner);
  node.finish(node.take().at(0));
  CHECK(node.verdicts(owner).empty());

  node.executor.member_up(node.turn(), owner);
  node.pump();

  CHECK(node.verdicts(owner) == Verdicts{{1, WorkEnding::done}});
  CHECK(node.said<wire::Runs>(owner).size() == 1);
  CHECK(node.credit(owner) > 0);
}

TEST_CASE("what waits here while its custodian is down may be a duplicate when it runs") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10), node.delivery(11)});
  const auto before = node.take(1);

  node.executor.member_down(owner);

  const auto after = node.take(1);
  CHECK_FALSE(before.at(0).possibly_duplicate);
  CHECK(after.at(0).possibly_duplicate);
}

TEST_CASE("handles of what has ended mean nothing") {
  ExecutorRig node;
  node.deliver(owner, 1, {node.delivery(10)});
  const auto jobs = node.take();
  node.finish(jobs.at(0));
  node.retire(owner, 1);
  node.deliver(owner, 2, {node.delivery(11)});
  static_cast<void>(node.verdicts(owner));
  const auto next = node.take();

  node.finish(jobs.at(0));

  CHECK(next.at(0).handle != jobs.at(0).handle);
  CHECK(node.verdicts(owner).empty());
  CHECK(node.executor.running() == 1);
}
