#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

constexpr Position nothing = std::numeric_limits<Position>::max();

Machine::Read unread() {
  return [](Position) -> std::shared_ptr<const Parcel> { throw std::logic_error("read"); };
}

}  // namespace

TEST_CASE("acceptances are numbered from 1 and end where their record does", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");

  const Accepted first = rig.accept({group});
  CHECK(first.id == DispatchId{node_id(1), 1, 1});
  CHECK(first.end == rig.log.end());
  const Accepted second = rig.accept({group});
  CHECK(second.id.seq == 2);
  CHECK(second.end > first.end);
}

TEST_CASE("the same event accepted twice is owed twice", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const Acceptance acceptance = rig.event({group});

  static_cast<void>(rig.machine->accept(acceptance, rig.log));
  static_cast<void>(rig.machine->accept(acceptance, rig.log));
  rig.write();

  CHECK(rig.take(group).size() == 2);
  CHECK(rig.machine->owed(acceptance.event_id).size() == 2);
}

TEST_CASE("acceptances that make no sense are refused by their fault", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  Acceptance eventless = rig.event({group});
  eventless.event = nullptr;
  Acceptance elsewhere = rig.event({group});
  elsewhere.bus = "other";
  const auto message = [&](const Acceptance& acceptance) {
    return rig.machine->accept(acceptance, rig.log).error().message;
  };

  CHECK(message(rig.event({})) == "an acceptance names no group");
  CHECK(message(rig.event({7})) == "group 7 is none of bus \"mail\"");
  CHECK(message(elsewhere) == "group 0 is none of bus \"other\"");
  CHECK(message(eventless) == "an acceptance has no event");
  CHECK(message(rig.event(std::vector<GroupIndex>(1025, group))) == "an event for 1025 groups; at most 1024");
  CHECK(rig.log.count() == 1);  // the life's beginning
}

TEST_CASE("at its quota a group's new obligation is a dead letter and the others are owed",
          "[work][acceptance]") {
  Rig rig;
  Policy small = test::policy();
  small.backlog_max = 2;
  const GroupIndex group = rig.group("index", small);
  const GroupIndex other = rig.group("other");
  for (int i = 0; i < 3; ++i) rig.accept({group, other});

  rig.write();
  CHECK(rig.asked<StoreLetter>().empty());
  rig.sync();

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].id.seq == 3);
  CHECK(letters[0].attempts.at(0).error ==
        "quota: the group is owed as much as it may be, 2 events of 10 bytes");
  CHECK(rig.take(group).size() == 2);
  CHECK(rig.take(other).size() == 3);
  CHECK(rig.machine->counters().over_quota == 1);
}

TEST_CASE("the quota in bytes counts the events of what is owed", "[work][acceptance]") {
  Rig rig;
  Policy small = test::policy();
  small.backlog_bytes_max = 10;
  const GroupIndex group = rig.group("index", small);

  rig.accept({group});
  rig.accept({group});
  rig.accept({group});
  rig.write();

  CHECK(rig.take(group).size() == 2);
  CHECK(rig.machine->counts(group).burying == 1);
  CHECK(rig.machine->counts(group).bytes == 15);
}

TEST_CASE("a group may refuse the whole dispatch at its quota instead", "[work][acceptance]") {
  Rig rig;
  Policy small = test::policy();
  small.backlog_max = 1;
  small.refuse_at_quota = true;
  const GroupIndex group = rig.group("index", small);
  const GroupIndex other = rig.group("other");
  rig.accept({group, other});

  const auto refused = rig.machine->accept(rig.event({other, group}), rig.log);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::back_pressure);
  CHECK(refused.error().message == "group index is owed 1 events of 5 bytes, its quota; try again later");
  CHECK(rig.machine->counts(other).ready == 1);
  CHECK(rig.machine->counters().refused == 1);
}

TEST_CASE("whether several events fit a group that refuses is known before", "[work][acceptance]") {
  Rig rig;
  Policy bounded = policy();
  bounded.backlog_max = 3;
  bounded.backlog_bytes_max = 1'000;
  bounded.refuse_at_quota = true;
  const GroupIndex group = rig.group("index", bounded);
  const std::array groups{group};
  rig.accept({group});

  CHECK(rig.machine->fits(groups, 2, 100));
  CHECK(rig.machine->fits(groups, 3, 100).error().code == ErrorCode::back_pressure);
  CHECK(rig.machine->fits(groups, 1, 1'000).error().code == ErrorCode::back_pressure);
}

TEST_CASE("when letters cannot be stored either, twice the quota refuses the dispatch",
          "[work][acceptance]") {
  Rig rig;
  Policy small = test::policy();
  small.backlog_max = 2;
  const GroupIndex group = rig.group("index", small);
  for (int i = 0; i < 4; ++i) rig.accept({group});

  CHECK_FALSE(rig.machine->accept(rig.event({group}), rig.log));
}

TEST_CASE("events beyond the memory for them are read back from where they stand", "[work][acceptance]") {
  Rig rig({.self = node_id(1), .event_bytes_max = Parcel::memory_bytes(7)});
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.accept({group});
  rig.write();

  const auto jobs = rig.take(group);

  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].event);
  CHECK_FALSE(jobs[1].event);
  CHECK(jobs[1].position == rig.machine->position(jobs[1].handle));
  for (const auto& [position, bytes] : rig.records) {
    if (position == jobs[1].position)
      CHECK(std::get<storage::Owed>(*storage::decode_record(bytes, node_id(1))).event == "event");
  }
  rig.finish(jobs[0]);
  rig.accept({group});
  rig.write();
  CHECK(rig.take_one(group).event);
}

TEST_CASE("a backlog leaves half of the memory for events to the newest", "[work][acceptance]") {
  Rig rig({.self = node_id(1), .event_bytes_max = Parcel::memory_bytes(7) * 4});
  const GroupIndex piles_up = rig.group("index");
  const GroupIndex runs = rig.group("search");
  for (int i = 0; i < 10; ++i) rig.accept({piles_up});

  for (int i = 0; i < 10; ++i) {
    rig.accept({runs});
    rig.write();
    const auto job = rig.take_one(runs);
    CHECK(job.event);
    rig.finish(job);
  }

  const auto backlog = rig.take(piles_up);
  REQUIRE(backlog.size() == 10);
  CHECK(backlog[0].event);
  CHECK(backlog[1].event);
  CHECK(std::ranges::count_if(backlog, [](const Job& job) { return job.event != nullptr; }) <= 4);
}

TEST_CASE("the journal is needed from the oldest that is owed", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  CHECK(rig.machine->oldest() == nothing);
  rig.accept({group});
  const Position second = rig.log.end();
  rig.accept({group});
  rig.write();

  CHECK(rig.machine->oldest() < second);
  const std::uint64_t both = rig.machine->record_bytes();
  rig.finish(rig.take_one(group));
  CHECK(rig.machine->oldest() == second);
  CHECK(rig.machine->record_bytes() == both / 2);
  rig.finish(rig.take_one(group));
  CHECK(rig.machine->oldest() == nothing);
  CHECK(rig.machine->record_bytes() == 0);
}

TEST_CASE("what was carried is needed where it was until the copy is synced", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  const Position before = rig.machine->oldest();

  CHECK(rig.machine->carry(rig.log.begin(), 1 << 20, unread(), rig.log));
  rig.write();
  CHECK(rig.machine->oldest() == before);
  rig.sync();

  CHECK(rig.machine->oldest() > before);
}

TEST_CASE("carrying stops after its bytes and goes on where it stopped", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  for (int i = 0; i < 3; ++i) rig.accept({group});
  rig.sync();
  const Position keep = rig.log.begin();

  CHECK_FALSE(rig.machine->carry(keep, 1, unread(), rig.log));
  CHECK(rig.log.count() == 1);
  CHECK_FALSE(rig.machine->carry(keep, 1, unread(), rig.log));
  CHECK(rig.machine->carry(keep, 1 << 20, unread(), rig.log));
  CHECK(rig.log.count() == 3);
}

TEST_CASE("an event that is not in memory is read for its copy; an unreadable one stops the carrying",
          "[work][acceptance]") {
  Rig rig({.self = node_id(1), .event_bytes_max = 0});
  const GroupIndex group = rig.group("index");
  rig.accept({group});
  rig.sync();
  const Position keep = rig.log.begin();

  CHECK_FALSE(rig.machine->carry(keep, 1 << 20, [](Position) { return nullptr; }, rig.log));
  CHECK(rig.log.empty());
  CHECK(rig.machine->carry(keep, 1 << 20, [](Position) { return parcel_of("event"); }, rig.log));
  rig.sync();
  rig.drop(keep);
  rig.crash();
  rig.write();
  CHECK(rig.take(rig.group("index")).size() == 1);
}

TEST_CASE("a copy says the whole state, so that the old records may be dropped", "[work][acceptance]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const auto letter = rig.bury_one(group);
  for (int i = 0; i < 5; ++i) rig.accept({group});
  static_cast<void>(rig.machine->redeliver(letter, rig.event({group}), rig.log));
  rig.sync();
  auto jobs = rig.take(group);
  REQUIRE(jobs.size() == 6);
  rig.finish(jobs[0], Ran::Ending::failed, "a");  // announced below
  rig.advance(200ms);
  rig.finish(jobs[1], Ran::Ending::failed, "b", 9s);  // waits
  rig.finish(jobs[2], Ran::Ending::refused, "c");     // burying
  rig.finish(jobs[5]);                                // settled, its letter is there
  const std::vector flights{
      rig.machine->flight(jobs[3].handle)};  // runs; jobs[4] too, and its flight is lost on purpose
  rig.sync();
  const Position keep = rig.log.begin();

  REQUIRE(rig.machine->carry(keep, 1 << 20, unread(), rig.log));
  rig.sync();
  rig.drop(keep);
  rig.crash(flights);
  rig.sync();

  const GroupIndex again = rig.group("index");
  const GroupCounts counts = rig.machine->counts(again);
  CHECK(counts.ready == 2);     // jobs[0] as attempt 2, jobs[4]
  CHECK(counts.retrying == 2);  // jobs[1], jobs[3]
  CHECK(counts.burying == 1);
  CHECK(counts.settled == 1);
  CHECK(rig.asked<StoreLetter>().at(0).attempts.at(0).error == "c");
  CHECK(rig.asked<RemoveLetter>().at(0).letter == letter.id);
  const auto next = rig.take(again);
  REQUIRE(next.size() == 2);
  CHECK(next[0].attempt == 2);
}

TEST_CASE("a history that fits no record is carried in several", "[work][acceptance]") {
  Rig rig;
  std::vector<GroupIndex> groups;
  for (int i = 0; i < 40; ++i) groups.push_back(rig.group("g" + std::to_string(i), test::policy(1000)));
  rig.accept(groups);
  rig.write();
  for (int round = 0; round < 70; ++round) {
    for (const GroupIndex group : groups)
      rig.finish(rig.take_one(group), Ran::Ending::failed, std::string(2000, 'x'));
    rig.advance(1min);
  }
  const Position keep = rig.log.begin();

  REQUIRE(rig.machine->carry(keep, 1 << 30, unread(), rig.log));
  const std::size_t from = rig.records.size();
  rig.sync();

  std::size_t owed = 0;
  for (const auto& record : rig.written_of<storage::Owed>(from)) {
    owed += record.groups.size();
    CHECK(record.groups[0].history.size() == limits::attempts_kept_max);
    CHECK(record.groups[0].history.back().number == 70);
  }
  CHECK(rig.written_of<storage::Owed>(from).size() == 3);
  CHECK(owed == 40);
  for (const auto& [position, bytes] : rig.records) CHECK(bytes.size() < 2 * limits::owed_groups_bytes_max);
}

TEST_CASE("whatever happened, the next life owes exactly what was owed", "[work][acceptance]") {
  rc::prop("replay gives the same state", [] {
    Rig rig;
    const GroupIndex group = rig.group("index", test::policy(2));
    std::vector<Job> running;
    for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 9))) {
      switch (step) {
        case 0:
        case 1:
        case 2: rig.accept({group}); break;
        case 3:
          for (const Job& job : rig.take(group, 2)) running.push_back(job);
          break;
        case 4:
        case 5:
          if (running.empty()) break;
          rig.finish(running.back(), step == 4 ? Ran::Ending::done : Ran::Ending::failed);
          running.pop_back();
          break;
        case 6: rig.advance(150ms); break;
        case 7: static_cast<void>(rig.machine->carry(rig.log.begin(), 200, unread(), rig.log)); break;
        case 8:
          for (const auto& letter : rig.asked<StoreLetter>())
            rig.machine->letter_stored(rig.now, letter.handle, true, rig.log);
          break;
      }
      if (step % 2 == 0) rig.sync();
    }
    for (const Job& job : running) rig.finish(job, Ran::Ending::failed);
    rig.sync();
    const auto before = rig.machine->counts(group);
    const Position oldest = rig.machine->oldest();
    rig.drop(oldest);

    rig.crash();
    rig.sync();

    const auto after = rig.machine->counts(rig.group("index", test::policy(2)));
    RC_ASSERT(after.ready == before.ready);
    RC_ASSERT(after.retrying == before.retrying);
    RC_ASSERT(after.burying == before.burying);
    RC_ASSERT(after.bytes == before.bytes);
    RC_ASSERT(rig.machine->oldest() == oldest);
  });
}
