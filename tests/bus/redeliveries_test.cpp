#include "bus/redeliveries.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/counters.hpp"
#include "bus/support.hpp"
#include "bus/task_document.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"
#include "wire/event_codec.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

using Kind = work::RedeliveryTask::Result::Kind;

std::vector<Letter> letters(int count, const std::string& group = "index") {
  std::vector<Letter> letters(static_cast<std::size_t>(count));
  for (Letter& letter : letters) {
    letter.id = DeadLetterId::fresh();
    letter.dispatch = dispatch_of_unaccepted(letter.id);
    letter.bus = "events";
    letter.group = group;
    wire::encode_event(sample(), {}, PayloadFormat::binary, letter.event);
  }
  return letters;
}

/// Tasks over a store in memory; what is redelivered is counted and leaves the store.
struct Desk {
  base::SystemClock clock;
  base::Counters counters;
  delivery::Pool pool{{}, counters};
  delivery::Timers timers{clock, 1'000};
  std::unique_ptr<LetterBox> box = must(LetterBox::open({}, counters));
  std::atomic<std::uint64_t> redelivered{0};
  std::atomic<Kind> kind{Kind::owed};
  std::vector<std::unique_ptr<Redeliveries>> lives;  // timers of one that was stopped still know it
  Redeliveries* tasks = nullptr;

  Desk() { start(); }
  ~Desk() {
    tasks->stop();
    timers.stop();
    pool.stop();
  }
  void start() {
    const auto redeliver = [this](std::span<const std::uint64_t> numbers) {
      redelivered += numbers.size();
      return std::vector<work::RedeliveryTask::Result>(numbers.size(), {kind, "so it is"});
    };
    lives.push_back(
        std::make_unique<Redeliveries>(Redeliveries::Services{clock, pool, timers, *box, {}, redeliver}));
    tasks = lives.back().get();
    must(tasks->resume());
  }
  TaskStatus run(const Redelivery& order = {}) {
    const TaskStatus task = must(tasks->order(TaskId::fresh(), order, {}));
    return must(tasks->wait(task.id, patience));
  }
};

}  // namespace

TEST_CASE("a task redelivers what there is and is over", "[bus][redeliveries]") {
  Desk desk;
  must(desk.box->keep(letters(600)));

  const TaskStatus task = desk.run();

  CHECK(task.state == TaskState::completed);
  CHECK(task.total == 600);
  CHECK(task.redelivered == 600);
  CHECK(desk.redelivered == 600);
}

TEST_CASE("a task counts what its filter and its limit leave", "[bus][redeliveries]") {
  Desk desk;
  must(desk.box->keep(letters(10)));
  must(desk.box->keep(letters(10, "quota")));

  CHECK(desk.run({.filter = {.group = "quota"}}).redelivered == 10);
  const TaskStatus some = desk.run({.limit = 3});
  CHECK(some.total == 3);
  CHECK(some.redelivered == 3);
}

TEST_CASE("a task that waits for room is cancelled at once", "[bus][redeliveries]") {
  Desk desk;
  desk.kind = Kind::blocked;
  must(desk.box->keep(letters(3)));
  const TaskStatus task = must(desk.tasks->order(TaskId::fresh(), {}, {}));
  REQUIRE(
      support::eventually(patience, [&] { return must(desk.tasks->wait(task.id, 0ms)).note == "so it is"; }));

  const TaskStatus cancelled = must(desk.tasks->cancel(task.id));

  CHECK(cancelled.state == TaskState::cancelled);
  CHECK(cancelled.redelivered == 0);
}

TEST_CASE("the last hundred tasks are remembered, also by the store", "[bus][redeliveries]") {
  Desk desk;
  std::vector<TaskId> ordered;
  for (int count = 0; count < 101; ++count) ordered.push_back(desk.run().id);

  CHECK(desk.tasks->all().size() == 100);
  // Those of one millisecond have no order among them.
  const TaskId oldest = *std::ranges::min_element(ordered);
  CHECK(code(desk.tasks->wait(oldest, 0ms)) == ErrorCode::not_found);
  CHECK(desk.tasks->wait(*std::ranges::max_element(ordered), 0ms).has_value());
  CHECK(must(desk.box->documents("task")).size() == 100);
}

TEST_CASE("the next life goes on with what is unfinished and shows what is over", "[bus][redeliveries]") {
  Desk desk;
  desk.kind = Kind::blocked;
  must(desk.box->keep(letters(3)));
  const TaskStatus over = desk.run({.dry_run = true});
  const TaskStatus open = must(desk.tasks->order(TaskId::fresh(), {}, {}));
  desk.tasks->stop();
  CHECK(code(desk.tasks->order(TaskId::fresh(), {}, {})) == ErrorCode::closed);

  desk.kind = Kind::owed;
  desk.start();

  CHECK(must(desk.tasks->wait(open.id, patience)).redelivered == 3);
  CHECK(must(desk.tasks->wait(over.id, 0ms)).state == TaskState::completed);
}

TEST_CASE("a store with a task that cannot be read is refused", "[bus][redeliveries]") {
  Desk desk;
  must(desk.box->put("task", TaskId::fresh().to_string(), "{}"));
  desk.tasks->stop();

  Redeliveries broken({desk.clock, desk.pool, desk.timers, *desk.box, {}, {}});

  CHECK(code(broken.resume()) == ErrorCode::storage);
}

TEST_CASE("a page of a hundred thousand letters comes fast, wherever it begins", "[bus][letter_box]") {
  Desk desk;
  for (int batch = 0; batch < 100; ++batch)
    must(desk.box->keep(letters(1'000, batch % 2 == 0 ? "index" : "quota")));
  const auto took = [&](const LetterBox::Filter& filter, std::uint64_t after) {
    const auto began = std::chrono::steady_clock::now();
    CHECK(must(desk.box->page(filter, after, 100)).size() == 100);
    return std::chrono::steady_clock::now() - began;
  };

  // Far from what it takes, so that a busy machine does not matter, and far from a walk through all of them.
  CHECK(took({}, 0) < 200ms);
  CHECK(took({}, 99'000) < 200ms);
  CHECK(took({.group = "quota"}, 90'000) < 200ms);
  CHECK(must(desk.box->count({})) == 100'000);
}
