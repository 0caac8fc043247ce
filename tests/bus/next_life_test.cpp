#include <stdexcept>

#include "bus/durable_support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

/// Says what it was told, then waits.
std::shared_ptr<Listener> holding(Story& story, Gate& gate) {
  return make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    gate.pass();
  });
}

}  // namespace

TEST_CASE("the next life owes what was accepted, in its order, with its event and its keys",
          "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Life life{dir.path()};
  require(*life.bus, group("g"));
  const Event first = sample("first");
  must(life.bus->dispatch(first, {key("K:1"), key("K:2")}));
  for (const char* payload : {"second", "third"}) must(life.bus->dispatch(sample(payload)));
  const Killed killed(dir.path());

  Life next{killed.path()};
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    return Outcome::refuse("seen");
  });
  const auto registration = must(next.bus->register_listener(listener, group("g"), one_at_a_time()));

  CHECK(story.wait(3) == std::vector<std::string>{"first 1", "second 1", "third 1"});
  must(next.bus->drain(patience));
  const auto letters = letters_of(*next.bus, group("g"));
  REQUIRE(letters.size() == 3);
  CHECK(letters[0].event == first);
  CHECK(letters[0].keys == std::vector<RegistrationKey>{key("K:1"), key("K:2")});
  CHECK(letters[2].keys.empty());
}

TEST_CASE("what was done is not owed to the next life", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  Life life{dir.path()};
  const auto registration = must(life.bus->register_listener(telling(story), group("g")));
  must(life.bus->dispatch(sample("done")));
  // A verdict has no one to wait for it; it is with the next that is synced.
  must(life.bus->dispatch(sample("behind")));
  const Killed killed(dir.path());

  Life next{killed.path()};

  CHECK(next.counts("g").ready == 0);
  CHECK(story.words() == std::vector<std::string>{"done 1", "behind 1"});
}

TEST_CASE("what ran when the process died comes again as a suspect, one at a time", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Gate hold;
  Story story;
  Life life{dir.path(), {}, queued()};
  GroupOptions two = exact_retries(5);
  two.concurrency = 2;
  const auto registration = must(life.bus->register_listener(holding(story, hold), group("g"), two));
  must(life.bus->dispatch(sample("one")));
  REQUIRE(hold.wait_arrived(1));
  for (const char* payload : {"two", "three"}) must(life.bus->dispatch(sample(payload)));
  REQUIRE(hold.wait_arrived(2));
  const Killed killed(dir.path());
  hold.open();

  Gate gate;
  Story again;
  Life next{killed.path(), {}, queued()};
  const auto listener = make_listener([&](const Delivery& delivery) {
    again.add(told(delivery));
    if (delivery.possibly_duplicate) gate.pass();
  });
  const auto registered = must(next.bus->register_listener(listener, group("g"), exact_retries(5)));
  CHECK(again.wait(1) == std::vector<std::string>{"three 1"});
  next.host.advance(150ms);  // the policy of the group was not known yet when it began to wait
  REQUIRE(gate.wait_arrived(1));
  must(next.bus->dispatch(sample("innocent")));

  CHECK(again.wait(3) == std::vector<std::string>{"three 1", "one 2?", "innocent 1"});
  gate.open();
  CHECK(again.wait(4).back() == "two 2?");
  must(next.bus->drain(patience));
  CHECK(again.words().size() == 4);
}

TEST_CASE("a clean stop leaves nothing doubtful", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  {
    Life life{dir.path()};
    require(*life.bus, group("g"));
    must(life.bus->dispatch(sample("waiting")));
  }

  Life next{dir.path()};
  Story story;
  const auto registration = must(next.bus->register_listener(telling(story), group("g")));

  CHECK(story.wait(1) == std::vector<std::string>{"waiting 1"});
}

TEST_CASE("after a stop that left a listener running, the next life knows that it ran", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Gate hold;
  Story story;
  Life life{dir.path(), {}, queued()};
  const auto registration =
      must(life.bus->register_listener(holding(story, hold), group("g"), exact_retries(5)));
  must(life.bus->dispatch(sample("hung")));
  REQUIRE(hold.wait_arrived(1));
  life.stop(10ms);
  const Killed killed(dir.path());
  hold.open();

  Life next{killed.path(), {}, queued()};
  Story again;
  const auto registered = must(next.bus->register_listener(telling(again), group("g"), exact_retries(5)));
  next.host.advance(150ms);

  CHECK(again.wait(1) == std::vector<std::string>{"hung 2?"});
}

TEST_CASE("an event that ends two processes, the second time alone, is a dead letter", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Gate hold;
  Story story;
  Life first{dir.path(), {}, queued()};
  const auto in_first =
      must(first.bus->register_listener(holding(story, hold), group("g"), exact_retries(5)));
  must(first.bus->dispatch(sample("bad")));
  REQUIRE(hold.wait_arrived(1));
  const Killed once(dir.path());
  Life second{once.path(), {}, queued()};
  const auto in_second =
      must(second.bus->register_listener(holding(story, hold), group("g"), exact_retries(5)));
  second.host.advance(150ms);
  REQUIRE(hold.wait_arrived(2));
  const Killed twice(once.path());
  hold.open();

  Life third{twice.path(), {}, queued()};
  const auto in_third = must(third.bus->register_listener(telling(story), group("g"), exact_retries(5)));

  REQUIRE(eventually(patience, [&] { return !letters_of(*third.bus, group("g")).empty(); }));
  const auto letters = letters_of(*third.bus, group("g"));
  REQUIRE(letters[0].attempts.size() == 2);
  CHECK(letters[0].attempts[0].error == "the process ended while it ran");
  CHECK(letters[0].attempts[1].error ==
        "crash: the process ended twice while it ran, the second time as the only suspect");
  CHECK(story.words() == std::vector<std::string>{"bad 1", "bad 2?"});
}

TEST_CASE("retries, their numbers and their waits go on in the next life", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    throw std::runtime_error("broken");
  });
  Life life{dir.path()};
  const auto registration = must(life.bus->register_listener(listener, group("g"), exact_retries(2)));
  must(life.bus->dispatch(sample("bad")));
  life.host.advance(100ms);
  REQUIRE(story.wait(2).back() == "bad 2");
  must(life.bus->drain(patience));
  const Killed killed(dir.path());

  Life next{killed.path()};
  const auto registered = must(next.bus->register_listener(listener, group("g"), exact_retries(2)));
  next.host.advance(199ms);
  must(next.bus->drain(patience));
  CHECK(story.words().size() == 2);
  next.host.advance(1ms);

  CHECK(story.wait(3).back() == "bad 3");
  must(next.bus->drain(patience));
  const auto letters = letters_of(*next.bus, group("g"));
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].attempts.size() == 3);
  CHECK(letters[0].attempts[1].number == 2);
}

TEST_CASE("a stop leaves waiting retries to the next life", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    throw std::runtime_error("broken");
  });
  {
    Life life{dir.path()};
    const auto registration = must(life.bus->register_listener(listener, group("g"), exact_retries(5)));
    must(life.bus->dispatch(sample("bad")));
  }

  Life next{dir.path()};
  const auto registered = must(next.bus->register_listener(listener, group("g"), exact_retries(5)));
  next.host.advance(100ms);

  CHECK(story.wait(2) == std::vector<std::string>{"bad 1", "bad 2"});
  CHECK(letters_of(*next.bus, group("g")).empty());
}

TEST_CASE("what is dispatched before its listener is registered in the new life is owed to it",
          "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  {
    require(*Life{dir.path()}.bus, group("g"));
  }
  Life next{dir.path()};
  Story story;

  CHECK(must(next.bus->dispatch(sample("early"))).groups == 1);
  const auto registration = must(next.bus->register_listener(telling(story), group("g")));

  CHECK(story.wait(1) == std::vector<std::string>{"early 1"});
}
