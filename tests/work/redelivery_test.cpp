#include "work/redelivery.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <set>

namespace evmesh::work {
namespace {

using namespace std::chrono_literals;
using Result = RedeliveryTask::Result;
using Kind = Result::Kind;

const Timestamp wall{std::chrono::seconds{1'700'000'000}};

/// Letters and what is owed, as a node keeps them: a letter that is owed again leaves a little later.
struct Desk {
  std::map<std::uint64_t, std::string> letters;  // number -> place
  std::set<std::uint64_t> owed;                  // whose letter is still there
  std::vector<std::uint64_t> redelivered;        // in this order, for real
  std::set<std::uint64_t> failing;
  std::set<std::uint64_t> blocked;
  std::uint64_t die_again_as = 0;  // not 0: what is redelivered dies at once, under numbers from here

  void fill(std::uint64_t from, std::uint64_t to, const std::string& place = "events/index") {
    for (std::uint64_t number = from; number <= to; ++number) letters[number] = place;
  }
  std::vector<RedeliveryTask::Letter> page(const RedeliveryTask::Look& look) const {
    std::vector<RedeliveryTask::Letter> found;
    for (auto it = letters.upper_bound(look.after); it != letters.end() && it->first <= look.upper; ++it) {
      if (found.size() == look.max) break;
      found.push_back({it->first, it->second});
    }
    return found;
  }
  Result redeliver(std::uint64_t number) {
    if (letters.count(number) == 0) return {Kind::gone};
    if (failing.count(number) != 0) return {Kind::failed, "nobody runs it"};
    if (blocked.count(number) != 0) return {Kind::blocked, "its group is full"};
    if (!owed.insert(number).second) return {Kind::already};
    redelivered.push_back(number);
    if (die_again_as != 0) letters[die_again_as++] = letters[number];
    return {Kind::owed};
  }
  void remove_what_is_owed() {
    for (const std::uint64_t number : owed) letters.erase(number);
    owed.clear();
  }
};

RedeliveryState order_of(std::uint64_t upper, Redelivery order = {}) {
  RedeliveryState state;
  state.status.order = std::move(order);
  state.upper = upper;
  return state;
}

/// Drives one task, at most `steps` steps; what was saved last stays in `kept`.
struct Driver {
  Desk& desk;
  RedeliveryState kept;
  base::MonoTime now{1h};
  std::size_t steps = 0;
  std::size_t waits = 0;

  bool step(RedeliveryTask& task) {
    ++steps;
    const RedeliveryTask::Step step = task.next(now, wall);
    if (std::holds_alternative<RedeliveryTask::Save>(step)) {
      kept = task.state();
      task.saved();
    } else if (const auto* look = std::get_if<RedeliveryTask::Look>(&step)) {
      task.looked(now, desk.page(*look));
    } else if (const auto* asked = std::get_if<RedeliveryTask::Redeliver>(&step)) {
      std::vector<Result> results;
      for (const std::uint64_t number : asked->numbers) results.push_back(desk.redeliver(number));
      task.redelivered(now, results);
    } else if (const auto* wait = std::get_if<RedeliveryTask::Wait>(&step)) {
      ++waits;
      now = wait->until;
    }
    return !std::holds_alternative<RedeliveryTask::Over>(step);
  }
  TaskStatus run() {
    RedeliveryTask task(kept);
    while (step(task)) desk.remove_what_is_owed();
    return task.status();
  }
};

}  // namespace

TEST_CASE("a redelivery takes every letter there was when it was ordered, in order, and says so",
          "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 1'000);
  Driver driver{desk, order_of(900)};

  const TaskStatus status = driver.run();

  CHECK(status.state == TaskState::completed);
  CHECK(status.looked_at == 900);
  CHECK(status.redelivered == 900);
  CHECK(status.failed == 0);
  CHECK(status.skipped == 0);
  CHECK(status.started == wall);
  CHECK(status.ended == wall);
  CHECK(desk.redelivered.size() == 900);
  CHECK(std::is_sorted(desk.redelivered.begin(), desk.redelivered.end()));
  CHECK(desk.letters.size() == 100);
}

TEST_CASE("a letter that dies again during its redelivery is not taken again", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 300);
  desk.die_again_as = 301;
  Driver driver{desk, order_of(300)};

  const TaskStatus status = driver.run();

  CHECK(status.redelivered == 300);
  CHECK(desk.letters.size() == 300);
  CHECK(desk.letters.begin()->first == 301);
}

TEST_CASE("a redelivery stops at its limit", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 1'000);

  SECTION("inside a batch") {
    const TaskStatus status = Driver{desk, order_of(1'000, {.limit = 10})}.run();
    CHECK(status.redelivered == 10);
    CHECK(desk.redelivered.size() == 10);
  }
  SECTION("behind several") {
    const TaskStatus status = Driver{desk, order_of(1'000, {.limit = 700})}.run();
    CHECK(status.redelivered == 700);
    CHECK(desk.redelivered.size() == 700);
  }
}

TEST_CASE("a dry run counts and changes nothing", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 600);

  const TaskStatus status = Driver{desk, order_of(600, {.limit = 0, .per_second = 1, .dry_run = true})}.run();

  CHECK(status.state == TaskState::completed);
  CHECK(status.redelivered == 600);
  CHECK(desk.redelivered.empty());
  CHECK(desk.letters.size() == 600);
}

TEST_CASE("letters of groups that are not critical come last, within one limit", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 2, "events/statistics");
  desk.fill(3, 4, "events/index");
  desk.fill(5, 6, "events/statistics");
  RedeliveryState state = order_of(6, {.limit = 3});
  state.late = {"events/statistics"};

  const TaskStatus status = Driver{desk, state}.run();

  CHECK(desk.redelivered == std::vector<std::uint64_t>{3, 4, 1});
  CHECK(status.looked_at == 3);
}

TEST_CASE("a redelivery keeps its rate", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 100);

  SECTION("slower than one a step") {
    Driver driver{desk, order_of(100, {.per_second = 2})};
    driver.run();
    // The last of a hundred goes when 99 halves of a second have passed.
    CHECK(driver.now - base::MonoTime{1h} == 49'500ms);
  }
  SECTION("several a step") {
    Driver driver{desk, order_of(100, {.per_second = 50})};
    driver.run();
    CHECK(driver.now - base::MonoTime{1h} == 1'900ms);
    CHECK(driver.waits == 19);
  }
}

TEST_CASE("what cannot be redelivered is counted with its reason and makes the task fail",
          "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 10);
  desk.failing = {4};
  desk.owed = {7};
  Driver driver{desk, order_of(10)};
  RedeliveryTask task(driver.kept);

  while (driver.step(task)) {
  }

  CHECK(task.status().state == TaskState::failed);
  CHECK(task.status().failed == 1);
  CHECK(task.status().skipped == 1);
  CHECK(task.status().redelivered == 8);
  CHECK(task.status().note == "nobody runs it");
}

TEST_CASE("what is blocked is tried again until it goes", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 3);
  desk.blocked = {2};
  Driver driver{desk, order_of(3)};
  RedeliveryTask task(driver.kept);
  while (driver.waits < 2) driver.step(task);
  CHECK(task.status().note == "its group is full");
  CHECK(task.status().redelivered == 2);

  desk.blocked.clear();
  while (driver.step(task)) {
  }

  CHECK(task.status().state == TaskState::completed);
  CHECK(task.status().redelivered == 3);
  CHECK(task.status().note.empty());
  CHECK(driver.now - base::MonoTime{1h} == 2s);
}

TEST_CASE("a cancelled redelivery takes nothing more and stays cancelled", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 1'000);
  Driver driver{desk, order_of(1'000)};
  RedeliveryTask task(driver.kept);
  while (desk.redelivered.empty()) driver.step(task);

  task.cancel(wall);
  while (driver.step(task)) {
  }
  const TaskStatus again = Driver{desk, driver.kept}.run();

  CHECK(task.status().state == TaskState::cancelled);
  CHECK(again.state == TaskState::cancelled);
  CHECK(desk.redelivered.size() == 256);
  CHECK(again.looked_at == 256);
}

TEST_CASE("what was decided on and not redelivered before the end does not count", "[work][redelivery]") {
  Desk desk;
  desk.fill(1, 10);
  Driver driver{desk, order_of(10)};
  RedeliveryTask task(driver.kept);
  while (task.state().taken.empty()) driver.step(task);

  task.cancel(wall);

  CHECK(task.status().looked_at == 0);
}

TEST_CASE("a redelivery whose letters cannot be read fails and says why", "[work][redelivery]") {
  RedeliveryTask task(order_of(10));

  task.give_up(wall, "state.db is damaged");

  CHECK(task.status().state == TaskState::failed);
  CHECK(task.status().note == "state.db is damaged");
  CHECK(task.status().ended == wall);
}

TEST_CASE("a redelivery goes on after a crash at any step, redelivers each letter once and keeps its limit",
          "[work][redelivery]") {
  const bool removed_before = GENERATE(true, false);
  const std::uint64_t limit = GENERATE(std::uint64_t{0}, std::uint64_t{400});
  const std::uint64_t expected = limit == 0 ? 700 : 400;
  std::size_t crashes = 0;
  for (std::size_t crash_at = 0;; ++crash_at) {
    Desk desk;
    desk.fill(1, 600);
    desk.fill(601, 700, "events/statistics");
    RedeliveryState state = order_of(700, {.limit = limit});
    state.late = {"events/statistics"};
    Driver driver{desk, state};
    RedeliveryTask first(driver.kept);
    bool going = true;
    while (going && driver.steps < crash_at) going = driver.step(first);
    if (!going) break;
    ++crashes;

    if (removed_before) desk.remove_what_is_owed();
    const TaskStatus status = driver.run();

    INFO("crash before step " << crash_at);
    REQUIRE(status.state == TaskState::completed);
    REQUIRE(desk.redelivered.size() == expected);
    REQUIRE(std::set(desk.redelivered.begin(), desk.redelivered.end()).size() == expected);
    REQUIRE(status.redelivered == expected);
    REQUIRE(status.looked_at == expected);
    REQUIRE(status.skipped == 0);
  }
  CHECK(crashes > 8);
}

}  // namespace evmesh::work
