#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Suspect;

namespace {

std::vector<Flight> flights_of(const Rig& rig, const std::vector<Job>& jobs) {
  std::vector<Flight> flights;
  for (const Job& job : jobs) flights.push_back(rig.machine->flight(job.handle));
  return flights;
}

}  // namespace

TEST_CASE("what was running becomes suspect, and one suspect runs at a time in the whole machine",
          "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  GroupIndex other = rig.group("other");
  rig.accept({group, other});
  rig.accept({group});
  rig.write();
  auto jobs = rig.take(group);
  for (const Job& job : rig.take(other)) jobs.push_back(job);

  rig.crash(flights_of(rig, jobs));
  group = rig.group("index");
  other = rig.group("other");
  rig.accept({group, other});
  rig.write();
  CHECK(rig.written_of<Suspect>().size() == 3);
  rig.advance(1s);
  rig.asked<Ready>();

  const auto first = rig.take(group);
  REQUIRE(first.size() == 2);
  CHECK(first[0].suspect);
  CHECK_FALSE(first[1].suspect);
  const auto second = rig.take(other);
  REQUIRE(second.size() == 1);
  CHECK_FALSE(second[0].suspect);

  rig.finish(first[0]);
  CHECK(rig.take(other).empty());  // its end is not written, so it still stands in the flight table
  rig.write();
  CHECK(rig.asked<Ready>().size() == 2);
  const auto third = rig.take(other);
  REQUIRE(third.size() == 1);
  CHECK(third[0].suspect);
  CHECK(rig.machine->flight(third[0].handle).suspect);
  CHECK(rig.take(group).empty());
}

TEST_CASE("a suspect that ran alone when the process ended again is condemned, others are not",
          "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();
  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.advance(1s);
  const auto jobs = rig.take(group);
  REQUIRE(jobs.size() == 2);
  REQUIRE(jobs[0].suspect);

  rig.crash(flights_of(rig, jobs));
  rig.sync();

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].id == jobs[0].id);
  CHECK(letters[0].attempts.back().error ==
        "crash: the process ended twice while it ran, the second time as the only suspect");
  CHECK(letters[0].attempts.size() == 2);
  CHECK(rig.machine->counters().quarantined == 1);
  rig.advance(10s);
  group = rig.group("index");
  const auto next = rig.take(group);
  REQUIRE(next.size() == 1);
  CHECK(next[0].suspect);
}

TEST_CASE(
    "what ended with its process remembers in its letter that it may have run, after a further crash too",
    "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.write();
  rig.advance(1s);
  rig.crash(flights_of(rig, rig.take(group)));  // condemned
  rig.write();

  rig.crash();
  rig.sync();

  CHECK(rig.asked<StoreLetter>().at(0).doubt == storage::Doubt::process_ended);
}

TEST_CASE("a suspect of which nobody knows whether it ran stays suspect", "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.write();
  rig.advance(1s);
  REQUIRE(rig.take_one(group).suspect);

  rig.crash(std::nullopt);
  rig.write();
  rig.advance(0s);
  rig.advance(1s);

  const Job job = rig.take_one(rig.group("index"));
  CHECK(job.attempt == 3);
  CHECK(job.suspect);
}

TEST_CASE("a suspect that fails or is done is cleared", "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.write();
  rig.advance(1s);
  rig.finish(rig.take_one(group), Ran::Ending::failed);
  rig.write();
  rig.advance(1s);

  const Job job = rig.take_one(group);
  CHECK_FALSE(job.suspect);
  CHECK(job.possibly_duplicate);
  CHECK(job.attempt == 3);
}

TEST_CASE("a suspect of an unknown type stays suspect and lets the next one run", "[work][suspect]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();
  rig.crash(flights_of(rig, rig.take(group)));
  group = rig.group("index");
  rig.write();
  rig.advance(1s);
  const Job first = rig.take_one(group);
  rig.finish(first, Ran::Ending::unknown_type);

  const Job second = rig.take_one(group);
  CHECK(second.suspect);
  CHECK(second.handle != first.handle);
  rig.finish(second);
  rig.advance(2s);
  CHECK(rig.take_one(group).suspect);
}
