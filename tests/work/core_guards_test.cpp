#include <catch2/catch.hpp>

#include <algorithm>

#include "core_copies_rig.hpp"
#include "work/mesh_outbox.hpp"

// What guardians keep and let go of, all machines of a node together.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

TEST_CASE("a guardian that was late is better than none", "[work][core]") {
  CoreMesh mesh = of(3);
  const std::uint8_t late = heir_of(mesh, 1);
  const std::uint8_t third = static_cast<std::uint8_t>(5 - late);
  mesh[late].disk_stands_still = true;
  mesh[1].accept();
  mesh.run(1'500ms);
  mesh[late].disk_stands_still = false;
  mesh.run(1s);
  REQUIRE(mesh[1].core->guardians().at(0).life.id == node_id(third));

  mesh.kill(third);
  mesh.run(1s);

  REQUIRE(mesh[1].core->guardians().size() == 1);
  CHECK(mesh[1].core->guardians()[0].life.id == node_id(late));
  CHECK_FALSE(mesh[1].core->degraded());
}

namespace {

/// Node 2 keeps a copy of what node 1 owed, and a third one says that it has taken it over.
struct TakenOver {
  TakenOver() {
    mesh.kill(1);
    mesh.revive(1);
    mesh.link(1, 2);
    mesh[1].accept();
    mesh.run(100ms);
    REQUIRE(mesh[1].core->safe() == mesh[1].synced);
    mesh[2].member_up(third);
    mesh.kill(1);
  }

  void say(std::uint64_t set, Position to) {
    Frames word;
    Outbox(third, word).say(mesh[2].life(), wire::Adopted{.owner = node_id(1),
                                                          .epoch = 2,
                                                          .set_version = set,
                                                          .to = to,
                                                          .counter = 1,
                                                          .last = true,
                                                          .groups = {}});
    mesh[2].on_frame(third, word.at(0).bytes);
  }

  CoreMesh mesh = of(2);
  const Life third{node_id(3), 1};
};

constexpr Position far_behind = 1;
constexpr Position far_ahead = 1'000'000;

}  // namespace

TEST_CASE("a copy that an adopter of earlier guardians lacked is taken over, too", "[work][core]") {
  TakenOver it;
  it.say(0, far_ahead);
  it.mesh.run(5s);
  CHECK(it.mesh[2].owed() == 0);

  it.say(1, far_ahead);
  it.mesh.run(2s);

  CHECK(it.mesh[2].owed() == 1);
}

TEST_CASE("a copy that goes further than that of an adopter of the same guardians is taken over, too", "[work][core]") {
  TakenOver it;
  it.say(0, far_behind);

  it.say(99, far_behind);
  it.mesh.run(2s);

  CHECK(it.mesh[2].owed() == 1);
}

TEST_CASE("a copy of which an adopter had everything is not needed any more", "[work][core]") {
  TakenOver it;
  it.say(0, far_ahead);

  it.say(99, far_ahead);
  it.mesh.run(5s);

  CHECK(it.mesh[2].core->copies_kept().empty());
  CHECK(it.mesh[2].owed() == 0);
}

TEST_CASE("a copy waits for nobody who took over from another heir, and had none", "[work][core]") {
  TakenOver it;

  it.say(0, 0);
  it.mesh.run(5s);

  CHECK(it.mesh[2].owed() == 1);
}

TEST_CASE("guardians of a life that has forgotten what it owed cost no copy of that", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  const Position end = mesh[1].synced;
  mesh.kill(1);
  const Life again{node_id(1), 2};
  mesh[2].member_up(again);
  const auto say = [&](std::uint64_t set, Position found) {
    Frames word;
    Outbox(again, word).say(mesh[2].life(), wire::Guard{.set_version = set, .found = found, .guardians = {node_id(3)}});
    mesh[2].on_frame(again, word.at(0).bytes);
  };

  say(99, 0);
  CHECK(mesh[2].core->copies_kept().size() == 1);

  say(1, end);  // it was killed before its count of sets was written
  CHECK(mesh[2].core->copies_kept().empty());
}

TEST_CASE("a copy of a life that has forgotten what it owed replaces none, however long its log is by now", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  mesh.kill(1);
  const Life again{node_id(1), 2};
  mesh[2].member_up(again);
  Frames word;
  Outbox out(again, word);
  out.say(mesh[2].life(), wire::Guard{.set_version = 1, .found = 0, .guardians = {node_id(2)}});
  out.say(mesh[2].life(),
          wire::Copy{.set_version = 1, .begin = true, .end = true, .from = 0, .to = far_ahead, .records = {}});
  for (const SendFrame& frame : word) mesh[2].on_frame(again, frame.bytes);

  mesh[2].life_ended(again, false);
  mesh.run(3s);

  CHECK(seqs(mesh[2].take()) == std::set<std::uint64_t>{1});
}

TEST_CASE("a life that forgot learns it also when a copy of it was begun before it asked", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  mesh.kill(1);
  const Life again{node_id(1), 2};
  mesh[2].member_up(again);
  Frames word;
  Outbox out(again, word);
  out.say(mesh[2].life(), wire::Copy{.set_version = 9, .begin = true, .end = false, .from = 0, .to = 1, .records = {}});
  out.say(mesh[2].life(), wire::Claim{.request = 7});
  mesh[2].frames.clear();
  for (const SendFrame& frame : word) mesh[2].on_frame(again, frame.bytes);

  std::uint64_t witness = 0;
  for (const SendFrame& each : mesh[2].frames) {
    const auto frame = wire::decode(each.bytes);
    REQUIRE(frame);
    if (const auto* it = std::get_if<wire::ClaimAnswer>(&frame->body)) witness = it->witness;
  }
  CHECK(witness > 0);
}

TEST_CASE("a new guardian hears how much was on the owner's disk, though nothing is new", "[work][core]") {
  CoreMesh mesh = of(3);
  mesh[1].accept();
  mesh.run(3s);
  const std::uint8_t first = heir_of(mesh, 1);
  const std::uint8_t second = static_cast<std::uint8_t>(5 - first);
  mesh.kill(first);
  mesh.run(500ms);
  mesh.kill(1);
  mesh[1].records.clear();
  mesh[1].log.restart(0);
  mesh.revive(1);

  mesh.link(1, second);
  mesh.run(100ms);

  REQUIRE(mesh[1].core->rolled_back());
  CHECK(mesh[1].core->rolled_back()->witness == node_id(second));
}

TEST_CASE("who takes over is answered, though its word came before it was up", "[work][core]") {
  CoreMesh mesh;
  CoreNode& owner = mesh.add(1);
  const Life heir{node_id(2), 1};
  owner.accept();
  owner.sync();
  owner.frames.clear();
  Frames word;
  Outbox(heir, word).say(owner.life(), wire::Adopted{.owner = node_id(1),
                                                     .epoch = 1,
                                                     .set_version = 0,
                                                     .counter = 1,
                                                     .last = true,
                                                     .groups = {{storage::group_hash("mail", "index"), {{1, 1}}}}});
  owner.on_frame(heir, word.at(0).bytes);
  owner.sync();
  CHECK(owner.owed() == 0);
  CHECK(owner.frames.empty());

  owner.member_up(heir);

  std::vector<wire::StateEntry> states;
  for (const SendFrame& each : owner.frames) {
    const auto frame = wire::decode(each.bytes);
    REQUIRE(frame);
    if (const auto* it = std::get_if<wire::AdoptedAnswer>(&frame->body)) states = it->states;
  }
  REQUIRE(states.size() == 1);
  CHECK(states[0].name.id.seq == 1);
  CHECK(states[0].state == wire::WorkState::let_go);
}

TEST_CASE("what its owner has let go is taken back from who was to run it", "[work][core]") {
  CoreMesh mesh = of(3);
  mesh[1].accept();
  mesh.run(100ms);
  const std::uint8_t heir = heir_of(mesh, 1);
  const std::uint8_t runner = heir == 2 ? 3 : 2;
  mesh[runner].runs(4);
  mesh.run(100ms);
  // The heir hears of nobody.
  for (const std::uint8_t other : {std::uint8_t{1}, runner}) {
    mesh.cut(heir, other);
    mesh[heir].member_down(mesh[other].life());
    mesh[other].member_down(mesh[heir].life());
  }
  mesh.run(4s);
  REQUIRE(mesh[heir].owed() == 1);

  mesh.link(1, heir);
  mesh.run(200ms);

  CHECK(mesh[1].owed() == 0);
  CHECK(mesh[runner].take().empty());
}
