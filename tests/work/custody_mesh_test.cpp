#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include "copies_rig.hpp"

// Three nodes with their copies: what one of them accepted is carried on by the others.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

Mesh three(std::uint32_t copies = 2) {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 3; ++number) mesh.add(number, copies);
  mesh.link(1, 2);
  mesh.link(2, 3);
  mesh.link(1, 3);
  mesh.run(100ms);
  return mesh;
}

/// The guardians of a node, by their numbers.
std::vector<std::uint8_t> guardians(MeshNode& node) {
  std::vector<std::uint8_t> numbers;
  for (const auto& each : node.copies->guardians()) {
    if (each.whole) numbers.push_back(each.life.id.bytes[15]);
  }
  return numbers;
}

std::set<std::uint64_t> seqs(const std::vector<Job>& jobs) {
  std::set<std::uint64_t> numbers;
  for (const Job& job : jobs) numbers.insert(job.id.seq);
  return numbers;
}

/// Node 1 accepts five events and dies; who takes over, and who guards that one.
std::pair<std::uint8_t, std::uint8_t> inherited(Mesh& mesh) {
  for (int i = 0; i < 5; ++i) mesh[1].accept();
  mesh.run(100ms);
  const std::uint8_t first = guardians(mesh[1])[0];
  mesh.kill(1);
  mesh.run(4s);
  return {first, static_cast<std::uint8_t>(5 - first)};
}

}  // namespace

TEST_CASE("a killed owner's obligations are adopted, exactly those that were held", "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 10; ++i) owner.accept();
  mesh.run(100ms);
  auto jobs = owner.take(4);
  for (const Job& job : jobs) owner.finish(job);
  mesh.run(100ms);
  REQUIRE(owner.copies->safe() == owner.synced);
  REQUIRE(guardians(owner).size() == 1);
  MeshNode& heir = mesh[guardians(owner)[0]];

  mesh.kill(1);
  mesh.run(900ms);
  CHECK(heir.take().empty());
  mesh.run(3s);

  const auto adopted = heir.take();
  CHECK(seqs(adopted) == std::set<std::uint64_t>{5, 6, 7, 8, 9, 10});
  for (const Job& job : adopted) {
    CHECK(job.possibly_duplicate);
    CHECK(heir.machine->custody(job.handle) == Custody{1, heir.life().id, 1});
  }
  CHECK(mesh[5 - guardians(owner)[0]].take().empty());
}

TEST_CASE("an owner that comes back lets go of what was adopted", "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 5; ++i) owner.accept();
  mesh.run(100ms);
  MeshNode& heir = mesh[guardians(owner)[0]];
  mesh.kill(1);
  mesh.run(4s);
  REQUIRE(heir.machine->owed_count() == 5);

  mesh.revive(1);
  CHECK(owner.machine->owed_count() == 5);
  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.run(3s);

  CHECK(owner.machine->owed_count() == 0);
  CHECK(owner.take().empty());
  CHECK(heir.take().size() == 5);
  // It is known for good: the heir remembers nothing, and a further life of the owner owes nothing.
  mesh.kill(1);
  mesh.revive(1, true);
  CHECK(owner.machine->owed_count() == 0);
}

TEST_CASE("an owner that comes back in time runs its own, and nobody adopts", "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 5; ++i) owner.accept();
  mesh.run(100ms);

  mesh.kill(1);
  mesh.run(500ms);
  mesh.revive(1);
  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.run(4s);

  CHECK(owner.take().size() == 5);
  CHECK(mesh[2].machine->owed_count() == 0);
  CHECK(mesh[3].machine->owed_count() == 0);
  CHECK(guardians(owner).size() == 1);
}

TEST_CASE("an heir that dies, too, is inherited from", "[work][custody]") {
  Mesh mesh = three();
  const auto [first, second] = inherited(mesh);
  REQUIRE(guardians(mesh[first]) == std::vector<std::uint8_t>{second});

  mesh.kill(first);
  mesh.run(4s);

  const auto handle = mesh[second].machine->find({{node_id(1), 1, 3}, storage::group_hash("mail", "index"), 0});
  REQUIRE(handle);
  CHECK(mesh[second].machine->custody(*handle) == Custody{2, node_id(second), 1});
  CHECK(mesh[second].machine->owed_count() == 5);
}

TEST_CASE("an heir that was inherited from lets go when it is back, though the owner was back before", "[work][custody]") {
  Mesh mesh = three();
  const auto [first, second] = inherited(mesh);
  mesh.kill(first);
  mesh.run(4s);
  REQUIRE(mesh[second].machine->owed_count() == 5);
  mesh.revive(1);
  mesh.link(1, second);
  mesh.run(6s);
  REQUIRE(mesh[1].machine->owed_count() == 0);
  for (const Job& job : mesh[second].take()) mesh[second].finish(job);
  mesh.run(1s);

  mesh.revive(first);
  mesh.link(first, second);
  mesh.run(500ms);

  CHECK(mesh[first].machine->owed_count() == 0);
}

TEST_CASE("an heir that restarts in the middle loses nothing and revives nothing", "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 5; ++i) owner.accept();
  mesh.run(100ms);
  const std::uint8_t first = guardians(owner)[0];
  mesh.kill(1);
  mesh.run(1100ms);
  REQUIRE(mesh[first].machine->owed_count() == 5);

  mesh.kill(first);
  mesh.revive(first, true);
  mesh.link(first, static_cast<std::uint8_t>(5 - first));
  mesh.run(5s);

  const auto jobs = mesh[first].take();
  CHECK(seqs(jobs) == std::set<std::uint64_t>{1, 2, 3, 4, 5});
  for (const Job& job : jobs) mesh[first].finish(job);
  mesh.run(40s);
  CHECK(mesh[2].machine->owed_count() == 0);
  CHECK(mesh[3].machine->owed_count() == 0);
}

TEST_CASE("an owner cut off and believed dead lets go when it is heard again, and keeps what is new",
          "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 3; ++i) owner.accept();
  mesh.run(100ms);
  MeshNode& heir = mesh[guardians(owner)[0]];
  mesh.cut(1, 2);
  mesh.cut(1, 3);
  for (std::uint8_t other : {2, 3}) {
    mesh[other].member_down(owner.life());
    owner.member_down(mesh[other].life());
  }
  owner.accept();
  mesh.run(200ms);
  owner.finish(owner.take(1).at(0));
  mesh.run(4s);
  REQUIRE(heir.machine->owed_count() == 3);

  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.run(4s);

  // 1 was done by the owner, 2 and 3 are the heir's now, 4 stays.
  CHECK(owner.machine->owed_count() == 1);
  CHECK(seqs(owner.take()) == std::set<std::uint64_t>{4});
  CHECK(seqs(heir.take()) == std::set<std::uint64_t>{2, 3});
}

TEST_CASE("what an executor runs for the dead owner is leased there, and what it has done is done",
          "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 3; ++i) owner.accept();
  mesh.run(100ms);
  const std::uint8_t first = guardians(owner)[0];
  MeshNode& executor = mesh[static_cast<std::uint8_t>(5 - first)];
  const auto name = [](std::uint64_t seq) {
    return WorkName{{node_id(1), 1, seq}, storage::group_hash("mail", "index"), 0};
  };
  executor.executor_knows = {{name(1), wire::WorkState::running, 1, {}}, {name(2), wire::WorkState::done, 1, {}}};

  mesh.kill(1);
  mesh.run(4s);

  REQUIRE(mesh[first].leases.size() == 1);
  CHECK(mesh[first].leases[0].first == name(1));
  CHECK(mesh[first].leases[0].second == executor.life());
  CHECK(seqs(mesh[first].take()) == std::set<std::uint64_t>{3});
}

TEST_CASE("with two guardians one adopts, and the other keeps its copy until that is safe", "[work][custody]") {
  Mesh mesh = three(3);
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 5; ++i) owner.accept();
  mesh.run(200ms);
  REQUIRE(guardians(owner).size() == 2);

  mesh.kill(1);
  mesh.run(6s);

  CHECK(mesh[2].machine->owed_count() + mesh[3].machine->owed_count() == 5);
  CHECK((mesh[2].take().size() == 5 || mesh[3].take().size() == 5));
  for (std::uint8_t other : {2, 3}) {
    for (const auto& copy : mesh[other].guard->copies()) CHECK(copy.owner != node_id(1));
  }
}

TEST_CASE("an heir says how far its copy went, also when nothing was owed there", "[work][custody]") {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 2; ++number) mesh.add(number);
  mesh.link(1, 2);
  mesh.run(100ms);
  MeshNode& heir = mesh[2];
  const Life third{node_id(3), 1};
  heir.member_up(third);

  mesh.kill(1);
  for (int step = 0; step < 100 && heir.guard->counters().adoptions == 0; ++step) {
    heir.now += 100ms;
    heir.tick();
    heir.sync();
  }
  heir.tick();

  std::vector<wire::Adopted> told;
  for (const SendFrame& frame : heir.frames) {
    const auto decoded = wire::decode(frame.bytes);
    if (frame.to == third && std::holds_alternative<wire::Adopted>(decoded->body))
      told.push_back(std::get<wire::Adopted>(decoded->body));
  }
  REQUIRE_FALSE(told.empty());
  CHECK(told[0].groups.empty());
  CHECK(told[0].to > 0);
}

TEST_CASE("after a goodbye what is adopted has not run", "[work][custody]") {
  Mesh mesh = three();
  MeshNode& owner = mesh[1];
  owner.accept();
  owner.machine->goodbye(owner.log);
  mesh.run(100ms);
  MeshNode& heir = mesh[guardians(owner)[0]];

  mesh.kill(1, true);
  mesh.run(3s);

  const auto jobs = heir.take();
  REQUIRE(jobs.size() == 1);
  CHECK_FALSE(jobs[0].possibly_duplicate);
}

TEST_CASE("lost frames of the copies change nothing in the end", "[work][custody]") {
  Mesh mesh = three();
  unsigned count = 0;
  mesh.passes = [&](const Life&, const Life&, const wire::Frame& frame) {
    const bool concerns = std::holds_alternative<wire::Copy>(frame.body) || std::holds_alternative<wire::Copied>(frame.body);
    return !concerns || ++count % 3 != 0;
  };
  MeshNode& owner = mesh[1];
  for (int i = 0; i < 60; ++i) {
    owner.accept();
    mesh.run(30ms);
    if (i % 2 == 0) owner.finish(owner.take(1).at(0));
  }
  mesh.run(3s);
  REQUIRE(guardians(owner).size() == 1);
  REQUIRE(owner.copies->copies(owner.synced) == 1);
  MeshNode& heir = mesh[guardians(owner)[0]];

  mesh.kill(1);
  mesh.run(4s);

  CHECK(heir.machine->owed_count() == 30);
}

TEST_CASE("what a guardian notes of a snapshot of which it has carried the records alone can be read again", "[work][custody]") {
  MeshNode guardian(1);
  storage::Commit carried(guardian.log.end());
  std::string owed;
  storage::encode_record(storage::Owed{{node_id(2), 3, 1}, {}, {}, "mail", {{.name = "index", .letter = {}, .history = {}}}, "event"},
                         node_id(2), owed);
  std::string record;
  storage::encode_record(storage::Copied{.owner = node_id(2), .epoch = 3, .set_version = 1, .fresh = true, .record = owed},
                         node_id(1), record);
  carried.add(record);
  append(guardian.records, carried);
  guardian.log.restart(carried.end());
  guardian.restart();

  guardian.gone(node_id(2));
  guardian.sync();

  for (const auto& [position, bytes] : guardian.records) CHECK(storage::decode_record(bytes, node_id(1)).has_value());
}
