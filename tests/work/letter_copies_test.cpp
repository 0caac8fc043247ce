#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "copies_rig.hpp"
#include "machine_mesh_rig.hpp"

// Dead letters on a disk that is lost: what the guardians make of them.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

std::vector<StoreLetter> asked_to_store(MeshNode& node) {
  std::vector<StoreLetter> found;
  for (const Action& action : node.actions) {
    if (const auto* it = std::get_if<StoreLetter>(&action)) found.push_back(*it);
  }
  std::erase_if(node.actions,
                [](const Action& action) { return std::holds_alternative<StoreLetter>(action); });
  return found;
}

/// One event that has become a dead letter.
StoreLetter bury(MeshNode& node) {
  node.accept();
  node.sync();
  const auto jobs = node.take(1);
  node.machine->finished(node.now, wall(400), jobs.at(0).handle,
                         {.ending = Ran::Ending::refused, .error = "never"}, node.log, node.actions);
  node.sync();
  const auto letters = asked_to_store(node);
  node.machine->letter_stored(node.now, letters.at(0).handle, true, node.log);
  node.sync();
  return letters.at(0);
}

/// It is owed again, and its letter is removed.
void redeliver(MeshNode& node, const StoreLetter& letter) {
  Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event = parcel_of("event");
  acceptance.groups = {node.group()};
  acceptance.time = letter.accepted;
  REQUIRE(node.machine->redeliver(
      {letter.letter, letter.id, letter.generation, letter.attempts, letter.doubt}, acceptance, node.log));
  node.sync();
  const auto removal = std::ranges::find_if(
      node.actions, [](const Action& action) { return std::holds_alternative<RemoveLetter>(action); });
  REQUIRE(removal != node.actions.end());
  node.machine->letter_removed(node.now, std::get<RemoveLetter>(*removal).handle, true, node.log,
                               node.actions);
  node.actions.clear();
}

/// The letter as its node sends it to a new guardian.
std::vector<std::string> records_of(const StoreLetter& letter, const NodeId& self) {
  storage::OwedGroup group;
  group.name = "index";
  group.generation = letter.generation;
  group.attempts = letter.attempts.back().number;
  group.ended = true;
  for (const Attempt& each : letter.attempts)
    group.history.push_back({each.number, each.time, each.node, each.error});
  std::vector<std::string> records(1);
  storage::encode_record(storage::Owed{letter.id, {}, letter.accepted, letter.bus, {group}, "event"}, self,
                         records[0]);
  return records;
}

Mesh two() {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 2; ++number) mesh.add(number);
  mesh.link(1, 2);
  mesh.run(100ms);
  return mesh;
}

}  // namespace

TEST_CASE("a letter of an owner that is lost with its disk is its heir's, under the same id",
          "[work][letters]") {
  Mesh mesh = two();
  const StoreLetter letter = bury(mesh[1]);
  CHECK(mesh[1].machine->owed_count() == 0);
  mesh.run(100ms);

  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  const auto kept = asked_to_store(mesh[2]);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].letter == letter.letter);
  CHECK(kept[0].id == letter.id);
  CHECK(kept[0].attempts == letter.attempts);
  CHECK(kept[0].doubt == storage::Doubt::none);
  CHECK(kept[0].event->bytes == "event");
  CHECK(mesh[2].take().empty());
}

TEST_CASE("a guardian that restarts, or carries what it keeps, still has the letters", "[work][letters]") {
  Mesh mesh = two();
  const StoreLetter letter = bury(mesh[1]);
  mesh.run(100ms);
  MeshNode& guardian = mesh[2];
  guardian.guard->carry(guardian.log.begin(), 1'000'000, guardian.read(), guardian.log);
  const Position keep = guardian.log.begin();
  guardian.sync();
  std::erase_if(guardian.records, [&](const auto& record) { return record.first < keep; });

  mesh.kill(1);
  mesh.forget(1);
  guardian.sync();
  guardian.restart();
  mesh.run(40s);

  const auto kept = asked_to_store(guardian);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].letter == letter.letter);
}

TEST_CASE("a letter that was removed is not revived by an old copy", "[work][letters]") {
  Mesh mesh = two();
  const StoreLetter letter = bury(mesh[1]);
  mesh.run(100ms);

  mesh[1].machine->forget_letter({letter.id, storage::group_hash("mail", "index"), 0}, mesh[1].log);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).empty());
  CHECK(mesh[2].machine->owed_count() == 0);
}

TEST_CASE("a letter that was redelivered and done is not revived by an old copy", "[work][letters]") {
  Mesh mesh = two();
  redeliver(mesh[1], bury(mesh[1]));
  mesh.run(100ms);
  mesh[1].finish(mesh[1].take(1).at(0));
  mesh.run(100ms);

  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).empty());
  CHECK(mesh[2].machine->owed_count() == 0);
}

TEST_CASE("a letter that is owed again when its owner is lost runs on its heir, and is no letter there",
          "[work][letters]") {
  Mesh mesh = two();
  redeliver(mesh[1], bury(mesh[1]));
  mesh.run(100ms);

  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).empty());
  const auto jobs = mesh[2].take();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].generation == 1);
}

TEST_CASE("letters from before the guardian came are in its snapshot, when they have been read",
          "[work][letters]") {
  Mesh mesh;
  MeshNode& owner = mesh.add(1);
  mesh.add(2);
  std::vector<StoreLetter> letters;
  for (int i = 0; i < 3; ++i) letters.push_back(bury(owner));
  bool read = false;
  owner.letters = [&](std::uint64_t after) -> std::optional<LetterPage> {
    if (!read) return std::nullopt;
    if (after >= letters.size()) return LetterPage{.records = {}, .last = after, .more = false};
    return LetterPage{.records = records_of(letters[after], node_id(1)), .last = after + 1, .more = true};
  };
  mesh.link(1, 2);
  mesh.run(500ms);
  CHECK(owner.copies->whole() == 0);

  read = true;
  mesh.run(500ms);
  CHECK(owner.copies->whole() == 1);
  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  const auto kept = asked_to_store(mesh[2]);
  REQUIRE(kept.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(kept[i].letter == letters[i].letter);
    CHECK(kept[i].attempts == letters[i].attempts);
  }
}

TEST_CASE("letters of an owner that may come back stay where they are, and what it owed is taken over",
          "[work][letters]") {
  Mesh mesh = two();
  bury(mesh[1]);
  mesh[1].accept();
  mesh.run(100ms);

  mesh.kill(1);
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).empty());
  CHECK(mesh[2].take().size() == 1);
  REQUIRE(mesh[2].guard->copies().size() == 1);
  CHECK(mesh[2].guard->copies()[0].letters_only);
  CHECK(mesh[2].guard->copies()[0].owed == 1);
}

TEST_CASE("letters that stayed are taken over when their owner is known to be gone for good",
          "[work][letters]") {
  Mesh mesh = two();
  const StoreLetter letter = bury(mesh[1]);
  mesh[1].accept();
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);
  bool restarted = GENERATE(false, true);
  if (restarted) {
    mesh[2].restart();
    mesh.run(40s);
    CHECK(asked_to_store(mesh[2]).empty());
  }

  mesh.forget(1);
  mesh.run(4s);

  const auto kept = asked_to_store(mesh[2]);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].letter == letter.letter);
  CHECK(kept[0].attempts == letter.attempts);
  CHECK(mesh[2].guard->copies().empty());
}

TEST_CASE("letters that stayed wait for nobody who takes over what was owed alone", "[work][letters]") {
  Mesh mesh = two();
  bury(mesh[1]);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);
  const Life third{node_id(3), 1};
  mesh[2].guard->member_up(mesh[2].turn(), third);

  mesh.forget(1);
  mesh[2].guard->on(mesh[2].turn(), third,
                    wire::Adopted{.owner = node_id(1), .epoch = 1, .to = 1'000'000, .groups = {}});
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).size() == 1);
}

TEST_CASE("that an owner is gone for good is not forgotten by a guardian that restarts", "[work][letters]") {
  Mesh mesh = two();
  bury(mesh[1]);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.forget(1);
  mesh[2].sync();

  mesh[2].restart();
  mesh.run(40s);

  CHECK(asked_to_store(mesh[2]).size() == 1);
}

TEST_CASE("an owner that comes back has its letters, and nobody else does", "[work][letters]") {
  Mesh mesh = two();
  const StoreLetter letter = bury(mesh[1]);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);

  mesh.revive(1);
  mesh[1].letters = [&](std::uint64_t after) -> std::optional<LetterPage> {
    if (after > 0) return LetterPage{.records = {}, .last = after, .more = false};
    return LetterPage{.records = records_of(letter, node_id(1)), .last = 1, .more = false};
  };
  mesh.link(1, 2);
  mesh.run(4s);
  CHECK(asked_to_store(mesh[2]).empty());
  REQUIRE(mesh[2].guard->copies().size() == 1);
  CHECK_FALSE(mesh[2].guard->copies()[0].letters_only);

  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);
  CHECK(asked_to_store(mesh[2]).size() == 1);
}

TEST_CASE("an owner that comes back while it is thought to be gone keeps its letters to itself",
          "[work][letters]") {
  Mesh mesh = two();
  bury(mesh[1]);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);
  mesh.forget(1);

  mesh.revive(1);
  mesh.passes = [](const Life&, const Life&, const wire::Frame& frame) {
    return !std::holds_alternative<wire::Copy>(frame.body);
  };
  mesh.link(1, 2);
  mesh.run(500ms);
  mesh.kill(1);
  mesh.run(4s);

  CHECK(asked_to_store(mesh[2]).empty());
}

TEST_CASE("how much an owner had is known until a later life has sent all it has", "[work][letters]") {
  Mesh mesh = two();
  bury(mesh[1]);
  mesh.run(3s);
  const auto known = [&] { return mesh[2].guard->witness({node_id(1), 9}); };
  const Position synced = known().synced;
  REQUIRE(synced > 0);

  mesh.kill(1);
  mesh.run(4s);
  CHECK(known().synced == synced);

  mesh.revive(1);
  mesh.passes = [](const Life& from, const Life&, const wire::Frame& frame) {
    const auto* copy = std::get_if<wire::Copy>(&frame.body);
    return copy == nullptr || from.id != node_id(1) || !copy->end;
  };
  for (int i = 0; i < 3; ++i) mesh[1].accept();
  mesh.link(1, 2);
  mesh.run(2s);
  CHECK(known().epoch == 1);
}

TEST_CASE("letters are stored when the guardians of who takes them over have them", "[work][letters]") {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 3; ++number) mesh.add(number, 3);
  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.link(2, 3);
  mesh.run(100ms);
  bury(mesh[1]);
  mesh.run(100ms);
  mesh.passes = [](const Life&, const Life&, const wire::Frame& frame) {
    return !std::holds_alternative<wire::Copied>(frame.body);
  };
  mesh.kill(1);
  mesh.forget(1);
  std::uint8_t heir = 0;
  for (int steps = 0; heir == 0 && steps < 400; ++steps) {
    mesh.run(10ms);
    for (const std::uint8_t number : {2, 3}) {
      if (mesh[number].guard->counters().adopted > 0) heir = number;
    }
  }
  REQUIRE(heir != 0);
  mesh.run(300ms);
  CHECK(asked_to_store(mesh[heir]).empty());

  mesh.passes = [](const Life&, const Life&, const wire::Frame&) { return true; };
  mesh.run(4s);
  CHECK(asked_to_store(mesh[heir]).size() == 1);
}

TEST_CASE("of two guardians one has the letters in the end", "[work][letters]") {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 3; ++number) mesh.add(number, 3);
  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.link(2, 3);
  mesh.run(100ms);
  const StoreLetter letter = bury(mesh[1]);
  mesh[1].accept();
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);
  CHECK(mesh[2].guard->copies().size() + mesh[3].guard->copies().size() >= 2);

  mesh.forget(1);
  mesh.run(6s);

  auto kept = asked_to_store(mesh[2]);
  for (StoreLetter& each : asked_to_store(mesh[3])) kept.push_back(std::move(each));
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].letter == letter.letter);
  const auto held_of_lost = [&](std::uint8_t number) {
    return std::ranges::count(mesh[number].guard->copies(), node_id(1), &Guard::View::owner);
  };
  CHECK(held_of_lost(2) + held_of_lost(3) == 0);
}

TEST_CASE("a guardian that dies while it takes letters over leaves them to the other one",
          "[work][letters]") {
  Mesh mesh;
  for (std::uint8_t number = 1; number <= 3; ++number) mesh.add(number, 3);
  mesh.link(1, 2);
  mesh.link(1, 3);
  mesh.link(2, 3);
  mesh.run(100ms);
  const StoreLetter letter = bury(mesh[1]);
  mesh.run(100ms);
  mesh.kill(1);
  mesh.run(4s);
  mesh.forget(1);
  std::uint8_t first = 0;
  for (int steps = 0; first == 0 && steps < 400; ++steps) {
    mesh.run(10ms);
    for (const std::uint8_t number : {2, 3}) {
      if (mesh[number].guard->counters().adopted > 0) first = number;
    }
  }
  REQUIRE(first != 0);
  CHECK(asked_to_store(mesh[first]).empty());

  mesh.kill(first);
  mesh.run(6s);

  const auto kept = asked_to_store(mesh[first == 2 ? 3 : 2]);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].letter == letter.letter);
}

TEST_CASE("of more letters than a guardian keeps the newest are kept", "[work][letters]") {
  Mesh mesh;
  mesh.add(1);
  mesh.add(2).guard_options.letters_max = 2;
  mesh[2].restart();
  mesh.link(1, 2);
  mesh.run(100ms);
  std::vector<StoreLetter> letters;
  for (int i = 0; i < 5; ++i) letters.push_back(bury(mesh[1]));
  mesh.run(100ms);
  CHECK(mesh[2].guard->copies().at(0).owed == 2);
  redeliver(mesh[1], letters[3]);
  mesh.run(100ms);
  letters.push_back(bury(mesh[1]));
  mesh.run(100ms);

  mesh.kill(1);
  mesh.forget(1);
  mesh.run(4s);

  const auto kept = asked_to_store(mesh[2]);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].letter == letters[4].letter);
  CHECK(kept[1].letter == letters[5].letter);
  CHECK(mesh[2].take().size() == 1);
}

TEST_CASE("letters are bounded by what their events hold, too", "[work][letters]") {
  Mesh mesh;
  mesh.add(1);
  mesh.add(2).guard_options.letters_bytes_max = 600;
  mesh[2].restart();
  mesh.link(1, 2);
  mesh.run(100ms);

  for (int i = 0; i < 5; ++i) bury(mesh[1]);
  mesh.run(100ms);

  CHECK(mesh[2].guard->copies().at(0).owed == 2);
}

TEST_CASE("a letter that reaches a copy after it was owed again changes nothing", "[work][letters]") {
  Rig rig;
  const auto index = rig.group("index");
  const auto letter = rig.bury_one(index);
  REQUIRE(rig.machine->redeliver(letter, rig.event({index}), rig.log));
  rig.sync();
  auto copy = copy_of(node_id(1));
  feed(*copy, snapshot_of(*rig.machine), 10);

  StoreLetter late{.handle = 0,
                   .id = letter.dispatch,
                   .bus = "mail",
                   .letter = letter.id,
                   .attempts = letter.attempts,
                   .event = nullptr};
  feed(*copy, records_of(late, node_id(1)), 50);

  CHECK(copy->find(first_name(1, 1)));
  CHECK_FALSE(copy->find(first_name(1, 0)));
}
