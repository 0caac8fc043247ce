#include <catch2/catch.hpp>

#include <algorithm>

#include "core_copies_rig.hpp"
#include "work/mesh_outbox.hpp"

// All machines of a node together, at level replicated.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

TEST_CASE("what is accepted is safe when its guardian has synced it", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[2].disk_stands_still = true;
  const Accepted accepted = mesh[1].accept();
  mesh.run(100ms);
  CHECK(mesh[1].core->safety(accepted.end).synced);
  CHECK(mesh[1].core->safety(accepted.end).copies == 0);
  CHECK(mesh[1].core->safe() < accepted.end);

  mesh[2].disk_stands_still = false;
  mesh.run(100ms);

  CHECK(mesh[1].core->safe() >= accepted.end);
  CHECK(mesh[1].core->safety(accepted.end).copies == 1);
  CHECK(mesh[1].core->safety(accepted.end).wanted == 1);
  CHECK_FALSE(mesh[1].core->safety(accepted.end).degraded);
}

TEST_CASE("a guardian that stops confirming makes what is accepted degraded, not unsafe for ever", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[2].disk_stands_still = true;
  const Accepted accepted = mesh[1].accept();

  mesh.run(1'500ms);

  CHECK(mesh[1].core->safe() >= accepted.end);
  CHECK(mesh[1].core->safety(accepted.end).copies == 0);
  CHECK(mesh[1].core->safety(accepted.end).degraded);
}

TEST_CASE("an owner that its guardian does not hear runs what it owed as perhaps a duplicate", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh.cut(1, 2);

  mesh.run(3'000ms);
  mesh[1].runs(2);
  mesh[1].accept();
  mesh.run(10ms);
  const auto jobs = mesh[1].take(2);

  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].possibly_duplicate);
  CHECK_FALSE(jobs[1].possibly_duplicate);  // nobody has a copy of it
}

TEST_CASE("an owner that its guardian hears runs what it owes as nobody else does", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();

  mesh.run(10'000ms);
  mesh[1].runs(2);
  const auto jobs = mesh[1].take(1);

  REQUIRE(jobs.size() == 1);
  CHECK_FALSE(jobs[0].possibly_duplicate);
}

TEST_CASE("what a dead owner was owed runs on its guardian, and what a third node runs for it stays there",
          "[work][core]") {
  CoreMesh mesh = of(3);
  const std::uint8_t heir = heir_of(mesh, 1);
  const std::uint8_t third = static_cast<std::uint8_t>(5 - heir);
  mesh[third].runs(2);
  mesh.run(100ms);
  for (int number = 0; number < 3; ++number) mesh[1].accept();
  mesh.run(100ms);
  const auto running = mesh[third].take(1);
  REQUIRE(running.size() == 1);

  mesh.kill(1);
  mesh[heir].runs(8);
  mesh.run(5s);

  const auto adopted = mesh[heir].take();
  auto all = seqs(adopted);
  for (const Job& job : mesh[third].take()) all.insert(job.id.seq);
  CHECK_FALSE(all.contains(running[0].id.seq));
  CHECK(all.size() == 2);
  CHECK(std::ranges::all_of(adopted, &Job::possibly_duplicate));
  REQUIRE(mesh[heir].owed() == 3);

  mesh[third].finish(running[0]);
  mesh.run(1s);

  CHECK(mesh[heir].owed() == 2);
}

TEST_CASE("what ran on another node is retired when the guardian knows, too", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[2].runs(1);
  mesh.run(100ms);
  mesh[1].accept();
  mesh.run(100ms);
  bool retired = false;
  bool copied = false;
  mesh.passes = [&](const Life&, const Life&, const wire::Frame& frame) {
    if (const auto* it = std::get_if<wire::Retired>(&frame.body)) retired |= it->through > 0 || !it->also.empty();
    return copied || !std::holds_alternative<wire::Copied>(frame.body);
  };
  for (const Job& job : mesh[2].take()) mesh[2].finish(job);
  mesh.run(800ms);
  CHECK(mesh[1].owed() == 0);
  CHECK_FALSE(retired);

  copied = true;
  mesh.run(1s);

  CHECK(retired);
}

TEST_CASE("a letter goes when its redelivery is copied, and runs no sooner", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].runs(1);
  mesh[1].accept();
  mesh.run(100ms);
  for (const Job& job : mesh[1].take()) mesh[1].finish(job, Ran::Ending::refused);
  mesh.run(100ms);
  REQUIRE(mesh[1].letters.size() == 1);
  mesh[2].disk_stands_still = true;

  mesh[1].redeliver(mesh[1].letters.front());
  mesh.run(100ms);
  CHECK(mesh[1].removals == 0);
  CHECK(mesh[1].take().empty());

  mesh[2].disk_stands_still = false;
  mesh.run(100ms);
  CHECK(mesh[1].removals == 1);
  CHECK(mesh[1].take().size() == 1);
}

TEST_CASE("copies that are kept hold the journal, until they are said again", "[work][core]") {
  CoreMesh mesh;
  mesh.add(1);
  mesh.add(2, 1);
  mesh.link(1, 2);
  mesh.run(200ms);
  mesh[1].accept();
  mesh.run(100ms);
  const Position copy = mesh[2].core->oldest();
  REQUIRE(copy < mesh[2].log.end());

  for (int other = 0; other < 3; ++other) mesh[2].accept();
  mesh.run(100ms);
  for (const Job& job : mesh[2].take()) mesh[2].finish(job);
  mesh.run(100ms);
  CHECK(mesh[2].core->oldest() == copy);
  const std::uint64_t held = mesh[2].core->record_bytes();
  CHECK(held > 0);
  mesh[2].core->carry(mesh[2].log.begin(), 1'000'000, mesh[2].read(), mesh[2].log);
  mesh[2].sync();

  CHECK(mesh[2].core->oldest() > copy);
  mesh.kill(1);
  mesh.run(5s);
  CHECK(seqs(mesh[2].take()) == std::set<std::uint64_t>{1});
}

TEST_CASE("what was taken over after a goodbye runs once, also when its owner is back", "[work][core]") {
  CoreMesh mesh = of(2);
  for (int number = 0; number < 4; ++number) mesh[1].accept();
  mesh.run(100ms);
  mesh[1].machine().goodbye(mesh[1].log);
  mesh.run(100ms);
  mesh.kill(1, true);
  mesh.run(500ms);
  const auto taken = mesh[2].take(2);
  REQUIRE(taken.size() == 2);
  CHECK(std::ranges::none_of(taken, &Job::possibly_duplicate));

  mesh.revive(1);
  CHECK(mesh[1].take().empty());
  mesh.link(1, 2);
  mesh.run(3s);

  CHECK(mesh[1].take().empty());
  CHECK(mesh[1].owed() == 0);
  CHECK(mesh[2].owed() == 4);
}

TEST_CASE("a later attempt counts where its owner died", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::failed);
  mesh.run(1s);
  REQUIRE(mesh[1].take().at(0).attempt == 2);
  mesh.run(50ms);

  mesh.kill(1);
  mesh.run(6s);

  const auto jobs = mesh[2].take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].attempt == 3);
}

TEST_CASE("an owner that stood still is guarded again when it goes on", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  // The other one takes over; the owner has noticed nothing.
  mesh[2].member_down(mesh[1].life());
  bool standing = true;
  mesh.passes = [&](const Life&, const Life&, const wire::Frame&) { return !standing; };
  for (int step = 0; step < 500; ++step) {
    mesh[2].now += 10ms;
    mesh[2].tick();
    mesh[2].sync();
  }
  REQUIRE(mesh[2].owed() == 1);
  standing = false;
  mesh[2].member_up(mesh[1].life());
  const Accepted later = mesh[1].accept();

  mesh.run(2s);

  CHECK(mesh[1].owed() == 1);
  CHECK_FALSE(mesh[1].core->degraded());
  CHECK(mesh[1].core->safety(later.end).copies == 1);
}

TEST_CASE("what its guardian may have taken over unheard is run after a while, marked", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].machine().goodbye(mesh[1].log);
  mesh.run(100ms);
  mesh.kill(1, true);

  mesh.revive(1);
  mesh.run(3s);

  const auto jobs = mesh[1].take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].possibly_duplicate);
}

TEST_CASE("a node whose directory was put back to an older state learns it from its guardian", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  const auto old_records = mesh[1].records;
  const Position old_end = mesh[1].log.begin();
  mesh[1].accept();
  mesh.run(3s);
  mesh.kill(1);

  mesh[1].records = old_records;
  mesh[1].log.restart(old_end);
  mesh.revive(1);
  CHECK_FALSE(mesh[1].core->rolled_back());
  mesh.link(1, 2);
  mesh.run(100ms);

  REQUIRE(mesh[1].core->rolled_back());
  CHECK(mesh[1].core->rolled_back()->witness == node_id(2));
  CHECK(mesh[1].core->rolled_back()->found == old_end);
  CHECK(mesh[1].core->rolled_back()->seen > old_end);
}

TEST_CASE("a node that goes on as a later life has all that its guardian saw of it", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  const Life earlier = mesh[1].life();

  mesh.cut(1, 2);
  mesh[1].member_down(mesh[2].life());
  mesh[1].raise_epoch();
  mesh[2].life_ended(earlier, false);
  mesh.link(1, 2);
  const Accepted later = mesh[1].accept();
  mesh.run(10s);

  CHECK_FALSE(mesh[1].core->rolled_back());
  CHECK(mesh[2].owed() == 0);
  CHECK(mesh[1].core->safety(later.end).copies == 1);
  CHECK(seqs(mesh[1].take()).size() == 2);
}

TEST_CASE("what a node had that was wiped runs on its guardian, whatever it says under its old name", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  mesh.kill(1);
  mesh[1].records.clear();
  mesh[1].log.restart(0);
  mesh.revive(1);
  mesh.link(1, 2);
  mesh.run(1s);
  REQUIRE(mesh[1].core->rolled_back());

  mesh.kill(1);
  mesh.run(5s);

  CHECK(seqs(mesh[2].take()) == std::set<std::uint64_t>{1});
}

TEST_CASE("who asks before it is up is answered when it is", "[work][core]") {
  CoreMesh mesh;
  CoreNode& asked = mesh.add(1);
  const Life other{node_id(2), 1};
  Frames word;
  Outbox(other, word).say(asked.life(), wire::Claim{.request = 7});
  asked.on_frame(other, word.at(0).bytes);
  CHECK(asked.frames.empty());

  asked.member_up(other);

  const auto answers = [](const SendFrame& each) {
    const auto frame = wire::decode(each.bytes);
    return frame && std::holds_alternative<wire::ClaimAnswer>(frame->body);
  };
  CHECK(std::ranges::count_if(asked.frames, answers) == 1);
}

TEST_CASE("a node that was only killed was not put back", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(3s);
  mesh.kill(1);
  mesh.revive(1, true);
  mesh.link(1, 2);
  mesh.run(3s);

  CHECK_FALSE(mesh[1].core->rolled_back());
}

TEST_CASE("a redelivery that its heir has buried is let go by its owner", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[1].redeliver(mesh[1].letters.at(0));
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(5s);
  mesh[2].finish(mesh[2].take().at(0), Ran::Ending::refused);
  mesh.run(1s);
  REQUIRE(mesh[2].letters.size() == 1);
  REQUIRE(mesh[2].owed() == 0);

  mesh.revive(1);
  mesh.link(1, 2);
  mesh.run(500ms);

  CHECK(mesh[1].owed() == 0);
}

TEST_CASE("what an heir redelivered again is let go by its owner in the generation before, also when both were away",
          "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[2].accept();
  mesh.run(100ms);
  mesh[2].finish(mesh[2].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[2].redeliver(mesh[2].letters.at(0));
  mesh.run(100ms);
  mesh.kill(2);
  mesh.run(5s);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[1].redeliver(mesh[1].letters.at(0));
  mesh.run(100ms);

  mesh.kill(1);
  mesh.revive(1);
  mesh.revive(2);
  mesh.link(1, 2);
  mesh.run(500ms);

  CHECK(mesh[2].owed() == 0);
  CHECK(mesh[1].owed() == 1);
}

TEST_CASE("a redelivery that is about to be buried where it was owed is let go, as its heir has buried it", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[1].redeliver(mesh[1].letters.at(0));
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh[1].write();
  mesh.kill(1);
  mesh.run(5s);
  mesh[2].finish(mesh[2].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  REQUIRE(mesh[2].letters.size() == 1);

  mesh.revive(1);
  mesh.link(1, 2);
  mesh.run(5s);

  CHECK(mesh[1].owed() == 0);
  CHECK(mesh[1].letters.size() == 1);
}

TEST_CASE("what an heir runs for the dead owner is not begun there again", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[2].runs(2);
  mesh.run(100ms);
  mesh[1].accept();
  mesh[1].accept();
  mesh.run(100ms);
  const auto running = mesh[2].take();
  REQUIRE(running.size() == 2);

  mesh.kill(1);
  mesh.run(5s);
  CHECK(mesh[2].take().empty());
  REQUIRE(mesh[2].owed() == 2);

  mesh[2].finish(running[0]);
  mesh[2].core->give_back(mesh[2].turn(), running[1].handle);
  mesh.run(100ms);

  const auto left = mesh[2].take();
  REQUIRE(left.size() == 1);
  CHECK(left[0].id.seq == running[1].id.seq);
  CHECK(left[0].possibly_duplicate);
  CHECK(mesh[2].owed() == 1);
}

TEST_CASE("an heir lets go of what its owner has redelivered since", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh.cut(1, 2);
  mesh[1].member_down(mesh[2].life());
  mesh[2].member_down(mesh[1].life());
  mesh.run(5s);
  REQUIRE(mesh[2].owed() == 1);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[1].redeliver(mesh[1].letters.at(0));
  mesh.run(100ms);

  mesh.kill(1);
  mesh.revive(1);
  mesh.link(1, 2);
  mesh.run(1s);

  CHECK(mesh[2].owed() == 0);
  CHECK(mesh[1].owed() == 1);
}

TEST_CASE("a redelivery that an heir may have, too, is perhaps a duplicate", "[work][core]") {
  CoreMesh mesh = of(2);
  mesh[1].accept();
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take().at(0), Ran::Ending::refused);
  mesh.run(100ms);
  mesh[1].redeliver(mesh[1].letters.at(0));
  mesh.run(100ms);
  Frames word;
  Outbox(mesh[2].life(), word)
      .say(mesh[1].life(), wire::Adopted{.owner = node_id(1),
                                         .epoch = 1,
                                         .counter = 1,
                                         .last = true,
                                         .groups = {{storage::group_hash("mail", "index"), {{1, 1}}}}});

  mesh[1].on_frame(mesh[2].life(), word.at(0).bytes);

  CHECK(mesh[1].take().at(0).possibly_duplicate);
}
