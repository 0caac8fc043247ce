#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Failed;
using storage::Life;
using storage::Suspect;

namespace {

/// Fails the first attempt of one event and lets the wait pass: attempt 2 is announced and ready.
void announce_second(Rig& rig, GroupIndex group) {
  rig.accept({group});
  rig.write();
  rig.finish(rig.take_one(group), Ran::Ending::failed, "first");
  rig.advance(200ms);
}

std::vector<Flight> flights_of(const Rig& rig, const std::vector<Job>& jobs) {
  std::vector<Flight> flights;
  for (const Job& job : jobs) flights.push_back(rig.machine->flight(job.handle));
  return flights;
}

}  // namespace

TEST_CASE("what is owed is owed in the next life, in order and with its event", "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const GroupIndex other = rig.group("other");
  rig.accept({group, other});
  rig.accept({group});
  rig.write();
  rig.finish(rig.take_one(other));
  rig.write();

  rig.crash();
  rig.write();

  CHECK(rig.asked<Ready>().size() == 1);
  CHECK(rig.machine->group_count() == 2);
  CHECK(rig.machine->find("mail", *Group::parse("other")).has_value());
  const auto jobs = rig.take(rig.group("index"));
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].id.seq == 1);
  CHECK(jobs[0].event->bytes == "event");
  CHECK_FALSE(jobs[0].possibly_duplicate);
  CHECK(rig.take(rig.group("other")).empty());
}

TEST_CASE("nothing runs before the new life stands in the journal", "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();

  rig.crash();
  CHECK(rig.take(group).empty());
  rig.write();

  CHECK(rig.written_of<storage::Life>().back().epoch == 2);
  CHECK(rig.take(group).size() == 1);
}

TEST_CASE("what was running has failed once more, with its retry's wait", "[work][recovery]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  announce_second(rig, group);

  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.write();

  CHECK(rig.take(group).empty());
  const auto failed = rig.written_of<Failed>();
  REQUIRE(failed.size() == 2);
  CHECK(failed[1].attempt == 2);
  CHECK(failed[1].error == "the process ended while it ran");
  rig.advance(200ms);
  CHECK(rig.take(group).empty());
  rig.advance(200ms);
  const Job job = rig.take_one(group);
  CHECK(job.attempt == 3);
  CHECK(job.possibly_duplicate);
  CHECK(rig.machine->counters().duplicates_process_ended == 1);
}

TEST_CASE("an announced attempt that was not running keeps its number", "[work][recovery]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  announce_second(rig, group);

  rig.crash();
  group = rig.group("index");
  rig.write();

  const Job job = rig.take_one(group);
  CHECK(job.attempt == 2);
  CHECK_FALSE(job.possibly_duplicate);
  CHECK(rig.written_of<storage::Started>().size() == 1);
}

TEST_CASE("when nobody knows what ran, announced attempts are counted as made and all may be duplicates",
          "[work][recovery]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  announce_second(rig, group);
  rig.accept({group});
  rig.write();

  rig.crash(std::nullopt);
  group = rig.group("index");
  rig.write();

  const auto jobs = rig.take(group);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id.seq == 2);
  CHECK(jobs[0].attempt == 1);
  CHECK(jobs[0].possibly_duplicate);
  CHECK(rig.machine->counters().duplicates_unknown == 1);
  rig.advance(0s);
  CHECK(rig.written_of<Failed>().back().error == "the machine stopped; nobody knows whether it ran");
  rig.advance(1s);
  CHECK(rig.take_one(group).attempt == 3);
}

TEST_CASE("an announced attempt of which nobody knows is counted once, whatever comes between",
          "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  announce_second(rig, group);
  rig.crash(std::nullopt);
  rig.write();
  const Position keep = rig.log.begin();
  REQUIRE(rig.machine->carry(keep, 1 << 20, {}, rig.log));
  rig.sync();
  rig.drop(keep);

  rig.crash();
  rig.write();
  rig.advance(0s);

  CHECK(rig.take(rig.group("index")).empty());
  rig.advance(1s);
  CHECK(rig.take_one(rig.group("index")).attempt == 3);
}

TEST_CASE("doubt outlasts a further life", "[work][recovery]") {
  Rig rig;
  rig.accept({rig.group("index")});
  rig.write();
  rig.crash(std::nullopt);
  rig.accept({rig.group("index")});
  rig.write();

  rig.crash();
  rig.write();

  const auto jobs = rig.take(rig.group("index"));
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].possibly_duplicate);
  CHECK_FALSE(jobs[1].possibly_duplicate);
}

TEST_CASE("after a goodbye nothing is in doubt", "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  announce_second(rig, group);
  rig.machine->goodbye(rig.log);
  rig.write();

  rig.crash(std::nullopt);
  rig.sync();

  const Job job = rig.take_one(rig.group("index"));
  CHECK(job.attempt == 2);
  CHECK_FALSE(job.possibly_duplicate);
}

TEST_CASE("after a goodbye nothing runs before the new life is synced", "[work][recovery]") {
  Rig rig;
  rig.accept({rig.group("index")});
  rig.sync();
  rig.machine->goodbye(rig.log);
  rig.sync();
  rig.crash();
  rig.asked<Ready>();

  rig.write();
  CHECK(rig.take(rig.group("index")).empty());
  CHECK(rig.asked<Ready>().empty());
  rig.sync();
  CHECK(rig.asked<Ready>().size() == 1);
  CHECK(rig.take_one(rig.group("index")).attempt == 1);
  rig.power_cut();
  rig.sync();

  CHECK(rig.take_one(rig.group("index")).possibly_duplicate);
}

TEST_CASE("a waiting retry waits its whole time again in the next life", "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.finish(rig.take_one(group), Ran::Ending::failed, "no", 7s);
  rig.write();
  rig.advance(6s);

  rig.crash();
  rig.write();

  CHECK(rig.machine->next_deadline() == rig.now + 7s);
  rig.advance(7s);
  CHECK(rig.take_one(rig.group("index")).attempt == 2);
}

TEST_CASE("a group that nobody has declared yet is judged by the default policy, which has retries",
          "[work][recovery]") {
  Rig rig;
  const GroupIndex group = rig.group("index", policy(0));
  rig.accept({group});
  rig.write();

  rig.crash(flights_of(rig, rig.take(group)));
  rig.sync();

  CHECK(rig.asked<StoreLetter>().empty());
  CHECK(rig.machine->next_deadline().has_value());
}

TEST_CASE("a group declared before the journal is read keeps its policy", "[work][recovery]") {
  std::vector<std::pair<Position, std::string>> records;
  Flight flight;
  {
    Rig rig;
    const GroupIndex group = rig.group("index", policy(0));
    rig.accept({group});
    rig.write();
    flight = rig.machine->flight(rig.take_one(group).handle);
    records = rig.records;
  }
  Machine machine({.self = node_id(1), .epoch = 2});
  machine.group("mail", *Group::parse("index"), policy(0));
  storage::Commit log(records.back().first + 1000);
  Actions actions;

  for (const auto& [position, bytes] : records) REQUIRE(machine.replay(position, bytes));
  machine.recovered(MonoTime{}, wall(0), std::vector{flight}, log);
  machine.written(log.end(), actions);
  machine.synced(log.end(), actions);

  REQUIRE(actions.size() == 1);
  CHECK(std::get<StoreLetter>(actions[0]).attempts.back().error == "the process ended while it ran");
}

TEST_CASE("a flight whose end stands in the journal changes nothing", "[work][recovery]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();
  const auto jobs = rig.take(group);
  const auto flights = flights_of(rig, jobs);
  rig.finish(jobs[0]);
  rig.finish(jobs[1], Ran::Ending::failed);
  rig.write();

  rig.crash(flights);
  rig.write();

  CHECK(rig.written_of<Suspect>().empty());
  rig.advance(1s);
  const Job job = rig.take_one(rig.group("index"));
  CHECK(job.attempt == 2);
  CHECK_FALSE(job.possibly_duplicate);
}

TEST_CASE("the journal of another node is refused", "[work][recovery]") {
  Machine machine({.self = node_id(1)});
  std::string bytes;
  storage::encode_record(storage::Life{node_id(2), 1, false}, node_id(1), bytes);

  const auto replayed = machine.replay(48, bytes);

  REQUIRE_FALSE(replayed);
  CHECK(replayed.error().code == ErrorCode::storage);
  CHECK(replayed.error().message ==
        "the journal is that of node 00000000-0000-0000-0000-000000000002, not of "
        "00000000-0000-0000-0000-000000000001; put each node's own directory back in its place");
}

TEST_CASE("an undecodable record is named by its position", "[work][recovery]") {
  Machine machine({.self = node_id(1)});

  const auto replayed = machine.replay(48, "x");

  REQUIRE_FALSE(replayed);
  CHECK(replayed.error().code == ErrorCode::undecodable);
  CHECK(replayed.error().message == "a record of the journal: it is cut short (position 48)");
}
