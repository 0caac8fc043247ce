#include "bus/operations.hpp"

#include <atomic>
#include <set>

#include <catch2/catch.hpp>
#include <evmesh/node.hpp>

#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;

namespace {

/// A mono node on a disk, with a group whose listener fails as long as `broken`.
struct Mono {
  support::TempDir dir;
  std::atomic<bool> broken{true};
  std::atomic<int> handled{0};
  std::unique_ptr<Node> node = open();
  std::optional<Registration> registration;

  std::unique_ptr<Node> open() {
    NodeOptions options;
    options.data_dir = dir.path();
    options.journal_reserve_bytes = 8 << 20;
    options.buses = {"events", "jmap"};
    return must(Node::open(std::move(options)));
  }
  void run(const std::string& name = "index", GroupOptions options = fragile()) {
    registration = must(node->bus().register_listener(make_listener([this](const Event&) {
                                                        if (broken) throw std::runtime_error("no index");
                                                        ++handled;
                                                      }),
                                                      group(name), options));
  }
  void restart() {
    node->stop();
    registration.reset();
    node.reset();
    node = open();
  }
  GroupWork& work() const { return node->group_work(); }
  GroupStatus status(const std::string& name = "index") const {
    return must(work().group("events", group(name)));
  }

  /// Dispatches so many events and waits until they are dead letters.
  std::vector<EventId> bury(int count, const std::string& name = "index") {
    std::vector<EventId> events;
    for (int at = 0; at < count; ++at) events.push_back(must(node->bus().dispatch(sample())).event_id);
    const auto lives = must(work().wait_over(events, patience));
    REQUIRE(status(name).dead >= static_cast<std::uint64_t>(count));
    return events;
  }
  TaskStatus redeliver(Redelivery order = {}) {
    const TaskStatus task = must(work().redeliver(order));
    return must(work().wait_task(task.id, patience));
  }
  std::vector<DeadLetterEntry> letters(const DeadLetterFilter& filter = {}) const {
    return must(work().dead_letters(filter, 0, 1'000)).items;
  }
  bool handled_becomes(int count) {
    return support::eventually(patience, [&] { return handled == count; });
  }
};

}  // namespace

TEST_CASE("a group shows who runs it, what it is owed and what died", "[bus][operations]") {
  Mono mono;
  mono.run();
  mono.bury(2);

  const auto groups = must(mono.work().groups());

  REQUIRE(groups.size() == 1);
  CHECK(groups[0].bus == "events");
  CHECK(groups[0].group == group("index"));
  CHECK(groups[0].required);
  CHECK(groups[0].runners == 1);
  CHECK(groups[0].dead == 2);
  CHECK(groups[0].owed() == 0);
  CHECK_FALSE(groups[0].paused);
  CHECK(groups[0].run_p99.value() < patience);
  mono.restart();
  CHECK_FALSE(mono.status().run_p99);
  CHECK(code(mono.work().group("events", group("other"))) == ErrorCode::unknown_group);
  CHECK(code(mono.work().group("mail", group("index"))) == ErrorCode::invalid_argument);
}

TEST_CASE("a paused group runs nothing, not even after a restart, until it is resumed", "[bus][operations]") {
  Mono mono;
  mono.broken = false;
  mono.run();
  CHECK(must(mono.work().pause("events", group("index"), "moving the index")).paused);
  must(mono.node->bus().dispatch(sample()));
  CHECK(mono.status().ready == 1);

  mono.restart();
  mono.run();
  must(mono.node->bus().dispatch(sample()));
  CHECK(mono.status().pause_reason == "moving the index");
  CHECK(mono.status().ready == 2);
  CHECK(mono.handled == 0);

  CHECK_FALSE(must(mono.work().resume("events", group("index"))).paused);
  CHECK(mono.handled_becomes(2));
  CHECK(code(mono.work().pause("events", group("other"), "")) == ErrorCode::unknown_group);
  CHECK(code(mono.work().pause("events", group("index"), std::string(1'025, 'x'))) ==
        ErrorCode::invalid_argument);
}

TEST_CASE("a group is removed when nobody runs it and nothing is owed, or what is owed is cancelled",
          "[bus][operations]") {
  Mono mono;
  mono.run();
  CHECK(code(mono.work().remove("events", group("index"), false)) == ErrorCode::group_in_use);
  must(mono.work().pause("events", group("index"), ""));
  must(mono.node->bus().dispatch(sample()));
  mono.restart();

  CHECK(code(mono.work().remove("events", group("index"), false)) == ErrorCode::group_in_use);
  CHECK(must(mono.work().remove("events", group("index"), true)) == 1);

  CHECK(code(mono.work().group("events", group("index"))) == ErrorCode::unknown_group);
  CHECK(code(mono.work().remove("events", group("index"), true)) == ErrorCode::unknown_group);
  mono.restart();
  CHECK(must(mono.node->bus().dispatch(sample())).groups == 0);
}

TEST_CASE("the life of an event is known while it is owed, when it is dead and when it is done",
          "[bus][operations]") {
  Mono mono;
  mono.run();
  must(mono.work().pause("events", group("index"), ""));
  const EventId event = must(mono.node->bus().dispatch(sample())).event_id;
  const EventLife waiting = must(mono.work().event(event));
  REQUIRE(waiting.groups.size() == 1);
  CHECK(waiting.groups[0].state == WorkState::ready);
  CHECK_FALSE(waiting.over());

  must(mono.work().resume("events", group("index")));
  const auto dead = must(mono.work().wait_over(std::span(&event, 1), patience)).front();
  REQUIRE(dead.groups.size() == 1);
  CHECK(dead.over());
  CHECK(dead.groups[0].state == WorkState::dead);
  CHECK(dead.groups[0].letter == mono.letters().front().letter.id);
  REQUIRE(dead.groups[0].attempts.size() == 1);
  CHECK(dead.groups[0].attempts[0].error == "no index");

  mono.broken = false;
  mono.redeliver();
  const auto done = must(mono.work().wait_over(std::span(&event, 1), patience)).front();
  REQUIRE(done.groups.size() == 1);
  CHECK(done.groups[0].state == WorkState::done);
  CHECK(done.groups[0].returns == 1);
  CHECK(done.groups[0].dispatch == dead.groups[0].dispatch);
  CHECK(must(mono.work().event(EventId::fresh())).groups.empty());
}

TEST_CASE("waiting for events ends with its time", "[bus][operations]") {
  Mono mono;
  mono.run();
  must(mono.work().pause("events", group("index"), ""));
  const EventId event = must(mono.node->bus().dispatch(sample())).event_id;

  const auto lives = must(mono.work().wait_over(std::span(&event, 1), 10ms));

  CHECK_FALSE(lives.front().over());
  CHECK(code(mono.work().wait_over({}, 0ms)) == ErrorCode::invalid_argument);
  CHECK(code(mono.work().wait_over(std::span(&event, 1), -1ms)) == ErrorCode::invalid_argument);
  CHECK(code(mono.work().wait_over(std::vector<EventId>(1'025), 0ms)) == ErrorCode::invalid_argument);
}

TEST_CASE("dead letters of a node are read a page at a time and by what is asked of them",
          "[bus][operations]") {
  Mono mono;
  mono.run();
  const auto events = mono.bury(3);

  const DeadLetterPage first = must(mono.work().dead_letters({}, 0, 2));
  const DeadLetterPage rest = must(mono.work().dead_letters({}, first.next, 2));

  CHECK(first.items.size() == 2);
  CHECK(rest.items.size() == 1);
  CHECK(rest.next == 0);
  CHECK(mono.letters({.event = events[1]}).size() == 1);
  CHECK(mono.letters({.text = "no index"}).size() == 3);
  CHECK(mono.letters({.text = "refused"}).empty());
  CHECK(mono.letters({.bus = "jmap"}).empty());
  CHECK(must(mono.work().count_dead_letters({.type = "Sample"})) == 3);
  CHECK(must(mono.work().dead_letter(rest.items[0].letter.id)).number == rest.items[0].number);
  CHECK(code(mono.work().dead_letter(DeadLetterId::fresh())) == ErrorCode::not_found);
  CHECK(code(mono.work().dead_letters({}, 0, 0)) == ErrorCode::invalid_argument);
  CHECK(code(mono.work().dead_letters({}, 0, 1'001)) == ErrorCode::invalid_argument);
}

TEST_CASE("removed dead letters are gone, and only they", "[bus][operations]") {
  Mono mono;
  mono.run();
  const auto events = mono.bury(3);

  CHECK(must(mono.work().remove_dead_letters({.event = events[0]})) == 1);
  CHECK(mono.letters().size() == 2);
  CHECK(must(mono.work().remove_dead_letters({})) == 2);
  CHECK(mono.letters().empty());
}

TEST_CASE("exported dead letters are imported as they were, once", "[bus][operations]") {
  Mono mono;
  mono.run();
  mono.bury(2);
  std::string lines;
  for (const DeadLetterEntry& entry : mono.letters()) lines += to_json(entry) + "\n\n";
  const auto before = mono.letters();
  must(mono.work().remove_dead_letters({}));

  const Imported imported = must(mono.work().import_dead_letters(lines));
  const Imported again = must(mono.work().import_dead_letters(lines));

  CHECK(imported.read == 2);
  CHECK(imported.kept == 2);
  CHECK(again.kept == 0);
  const auto after = mono.letters();
  REQUIRE(after.size() == 2);
  CHECK(after[0].letter.id == before[0].letter.id);
  CHECK(after[0].letter.event == before[0].letter.event);
  CHECK(after[0].letter.attempts == before[0].letter.attempts);
  CHECK(after[0].dispatch == before[0].dispatch);
  CHECK(after[0].accepted == before[0].accepted);

  const auto refused = mono.work().import_dead_letters(lines + "{\"bus\":\"events\"}\n");
  REQUIRE(code(refused) == ErrorCode::invalid_argument);
  CHECK(refused.error().message.starts_with("line 5: "));
}

TEST_CASE("what is redelivered runs again with its history, and its letters go", "[bus][operations][R12]") {
  Mono mono;
  mono.run();
  mono.bury(3);
  mono.broken = false;

  const TaskStatus task = mono.redeliver();

  CHECK(task.state == TaskState::completed);
  CHECK(task.total == 3);
  CHECK(task.redelivered == 3);
  CHECK(mono.handled_becomes(3));
  CHECK(support::eventually(patience, [&] { return mono.letters().empty(); }));
  CHECK(must(mono.work().tasks()).front().id == task.id);
  CHECK(mono.redeliver().looked_at == 0);
  CHECK(mono.handled == 3);
}

TEST_CASE("what dies again is a new letter with both histories", "[bus][operations]") {
  Mono mono;
  mono.run();
  const auto events = mono.bury(1);
  const DeadLetterEntry first = mono.letters().front();

  CHECK(mono.redeliver().redelivered == 1);
  must(mono.work().wait_over(events, patience));

  const auto letters = mono.letters();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].letter.id != first.letter.id);
  CHECK(letters[0].number > first.number);
  CHECK(letters[0].returns == 1);
  CHECK(letters[0].dispatch == first.dispatch);
  CHECK(letters[0].letter.attempts.size() == 2);
}

TEST_CASE("a letter of a group that nobody requires stays, and the task says why", "[bus][operations]") {
  Mono mono;
  mono.run();
  must(mono.node->bus().dead_letters().store(group("gone"), sample(), {}, {}));

  const TaskStatus task = mono.redeliver();

  CHECK(task.state == TaskState::failed);
  CHECK(task.failed == 1);
  CHECK(task.note.find("\"gone\"") != std::string::npos);
  CHECK(mono.letters().size() == 1);
  CHECK(mono.status("gone").dead == 1);
  CHECK_FALSE(mono.status("gone").required);
}

TEST_CASE("letters that were never accepted are redelivered each on its own", "[bus][operations]") {
  Mono mono;
  mono.broken = false;
  mono.run();
  for (int count = 0; count < 3; ++count) {
    must(mono.node->bus().dead_letters().store(group("index"), sample(), {}, {}));
  }

  CHECK(mono.redeliver().redelivered == 3);
  CHECK(mono.handled_becomes(3));
}

TEST_CASE("an event whose dispatch failed is redelivered to every group", "[bus][operations][F07]") {
  Mono mono;
  mono.broken = false;
  mono.run();
  std::atomic<int> other{0};
  const auto second = must(mono.node->bus().register_listener(make_listener([&](const Event&) { ++other; }),
                                                              group("quota"), fragile()));
  must(mono.node->bus().dead_letters().store(Group::dispatching_failure("events"), sample(), {}, {}));

  CHECK(mono.redeliver().redelivered == 1);

  CHECK(mono.handled_becomes(1));
  CHECK(support::eventually(patience, [&] { return other == 1; }));
  CHECK(support::eventually(patience, [&] { return mono.letters().empty(); }));
}

TEST_CASE("a task goes on after a restart, and ends when it is cancelled", "[bus][operations]") {
  Mono mono;
  mono.run();
  mono.bury(3);
  mono.broken = false;
  const TaskStatus ordered = must(mono.work().redeliver({.per_second = 0.001}));
  REQUIRE(support::eventually(patience, [&] { return must(mono.work().task(ordered.id)).redelivered == 1; }));

  mono.restart();
  mono.run();
  CHECK(must(mono.work().task(ordered.id)).state == TaskState::in_progress);
  // The second goes at once: the rate is that of a life. The third waits.
  REQUIRE(support::eventually(patience, [&] { return must(mono.work().task(ordered.id)).redelivered == 2; }));
  CHECK(must(mono.work().cancel_task(ordered.id)).state == TaskState::cancelled);

  CHECK(must(mono.work().task(ordered.id)).looked_at == 2);
  CHECK(must(mono.work().task(ordered.id)).ended.has_value());
  CHECK(support::eventually(patience, [&] { return mono.letters().size() == 1; }));
  CHECK(code(mono.work().cancel_task(TaskId::fresh())) == ErrorCode::not_found);
  CHECK(code(mono.work().task(TaskId::fresh())) == ErrorCode::not_found);
}

TEST_CASE("an order that makes no sense is refused, and 100 unfinished tasks are enough",
          "[bus][operations]") {
  Mono mono;
  GroupOptions small = fragile();
  small.backlog_max = 1;
  mono.run("index", small);
  mono.bury(1);
  CHECK(code(mono.work().redeliver({.per_second = -1})) == ErrorCode::invalid_argument);
  CHECK(code(mono.work().redeliver({.per_second = 0.0001})) == ErrorCode::invalid_argument);

  // The group is full, so that no letter can be redelivered.
  must(mono.work().pause("events", group("index"), ""));
  must(mono.node->bus().dispatch(sample()));
  for (int count = 0; count < 100; ++count) must(mono.work().redeliver({}));
  CHECK(code(mono.work().redeliver({})) == ErrorCode::busy);
  CHECK(must(mono.work().tasks()).size() == 100);
}

TEST_CASE("a group that is not critical is redelivered last, also when only the disk remembers it",
          "[bus][operations]") {
  Mono mono;
  GroupOptions statistics = fragile();
  statistics.critical = false;
  mono.run("statistics", statistics);
  mono.bury(1, "statistics");
  CHECK_FALSE(mono.status("statistics").critical);
  mono.restart();

  CHECK_FALSE(mono.status("statistics").critical);
  CHECK(mono.redeliver().redelivered == 1);
}
