#include <algorithm>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Failed;
using storage::Fate;
using storage::Started;
using storage::Verdict;

TEST_CASE("nothing is given out before it is written", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");

  rig.accept({group});
  CHECK(rig.take(group).empty());

  rig.write();
  const auto jobs = rig.take(group);
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].attempt == 1);
  CHECK_FALSE(jobs[0].possibly_duplicate);
  CHECK(jobs[0].event->bytes == "event");
}

TEST_CASE("a group is told of work once, until it has taken all of it", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");

  rig.accept({group});
  rig.accept({group});
  CHECK(rig.asked<Ready>().empty());
  rig.write();
  CHECK(rig.asked<Ready>().size() == 1);
  rig.accept({group});
  rig.write();
  CHECK(rig.asked<Ready>().empty());

  CHECK(rig.take(group).size() == 3);
  rig.accept({group});
  rig.write();
  CHECK(rig.asked<Ready>().size() == 1);
}

TEST_CASE("what became written while a group had nothing to take is told", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  CHECK(rig.take(group).empty());

  rig.write();

  CHECK(rig.asked<Ready>().size() == 1);
}

TEST_CASE("the oldest run first and no more than asked for", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 3; ++i) rig.accept({group});
  rig.write();

  const auto jobs = rig.take(group, 2);

  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].id.seq == 1);
  CHECK(jobs[1].id.seq == 2);
  CHECK(rig.machine->counts(group).ready == 1);
  CHECK(rig.machine->counts(group).running == 2);
}

TEST_CASE("done is one verdict and nothing is owed", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const Accepted accepted = rig.accept({group});
  rig.write();

  rig.finish(rig.take_one(group));
  rig.write();

  const auto verdicts = rig.written_of<Verdict>();
  REQUIRE(verdicts.size() == 1);
  CHECK(verdicts[0].fate == Fate::done);
  CHECK(verdicts[0].place.id == accepted.id);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("a failing event is attempted retries plus one times, then buried with its history",
          "[work][execution][R05][R10]") {
  Rig rig;
  const GroupIndex group = rig.group("index", policy(3));
  rig.accept({group});
  rig.sync();

  CHECK(rig.run_out(group, Ran::Ending::failed) == std::vector<std::uint32_t>{1, 2, 3, 4});

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].attempts.size() == 4);
  CHECK(letters[0].attempts[3] == Attempt{4, wall(100), node_id(1), "no"});
  CHECK(rig.machine->counts(group).burying == 1);
}

TEST_CASE("without retries one attempt is all", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index", policy(0));
  rig.accept({group});
  rig.sync();

  CHECK(rig.run_out(group, Ran::Ending::failed) == std::vector<std::uint32_t>{1});
}

TEST_CASE("retry n waits first * 2^(n-1), at most the cap", "[work][execution]") {
  Rig rig;
  Policy policy = test::policy(5);
  policy.retry.cap = 500ms;
  const GroupIndex group = rig.group("index", policy);
  rig.accept({group});
  rig.write();

  for (const auto wait : {100ms, 200ms, 400ms, 500ms, 500ms}) {
    rig.finish(rig.take_one(group), Ran::Ending::failed);
    CHECK(rig.machine->next_deadline() == rig.now + wait);
    rig.advance(wait - 1ns);
    CHECK(rig.take(group).empty());
    rig.advance(1ns);
    CHECK(rig.machine->counts(group).ready == 1);
  }
}

TEST_CASE("jitter only stretches a wait", "[work][execution]") {
  rc::prop("wait in [first, first * 1.5]", [](std::uint64_t seed) {
    Rig rig({.self = node_id(1), .seed = seed});
    const GroupIndex group = rig.group("index", Policy{});
    rig.accept({group});
    rig.write();
    rig.finish(rig.take_one(group), Ran::Ending::failed);
    const auto wait = *rig.machine->next_deadline() - rig.now;
    RC_ASSERT(wait >= 100ms);
    RC_ASSERT(wait <= 150ms);
  });
}

TEST_CASE("a listener may ask for a longer wait, not for a shorter one", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();

  rig.finish(rig.take_one(group), Ran::Ending::failed, "later", 5s);
  CHECK(rig.machine->next_deadline() == rig.now + 5s);
  rig.finish(rig.take_one(group), Ran::Ending::failed, "soon", 1ms);
  CHECK(rig.machine->next_deadline() == rig.now + 100ms);
}

TEST_CASE("a later attempt is announced in the journal before it is given out", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.finish(rig.take_one(group), Ran::Ending::failed);
  rig.write();
  CHECK(rig.written_of<Failed>().size() == 1);

  rig.now += 100ms;
  rig.machine->tick(rig.now, rig.log, rig.actions);
  CHECK(rig.take(group).empty());

  rig.write();
  const auto started = rig.written_of<Started>();
  REQUIRE(started.size() == 1);
  CHECK(started[0].attempt == 2);
  CHECK(rig.take_one(group).attempt == 2);
}

TEST_CASE("one tick announces no more than it may append; the others stay due", "[work][execution]") {
  Rig rig({.self = node_id(1), .tick_bytes_max = 60});
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 5; ++i) rig.accept({group});
  rig.write();
  for (const Job& job : rig.take(group)) rig.finish(job, Ran::Ending::failed);

  rig.advance(1s);
  CHECK(rig.machine->counts(group).ready == 2);
  CHECK(*rig.machine->next_deadline() <= rig.now);
  rig.advance(0s);
  rig.advance(0s);
  CHECK(rig.machine->counts(group).ready == 5);
}

TEST_CASE("what is refused has no further attempt", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();

  rig.finish(rig.take_one(group), Ran::Ending::refused, "never");
  rig.sync();

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].attempts == std::vector<Attempt>{{1, wall(100), node_id(1), "never"}});
  CHECK_FALSE(rig.machine->next_deadline());
}

TEST_CASE("an unknown type burns no attempt and waits a second, then longer", "[work][execution]") {
  Rig rig;
  Policy policy = test::policy(0);
  policy.retry.cap = 3s;
  const GroupIndex group = rig.group("index", policy);
  rig.accept({group});
  rig.write();
  const std::size_t before = rig.records.size();

  for (const auto& [least, most] :
       {std::pair(1s, 1500ms), std::pair(2s, 3000ms), std::pair(3s, 4500ms), std::pair(3s, 4500ms)}) {
    const Job job = rig.take_one(group);
    CHECK(job.attempt == 1);
    rig.finish(job, Ran::Ending::unknown_type);
    const auto wait = *rig.machine->next_deadline() - rig.now;
    CHECK(wait >= least);
    CHECK(wait <= most);
    rig.advance(wait);
  }
  CHECK(rig.records.size() == before);
  CHECK(rig.machine->counters().unknown_type == 4);
}

TEST_CASE("an unknown type of a retry keeps the number that was announced", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  rig.finish(rig.take_one(group), Ran::Ending::failed);
  rig.advance(1s);
  rig.finish(rig.take_one(group), Ran::Ending::unknown_type);
  rig.advance(2s);

  CHECK(rig.take_one(group).attempt == 2);
  CHECK(rig.written_of<Started>().size() == 1);
}

TEST_CASE("a paused group gives nothing out and keeps what it is owed", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.machine->pause(group, true, rig.actions);
  rig.write();

  CHECK(rig.take(group).empty());
  CHECK(rig.asked<Ready>().empty());
  CHECK(rig.machine->counts(group).paused);
  CHECK(rig.machine->counts(group).ready == 1);

  rig.machine->pause(group, false, rig.actions);
  CHECK(rig.asked<Ready>().size() == 1);
  CHECK(rig.take(group).size() == 1);
}

TEST_CASE("cancelling ends all but what runs, which is cancelled when it fails", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const GroupIndex other = rig.group("other");
  for (int i = 0; i < 4; ++i) rig.accept({group, other});
  rig.write();
  const auto jobs = rig.take(group, 3);
  rig.finish(jobs[2], Ran::Ending::failed);

  CHECK(rig.machine->cancel(group, rig.log) == 2);

  CHECK(rig.machine->counts(group).running == 2);
  rig.finish(jobs[0], Ran::Ending::failed);
  rig.finish(jobs[1], Ran::Ending::done);
  rig.advance(1min);
  CHECK(rig.take(group).empty());
  CHECK(rig.machine->counters().cancelled == 3);
  CHECK(rig.machine->counters().done == 1);
  CHECK(rig.take(other).size() == 4);
}

TEST_CASE("what was cancelled stays so in the next life, and what runs then is cancelled with it",
          "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();
  const Job job = rig.take_one(group);
  rig.machine->cancel(group, rig.log);
  const Accepted later = rig.accept({group});
  rig.write();

  rig.crash(std::vector{rig.machine->flight(job.handle)});
  rig.write();

  const auto jobs = rig.take(rig.group("index"));
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id == later.id);
}

TEST_CASE("what is cancelled or given up comes in pieces that a commit can hold", "[work][execution]") {
  Rig rig({.self = node_id(1), .tick_bytes_max = 300});
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 20; ++i) rig.accept({group});
  rig.write();

  std::uint64_t given_up = 0;
  for (int pieces = 0; pieces < 3; ++pieces) {
    const auto before = rig.log.bytes().size();
    given_up += rig.machine->give_up(rig.now, wall(300), group, "removed", rig.log);
    CHECK(rig.log.bytes().size() < before + 450);
    rig.write();
  }
  CHECK(given_up > 6);
  CHECK(given_up < 20);
  CHECK(rig.machine->cancel(group, rig.log) == 20 - given_up);
  CHECK(rig.machine->cancel(group, rig.log) == 0);
  CHECK(rig.machine->counts(group).burying == given_up);
}

TEST_CASE("an answer for what does not run is ignored", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  const Job job = rig.take_one(group);
  rig.finish(job);
  rig.accept({group});
  rig.write();

  rig.finish(job);
  rig.machine->finished(rig.now, wall(0), 0, {}, rig.log, rig.actions);

  CHECK(rig.machine->counts(group).ready == 1);
  CHECK(rig.machine->counters().done == 1);
}

TEST_CASE("handles are never used twice", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  std::vector<Handle> handles;
  for (int i = 0; i < 100; ++i) {
    rig.accept({group});
    rig.write();
    const Job job = rig.take_one(group);
    handles.push_back(job.handle);
    rig.finish(job);
  }

  std::ranges::sort(handles);
  CHECK(std::ranges::adjacent_find(handles) == handles.end());
  CHECK(handles.front() != 0);
}

TEST_CASE("what the caller claims is not given out", "[work][execution]") {
  Rig rig;
  const GroupIndex inline_group = rig.group("inline");
  const GroupIndex paused = rig.group("paused");
  const GroupIndex other = rig.group("other");
  rig.machine->pause(paused, true, rig.actions);
  Acceptance acceptance = rig.event({other, inline_group, paused});
  acceptance.claimed = {paused, inline_group};

  const Accepted accepted = *rig.machine->accept(acceptance, rig.log);
  rig.write();

  REQUIRE(accepted.claimed.size() == 2);
  CHECK(accepted.claimed[0] == 0);
  CHECK(rig.take(inline_group).empty());
  CHECK(rig.take(other).size() == 1);
  CHECK(rig.machine->flight(accepted.claimed[1]) == Flight{.id = accepted.id,
                                                           .group = storage::group_hash("mail", "inline"),
                                                           .generation = 0,
                                                           .attempt = 1,
                                                           .suspect = false});
  rig.machine->finished(rig.now, wall(0), accepted.claimed[1], {}, rig.log, rig.actions);
  CHECK(rig.machine->counts(inline_group).running == 0);
}

TEST_CASE("a long error is kept in part, cut where a character begins", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();

  rig.finish(rig.take_one(group), Ran::Ending::failed, std::string(1023, 'x') + "\xc3\xa4" + "tail");
  rig.write();

  CHECK(rig.written_of<Failed>().at(0).error == std::string(1023, 'x'));
}

TEST_CASE("what is given back is the next of its group again, as the same attempt", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 2; ++i) rig.accept({group});
  rig.write();
  const Job first = rig.take_one(group);

  rig.machine->give_back(first.handle, rig.log, rig.actions);

  CHECK(rig.asked<Ready>().size() == 1);
  const auto again = rig.take(group);
  REQUIRE(again.size() == 2);
  CHECK(again[0].handle == first.handle);
  CHECK(again[0].attempt == 1);
}

TEST_CASE("what is given back after its group was cancelled is cancelled", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.write();
  const Job job = rig.take_one(group);
  rig.machine->cancel(group, rig.log);

  rig.machine->give_back(job.handle, rig.log, rig.actions);

  CHECK(rig.take(group).empty());
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("a suspect that is given back lets another run", "[work][execution]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 2; ++i) rig.accept({group});
  rig.sync();
  std::vector<Flight> flights;
  for (const Job& job : rig.take(group)) flights.push_back(rig.machine->flight(job.handle));
  rig.crash(flights);
  rig.sync();
  rig.advance(1min);
  const auto suspects = rig.take(group);
  REQUIRE(suspects.size() == 1);

  rig.machine->give_back(suspects[0].handle, rig.log, rig.actions);

  CHECK(rig.take(group).size() == 1);
}
