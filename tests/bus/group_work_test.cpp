#include "bus/group_work.hpp"

#include <stdexcept>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;
using support::eventually;

namespace {

GroupOptions exact_retries(std::uint32_t retries) {
  GroupOptions options;
  options.retry = {.max_retries = retries, .first = 100ms, .cap = 30s, .jitter = 0};
  return options;
}

std::shared_ptr<Listener> always(Outcome outcome) {
  return make_listener([outcome](const Delivery&) { return outcome; });
}

/// A listener that writes down its attempts and throws.
std::shared_ptr<Listener> failing(Story& story) {
  return make_listener([&story](const Delivery& delivery) {
    story.add("attempt " + std::to_string(delivery.attempt));
    throw std::runtime_error("broken");
  });
}

DeadLetter only_letter(Bus& bus, const Group& group) {
  const auto ids = must(bus.dead_letters().ids(group));
  REQUIRE(ids.size() == 1);
  return must(bus.dead_letters().find(group, ids[0])).value();
}

}  // namespace

TEST_CASE("retries come after their exact waits, and then the event is a dead letter",
          "[bus][groups][R05][R06]") {
  Alone alone;
  Story story;
  const auto registration = must(alone.bus->register_listener(failing(story), group("g"), exact_retries(2)));
  must(alone.bus->dispatch(sample(), key("K:1")));
  REQUIRE(story.words() == std::vector<std::string>{"attempt 1"});

  alone.host.advance(99ms);
  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 1);
  alone.host.advance(1ms);
  CHECK(story.wait(2).back() == "attempt 2");
  must(alone.bus->drain(patience));
  alone.host.advance(199ms);
  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 2);
  alone.host.advance(1ms);
  CHECK(story.wait(3).back() == "attempt 3");
  must(alone.bus->drain(patience));

  const DeadLetter letter = only_letter(*alone.bus, group("g"));
  CHECK(letter.keys == std::vector<RegistrationKey>{key("K:1")});
  REQUIRE(letter.attempts.size() == 3);
  CHECK(letter.attempts[0].number == 1);
  CHECK(letter.attempts[2].number == 3);
  CHECK(letter.attempts[2].error == "broken");
  CHECK(letter.attempts[1].time - letter.attempts[0].time == 100ms);
  CHECK(alone.host.count("evmesh_group_retries_total") == 2);
  CHECK(alone.host.timers.waiting() == 0);
}

TEST_CASE("a retry that succeeds leaves no dead letter", "[bus][groups][R02][R09]") {
  Alone alone;
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(std::to_string(delivery.attempt));
    if (delivery.attempt == 1) throw std::runtime_error("not yet");
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g"), exact_retries(1)));

  must(alone.bus->dispatch(sample()));
  alone.host.advance(100ms);

  CHECK(story.wait(2).size() == 2);
  must(alone.bus->drain(patience));
  CHECK(must(alone.bus->dead_letters().empty()));
}

TEST_CASE("a listener may ask for a longer wait than the policy's, not for a shorter one", "[bus][groups]") {
  Alone alone;
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(std::to_string(delivery.attempt));
    return Outcome::retry_after(delivery.attempt == 1 ? 5'000ms : 1ms, "later");
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g"), exact_retries(2)));
  must(alone.bus->dispatch(sample()));

  alone.host.advance(4'999ms);
  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 1);
  alone.host.advance(1ms);
  REQUIRE(story.wait(2).size() == 2);
  must(alone.bus->drain(patience));
  alone.host.advance(199ms);
  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 2);
  alone.host.advance(1ms);
  REQUIRE(story.wait(3).size() == 3);
  must(alone.bus->drain(patience));

  CHECK(only_letter(*alone.bus, group("g")).attempts[0].error == "later");
}

TEST_CASE("a refused event is a dead letter at once, with the reason", "[bus][groups]") {
  Alone alone;
  const auto registration =
      must(alone.bus->register_listener(always(Outcome::refuse("too old")), group("g")));

  must(alone.bus->dispatch(sample()));

  const DeadLetter letter = only_letter(*alone.bus, group("g"));
  REQUIRE(letter.attempts.size() == 1);
  CHECK(letter.attempts[0].error == "too old");
  CHECK(alone.host.logged("dead_letter") == 1);
}

TEST_CASE("an event of a type the listener does not know is a dead letter at once", "[bus][groups]") {
  Alone alone;
  const auto registration = must(alone.bus->register_listener(always(Outcome::unknown_type()), group("g")));

  must(alone.bus->dispatch(sample()));

  CHECK(only_letter(*alone.bus, group("g")).attempts[0].error == "type unknown here");
}

TEST_CASE("unregistering a group moves what it is owed to the dead letters", "[bus][groups]") {
  Alone alone;
  Story story;
  auto registration = must(alone.bus->register_listener(failing(story), group("g"), exact_retries(5)));
  must(alone.bus->dispatch(sample()));

  CHECK(registration.unregister() == Unregistered::done);
  alone.host.advance(1h);

  const DeadLetter letter = only_letter(*alone.bus, group("g"));
  REQUIRE(letter.attempts.size() == 2);
  CHECK(letter.attempts[0].error == "broken");
  CHECK(letter.attempts[1].error == "not run: the group was unregistered");
  CHECK(story.words().size() == 1);
}

TEST_CASE("stopping a bus moves waiting retries to the dead letters", "[bus][groups]") {
  Alone alone;
  Story story;
  const auto registration = must(alone.bus->register_listener(failing(story), group("g"), exact_retries(5)));
  must(alone.bus->dispatch(sample()));

  alone.bus->stop();

  CHECK(only_letter(*alone.bus, group("g")).attempts[1].error == "not run: the bus was stopped");
}

TEST_CASE("a retry waits outside the group's slots", "[bus][groups]") {
  Alone alone;
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.event.payload() == "bad") throw std::runtime_error("broken");
    story.add(delivery.event.payload());
  });
  GroupOptions options = exact_retries(5);
  options.concurrency = 1;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));

  must(alone.bus->dispatch(sample("bad")));
  must(alone.bus->dispatch(sample("good")));

  CHECK(story.words() == std::vector<std::string>{"good"});
}

TEST_CASE("a dispatch waits while a group runs as often as it may", "[bus][groups][G01]") {
  Alone alone;
  Gate gate;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const auto listener = make_listener([&](const Delivery&) {
    const int now = ++running;
    if (now > most) most = now;
    gate.pass();
    --running;
  });
  GroupOptions options;
  options.concurrency = 2;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));

  std::vector<std::thread> publishers;
  for (int i = 0; i < 6; ++i)
    publishers.emplace_back([&] { static_cast<void>(alone.bus->dispatch(sample())); });
  const bool arrived = gate.wait_arrived(2);
  gate.open();
  for (auto& publisher : publishers) publisher.join();

  CHECK(arrived);
  CHECK(most == 2);
}

TEST_CASE("a dispatch inside a full group is queued instead of waiting for itself", "[bus][groups]") {
  Alone alone;
  Story story;
  std::atomic<bool> nested{false};
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (!nested.exchange(true)) static_cast<void>(alone.bus->dispatch(sample("inner")));
    story.add(delivery.event.payload());
  });
  GroupOptions options;
  options.concurrency = 1;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));

  must(alone.bus->dispatch(sample("outer")));

  CHECK(story.wait(2) == std::vector<std::string>{"outer", "inner"});
}

TEST_CASE("beyond its backlog a group's new events are dead letters and others' are not", "[bus][groups]") {
  Host host;
  MemoryDeadLetters letters({}, host.counters);
  delivery::Activity activity;
  const delivery::Runner runner(host.mark, "events", {}, host.counters);
  Gate gate;
  Story story;
  const auto work = std::make_shared<GroupWork>(
      GroupWork::Services{host.clock, host.random, runner, host.pool, host.timers, activity, host.counters,
                          letters},
      GroupWork::Settings{1, {}, {}, 2, 1 << 20}, group("g"), make_listener([&](const Delivery& delivery) {
        gate.pass();
        story.add(delivery.event.payload());
      }));

  for (const char* payload : {"one", "two", "three"}) work->queue(sample(payload), {});
  gate.open();

  CHECK(story.wait(2).size() == 2);
  REQUIRE(activity.wait(patience) == 0);
  const auto ids = must(letters.ids(group("g")));
  REQUIRE(ids.size() == 1);
  const auto letter = must(letters.find(group("g"), ids[0]));
  CHECK(letter->event.payload() == "three");
  CHECK(letter->attempts.at(0).error == "not run: quota: too much is owed to the group");
  CHECK(host.count("evmesh_group_quota_refusals_total") == 1);
  work->queue(sample("four"), {});
  CHECK(story.wait(3).back() == "four");
  REQUIRE(activity.wait(patience) == 0);
  work->gate().close();
  work->close("end");
  host.pool.stop();
}

TEST_CASE("the bytes owed to a group are bounded too", "[bus][groups]") {
  Host host;
  MemoryDeadLetters letters({}, host.counters);
  delivery::Activity activity;
  const delivery::Runner runner(host.mark, "events", {}, host.counters);
  const auto work = std::make_shared<GroupWork>(
      GroupWork::Services{host.clock, host.random, runner, host.pool, host.timers, activity, host.counters,
                          letters},
      GroupWork::Settings{1, {}, {}, 100, 1'000}, group("g"), make_listener([](const Delivery&) {}));

  work->queue(sample(std::string(1'001, 'x')), {});

  CHECK(must(letters.ids(group("g"))).size() == 1);
  work->close("end");
  host.pool.stop();
}

TEST_CASE("what fails when dead letters are full is logged as lost", "[bus][groups]") {
  Host host;
  MemoryDeadLetters letters({.letters_max = 0}, host.counters);
  delivery::Activity activity;
  const delivery::Runner runner(host.mark, "events", host.services().log, host.counters);
  const auto work =
      std::make_shared<GroupWork>(GroupWork::Services{host.clock, host.random, runner, host.pool, host.timers,
                                                      activity, host.counters, letters},
                                  GroupWork::Settings{}, group("g"), always(Outcome::refuse("no")));

  work->run_now(sample(), {}, 1);

  CHECK(host.logged("dead_letter_lost") == 1);
  CHECK(host.count("evmesh_dead_letters_refused_total") == 1);
  work->close("end");
  host.pool.stop();
}
