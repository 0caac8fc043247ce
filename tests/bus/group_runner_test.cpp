#include "bus/group_runner.hpp"

#include <stdexcept>

#include "bus/durable_support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

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
  CHECK(alone.host.count("evmesh_group_attempts_failed_total") == 3);
  CHECK(alone.host.timers.waiting() == 1);  // the look for an execution that takes too long
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
  const TempDir dir{support::memory_disk()};
  Life life{dir.path()};
  const auto registration = must(life.bus->register_listener(always(Outcome::refuse("too old")), group("g")));

  must(life.bus->dispatch(sample()));

  const DeadLetter letter = only_letter(*life.bus, group("g"));
  REQUIRE(letter.attempts.size() == 1);
  CHECK(letter.attempts[0].error == "too old");
  CHECK(life.host.logged("dead_letter") == 1);
}

TEST_CASE("an event of a type that nobody here knows is owed on, and burns no attempt", "[bus][groups]") {
  Alone alone;
  Story story;
  std::atomic<bool> knows{false};
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    return knows ? Outcome::done() : Outcome::unknown_type();
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g"), exact_retries(0)));

  must(alone.bus->dispatch(sample()));
  knows = true;
  alone.host.advance(2s);

  CHECK(story.wait(2) == std::vector<std::string>{"sample 1", "sample 1"});
  must(alone.bus->drain(patience));
  CHECK(must(alone.bus->dead_letters().empty()));
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

TEST_CASE("stopping a bus in memory moves waiting retries to the dead letters", "[bus][groups]") {
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

TEST_CASE("a second listener is refused, and the group keeps the options of the first", "[bus][groups]") {
  Alone alone;
  Story story;
  const auto registration = must(alone.bus->register_listener(failing(story), group("g"), exact_retries(0)));

  const auto second = alone.bus->register_listener(teller(story), group("g"), exact_retries(5));
  must(alone.bus->dispatch(sample()));

  CHECK(code(second) == ErrorCode::group_already_registered);
  CHECK(only_letter(*alone.bus, group("g")).attempts.size() == 1);
}

TEST_CASE("how short executions ended is reported together, and soon, also when a long one keeps the thread",
          "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  Story story;
  GroupOptions options;
  options.concurrency = 1;
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.event.payload() == "long") gate.pass();
    story.add(delivery.event.payload());
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  const work::GroupIndex index = alone.host.work->find(alone.bus->name(), group("g")).value();
  for (int i = 0; i < 40; ++i) must(alone.bus->dispatch(sample("short")));
  must(alone.bus->drain(patience));

  alone.host.work->pause(index, true);
  must(alone.bus->dispatch(sample("last")));
  must(alone.bus->dispatch(sample("long")));
  alone.host.work->pause(index, false);
  REQUIRE(gate.wait_arrived(1));

  CHECK(story.words().back() == "last");
  CHECK(alone.host.work->counts(index).running == 2);
  alone.host.advance(1ms);
  CHECK(alone.host.work->counts(index).running == 1);
  gate.open();
  must(alone.bus->drain(patience));
  CHECK(alone.host.work->counts(index).running == 0);
}

TEST_CASE("what was taken together with a long one is run by another thread, and soon", "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  Story story;
  GroupOptions options;
  options.concurrency = 2;
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.event.payload() == "long") gate.pass();
    story.add(delivery.event.payload());
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  const work::GroupIndex index = alone.host.work->find(alone.bus->name(), group("g")).value();
  for (int i = 0; i < 40; ++i) must(alone.bus->dispatch(sample("short")));
  must(alone.bus->drain(patience));

  alone.host.work->pause(index, true);
  for (const char* each : {"long", "second", "third"}) must(alone.bus->dispatch(sample(each)));
  alone.host.work->pause(index, false);
  REQUIRE(gate.wait_arrived(1));
  alone.host.advance(1ms);

  CHECK(story.wait(42).size() == 42);
  gate.open();
  must(alone.bus->drain(patience));
  CHECK(story.words().back() == "long");
}
