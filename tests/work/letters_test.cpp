#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Fate;
using storage::Settled;
using storage::Verdict;

namespace {

Job run_redelivered(Rig& rig, GroupIndex group, const Machine::Letter& letter) {
  REQUIRE((*rig.machine->redeliver(letter, rig.event({group}), rig.log)).has_value());
  rig.sync();
  return rig.take_one(group);
}

}  // namespace

TEST_CASE("a letter is stored when the last failure is synced, not before", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  rig.finish(rig.take_one(group), Ran::Ending::refused);

  rig.write();
  CHECK(rig.asked<StoreLetter>().empty());
  rig.sync();
  CHECK(rig.asked<StoreLetter>().size() == 1);
  rig.sync();
  CHECK(rig.asked<StoreLetter>().empty());
}

TEST_CASE("the verdict of a dead letter follows its storing", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  rig.finish(rig.take_one(group), Ran::Ending::refused);
  rig.sync();
  CHECK(rig.written_of<Verdict>().empty());

  rig.machine->letter_stored(rig.now, rig.asked<StoreLetter>().at(0).handle, true, rig.log);
  rig.write();

  CHECK(rig.written_of<Verdict>().at(0).fate == Fate::dead);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("a letter that cannot be kept is tried again and stays owed", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  rig.finish(rig.take_one(group), Ran::Ending::refused);
  rig.sync();
  const auto first = rig.asked<StoreLetter>().at(0);

  rig.machine->letter_stored(rig.now, first.handle, false, rig.log);
  CHECK(rig.machine->counts(group).burying == 1);
  const auto wait = *rig.machine->next_deadline() - rig.now;
  CHECK(wait >= 100ms);
  CHECK(wait <= 150ms);
  rig.advance(wait);

  const auto second = rig.asked<StoreLetter>();
  REQUIRE(second.size() == 1);
  CHECK(second[0].letter == first.letter);
  CHECK(rig.machine->counters().letters_failed == 1);
}

TEST_CASE("a letter's id is the obligation's own, and sorts by the time of its acceptance",
          "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const GroupIndex other = rig.group("other");

  const auto first = rig.bury_one(group);
  const auto second = rig.bury_one(group);
  const auto third = rig.bury_one(other);

  CHECK(first.id < second.id);
  CHECK(second.id < third.id);
  CHECK(first.id.to_string().substr(0, 8) == "018bcfe5");
  CHECK(first.id.to_string()[14] == '8');
}

TEST_CASE("a crash between a letter and its verdict stores the same letter again", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  rig.finish(rig.take_one(group), Ran::Ending::refused, "never");
  rig.sync();
  const auto before = rig.asked<StoreLetter>().at(0);

  rig.crash();
  CHECK(rig.asked<StoreLetter>().empty());
  rig.sync();

  const auto after = rig.asked<StoreLetter>();
  REQUIRE(after.size() == 1);
  CHECK(after[0].letter == before.letter);
  CHECK(after[0].attempts == before.attempts);
  CHECK(rig.take(rig.group("index")).empty());
}

TEST_CASE("what is redelivered has all attempts of a first dispatch, its history and the next generation",
          "[work][letters][R12]") {
  Rig rig;
  const GroupIndex group = rig.group("index", policy(2));
  const auto letter = rig.bury_one(group);

  const auto accepted = rig.machine->redeliver(letter, rig.event({group}), rig.log);
  rig.sync();

  REQUIRE(accepted);
  CHECK((*accepted)->id == letter.dispatch);
  for (const auto& removal : rig.asked<RemoveLetter>())
    rig.machine->letter_removed(rig.now, removal.handle, true, rig.log, rig.actions);
  CHECK(rig.run_out(group, Ran::Ending::failed) == std::vector<std::uint32_t>{1, 2, 3});
  const auto again = rig.asked<StoreLetter>();
  REQUIRE(again.size() == 1);
  CHECK(again[0].generation == 1);
  CHECK(again[0].accepted == wall(2));
  CHECK(again[0].letter != letter.id);
  REQUIRE(again[0].attempts.size() == 4);
  CHECK(again[0].attempts[0].error == "never");
}

TEST_CASE("what is owed already is not redelivered", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);

  CHECK((*rig.machine->redeliver(letter, rig.event({group}), rig.log)).has_value());
  CHECK_FALSE((*rig.machine->redeliver(letter, rig.event({group}), rig.log)).has_value());
  rig.sync();
  CHECK(rig.take(group).size() == 1);
}

TEST_CASE("a dispatch that failed as a whole is redelivered to every group by one record",
          "[work][letters]") {
  Rig rig;
  const GroupIndex index = rig.group("index");
  const GroupIndex quota = rig.group("quota");
  const Machine::Letter letter{
      .id = {}, .dispatch = {{}, 1, 7}, .generation = 0, .attempts = {}, .doubt = {}};
  const std::size_t before = rig.records.size();

  REQUIRE((*rig.machine->redeliver(letter, rig.event({index, quota}), rig.log)).has_value());
  CHECK_FALSE((*rig.machine->redeliver(letter, rig.event({index, quota}), rig.log)).has_value());
  rig.sync();

  CHECK(rig.written_of<storage::Owed>(before).size() == 1);
  CHECK(rig.take(index).size() == 1);
  CHECK(rig.take(quota).size() == 1);
}

TEST_CASE("a letter of every group is redelivered to all of them or to none", "[work][letters]") {
  Rig rig;
  const GroupIndex index = rig.group("index");
  Policy small = policy();
  small.backlog_max = 1;
  const GroupIndex quota = rig.group("quota", small);
  rig.accept({quota});
  const Machine::Letter letter{
      .id = {}, .dispatch = {{}, 1, 7}, .generation = 0, .attempts = {}, .doubt = {}};

  const auto refused = rig.machine->redeliver(letter, rig.event({index, quota}), rig.log);
  rig.sync();

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::back_pressure);
  CHECK(rig.take(index).empty());
}

TEST_CASE("a letter of every group goes when it is owed to all, and after a crash none of them is lost",
          "[work][letters]") {
  Rig rig;
  Machine::Letter letter{.id = {}, .dispatch = {{}, 1, 7}, .generation = 0, .attempts = {}, .doubt = {}};
  letter.id.bytes[0] = 1;
  REQUIRE((*rig.machine->redeliver(letter, rig.event({rig.group("index"), rig.group("quota")}), rig.log))
              .has_value());
  rig.sync();
  CHECK(rig.asked<RemoveLetter>().size() == 2);

  rig.power_cut();
  rig.sync();

  CHECK(rig.asked<RemoveLetter>().size() == 2);
  CHECK(rig.take(rig.group("index")).size() == 1);
  CHECK(rig.take(rig.group("quota")).size() == 1);
}

TEST_CASE("a redelivery runs, and its letter is removed, when it is synced and not before",
          "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  static_cast<void>(rig.machine->redeliver(letter, rig.event({group}), rig.log));

  rig.write();
  CHECK(rig.asked<RemoveLetter>().empty());
  CHECK(rig.take(group).empty());
  rig.sync();
  CHECK(rig.take(group).size() == 1);

  const auto removals = rig.asked<RemoveLetter>();
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].letter == letter.id);
}

TEST_CASE("no verdict stands in the journal while the old letter does", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  const Job job = run_redelivered(rig, group, letter);
  const std::size_t from = rig.records.size();

  rig.finish(job);
  rig.sync();
  CHECK(rig.written_of<Verdict>(from).empty());
  CHECK(rig.written_of<Settled>(from).size() == 1);
  CHECK(rig.machine->counts(group).settled == 1);

  rig.machine->letter_removed(rig.now, rig.asked<RemoveLetter>().at(0).handle, true, rig.log, rig.actions);
  rig.write();
  CHECK(rig.written_of<Verdict>(from).at(0).fate == Fate::done);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("after a crash what was settled does not run again, and its letter is removed", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  rig.finish(run_redelivered(rig, group, letter));
  rig.sync();

  rig.crash();
  rig.sync();

  CHECK(rig.take(rig.group("index")).empty());
  const auto removals = rig.asked<RemoveLetter>();
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].letter == letter.id);
  rig.machine->letter_removed(rig.now, removals[0].handle, true, rig.log, rig.actions);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("a letter that cannot be removed is tried again", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  const Job job = run_redelivered(rig, group, letter);
  rig.sync();

  rig.machine->letter_removed(rig.now, rig.asked<RemoveLetter>().at(0).handle, false, rig.log, rig.actions);
  rig.finish(job);
  rig.advance(200ms);

  CHECK(rig.asked<RemoveLetter>().size() == 1);
  CHECK(rig.machine->counts(group).settled == 1);
}

TEST_CASE(
    "what fails again is stored under a new id when its old letter is gone, so that there are never two",
    "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  rig.finish(run_redelivered(rig, group, letter), Ran::Ending::refused);
  rig.sync();
  CHECK(rig.asked<StoreLetter>().empty());

  rig.machine->letter_removed(rig.now, rig.asked<RemoveLetter>().at(0).handle, true, rig.log, rig.actions);

  const auto stored = rig.asked<StoreLetter>();
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].letter != letter.id);
  CHECK(stored[0].generation == 1);
}

TEST_CASE("a power cut that loses a redelivery leaves its letter", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  static_cast<void>(rig.machine->redeliver(letter, rig.event({group}), rig.log));
  rig.write();

  rig.power_cut();
  rig.sync();

  CHECK(rig.machine->owed_count() == 0);
  CHECK(rig.asked<RemoveLetter>().empty());
  CHECK(rig.asked<StoreLetter>().empty());
}

TEST_CASE("cancelling what was redelivered waits for its letter too", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  static_cast<void>(rig.machine->redeliver(letter, rig.event({group}), rig.log));
  const std::size_t from = rig.records.size();

  CHECK(rig.machine->cancel(group, rig.log) == 1);
  rig.write();
  CHECK(rig.take(group).empty());
  rig.crash();
  rig.sync();

  rig.machine->letter_removed(rig.now, rig.asked<RemoveLetter>().at(0).handle, true, rig.log, rig.actions);
  rig.write();
  CHECK(rig.written_of<Verdict>(from).at(0).fate == Fate::cancelled);
}

TEST_CASE("a letter remembers that it may have run already", "[work][letters]") {
  Rig rig;
  GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.crash(std::nullopt);
  group = rig.group("index");
  rig.write();
  rig.finish(rig.take_one(group), Ran::Ending::refused);
  rig.sync();
  const auto stored = rig.asked<StoreLetter>().at(0);
  rig.machine->letter_stored(rig.now, stored.handle, true, rig.log);

  const Machine::Letter letter{stored.letter, stored.id, stored.generation, stored.attempts, stored.doubt};
  CHECK(run_redelivered(rig, group, letter).possibly_duplicate);
}

TEST_CASE(
    "a redelivery that waits for its sync holds what stands behind it, and the group is told when it may run",
    "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  rig.accept({group});
  static_cast<void>(rig.machine->redeliver(letter, rig.event({group}), rig.log));
  rig.accept({group});
  rig.write();
  CHECK(rig.take(group).size() == 1);
  rig.asked<Ready>();

  rig.sync();

  CHECK(rig.asked<Ready>().size() == 1);
  CHECK(rig.take(group).size() == 2);
}

TEST_CASE("a group at its quota takes no redelivery", "[work][letters]") {
  Rig rig;
  Policy policy = test::policy();
  policy.backlog_max = 1;
  const GroupIndex group = rig.group("index", policy);
  const auto letter = rig.bury_one(group);
  rig.accept({group});

  const auto refused = rig.machine->redeliver(letter, rig.event({group}), rig.log);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::back_pressure);
}

TEST_CASE("what a group is owed can be given up: its attempts end, and all but what runs are dead letters",
          "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const GroupIndex other = rig.group("other");
  for (int i = 0; i < 3; ++i) rig.accept({group, other});
  rig.write();
  const auto jobs = rig.take(group, 2);
  rig.finish(jobs[1], Ran::Ending::failed, "broken");

  CHECK(rig.machine->give_up(rig.now, wall(300), group, "removed", rig.log) == 2);
  rig.sync();

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].attempts.size() + letters[1].attempts.size() == 3);  // one had failed before
  CHECK(letters[0].attempts.back().error == "removed");
  CHECK(letters[1].attempts.back().error == "removed");
  rig.advance(1min);
  CHECK(rig.take(group).empty());
  CHECK(rig.machine->counts(group).running == 1);
  CHECK(rig.take(other).size() == 3);
}

TEST_CASE("what was given up stays so in the next life", "[work][letters]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.machine->give_up(rig.now, wall(300), group, "removed", rig.log);
  rig.write();

  rig.crash();
  rig.sync();

  CHECK(rig.take(rig.group("index")).empty());
  CHECK(rig.asked<StoreLetter>().size() == 1);
}
