#include <catch2/catch.hpp>

#include <algorithm>

#include "core_copies_rig.hpp"
#include "distribution_rig.hpp"

// What may have ended its owner, and what only waited there.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

std::set<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::set<std::uint64_t> all;
  while (first <= last) all.insert(first++);
  return all;
}

std::size_t suspects(const std::vector<Job>& jobs) {
  return static_cast<std::size_t>(std::ranges::count_if(jobs, &Job::suspect));
}

}  // namespace

TEST_CASE("what a dead owner took first of a group is suspect, as many as it had places and sixteen", "[work][core]") {
  CoreMesh mesh = of(3);
  CoreNode& heir = mesh[heir_of(mesh, 1)];
  mesh[1].runs(2);
  mesh.run(100ms);
  for (int number = 0; number < 25; ++number) mesh[1].accept();
  mesh.run(100ms);

  mesh.kill(1);
  mesh.run(4s);

  const auto jobs = heir.take();
  CHECK(suspects(jobs) == 1);  // of eighteen, one at a time
  auto expected = numbers(19, 25);
  expected.insert(1);
  CHECK(seqs(jobs) == expected);
}

TEST_CASE("what waited at a dead owner that did not run the group is not suspect", "[work][core]") {
  CoreMesh mesh = of(3);
  CoreNode& heir = mesh[heir_of(mesh, 1)];
  for (int number = 0; number < 25; ++number) mesh[1].accept();
  mesh.run(100ms);

  mesh.kill(1);
  mesh.run(4s);

  const auto jobs = heir.take();
  CHECK(jobs.size() == 25);
  CHECK(suspects(jobs) == 0);
}

TEST_CASE("what waited elsewhere when its owner died is not suspect", "[work][core]") {
  CoreMesh mesh = of(3);
  const std::uint8_t heir = heir_of(mesh, 1);
  CoreNode& third = mesh[static_cast<std::uint8_t>(5 - heir)];
  mesh[1].runs(2);
  third.runs(5);
  mesh.run(100ms);
  for (int number = 0; number < 3; ++number) mesh[1].accept();
  mesh.run(1s);  // nobody on node 1 comes for them

  mesh.kill(1);
  mesh.run(4s);

  const auto jobs = third.take();
  CHECK(jobs.size() == 3);
  CHECK(suspects(jobs) == 0);
}

TEST_CASE("after an orderly end nothing is suspect", "[work][core]") {
  CoreMesh mesh = of(3);
  CoreNode& heir = mesh[heir_of(mesh, 1)];
  mesh[1].runs(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].machine().goodbye(mesh[1].log);
  mesh.run(100ms);

  mesh.kill(1);
  mesh.run(4s);

  const auto jobs = heir.take();
  CHECK(jobs.size() == 1);
  CHECK(suspects(jobs) == 0);
}

TEST_CASE("who adopts a suspect lets another run it, and condemns it when that one ends", "[work][core]") {
  CoreMesh mesh = of(3);
  const std::uint8_t heir = heir_of(mesh, 1);
  const auto third = static_cast<std::uint8_t>(5 - heir);
  for (std::uint8_t number = 1; number <= 3; ++number) mesh[number].runs(2);
  mesh.run(100ms);
  mesh[1].accept();
  mesh[1].write();
  REQUIRE(mesh[1].take().size() == 1);
  mesh.run(100ms);

  mesh.kill(1);
  std::vector<Job> here;
  for (int step = 0; step < 6'000; ++step) {
    mesh.run(1ms);
    for (const Job& job : mesh[heir].take()) here.push_back(job);
  }
  CHECK(here.empty());
  const auto jobs = mesh[third].take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].suspect);
  mesh.kill(third);
  mesh.run(40s);

  REQUIRE(mesh[heir].letters.size() == 1);
  CHECK(mesh[heir].letters[0].attempts.back().error.find("a node ended twice while it ran") != std::string::npos);
}

TEST_CASE("a suspect is for runners here again when nobody else is left", "[work][distribution]") {
  DistributionRig rig;
  rig.executor(life(8), 5);
  rig.owe(1);
  rig.pump();
  rig.distribution.local(rig.mail, 2);
  rig.executor(life(9), 0);
  rig.distribution.life_ended(rig.turn(), life(8));
  rig.advance(1s);
  CHECK(rig.distribution.suspect_goes_away(rig.mail));

  rig.distribution.life_ended(rig.turn(), life(9));

  CHECK_FALSE(rig.distribution.suspect_goes_away(rig.mail));
}
