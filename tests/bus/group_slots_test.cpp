#include "bus/group_runner.hpp"

#include "bus/durable_support.hpp"
#include "bus/local_node.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

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
  Alone alone{queued()};
  Gate gate;
  Story story;
  Story other;
  GroupOptions options;
  options.backlog_max = 2;
  const auto listener = make_listener([&](const Delivery& delivery) {
    gate.pass();
    story.add(delivery.event.payload());
  });
  const auto full = must(alone.bus->register_listener(listener, group("full"), options));
  const auto free = must(alone.bus->register_listener(teller(other), group("free")));

  for (const char* payload : {"one", "two", "three"}) must(alone.bus->dispatch(sample(payload)));
  CHECK(other.wait(3).size() == 3);
  gate.open();

  CHECK(story.wait(2).size() == 2);
  must(alone.bus->drain(patience));
  const DeadLetter letter = only_letter(*alone.bus, group("full"));
  CHECK(letter.event.payload() == "three");
  CHECK(letter.attempts.at(0).error.find("quota: the group is owed as much as it may be, 2 events") == 0);
  CHECK(must(alone.bus->dead_letters().ids(group("free"))).empty());
  must(alone.bus->dispatch(sample("four")));
  CHECK(story.wait(3).back() == "four");
}

TEST_CASE("the bytes owed to a group are bounded too", "[bus][groups]") {
  const TempDir dir{support::memory_disk()};
  Life life{dir.path(), {}, queued()};
  Gate gate;
  GroupOptions options;
  options.backlog_bytes_max = limits::mib;
  const auto registration = must(
      life.bus->register_listener(make_listener([&](const Delivery&) { gate.pass(); }), group("g"), options));

  for (int i = 0; i < 3; ++i) must(life.bus->dispatch(sample(std::string(500'000, 'x'))));
  gate.open();
  must(life.bus->drain(patience));

  CHECK(letters_of(*life.bus, group("g")).size() == 1);
}

TEST_CASE("a group that refuses at its backlog refuses the whole event, and nobody gets it",
          "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  Story other;
  Story on_key;
  GroupOptions options;
  options.backlog_max = 1;
  options.refuse_at_backlog = true;
  const auto full = must(alone.bus->register_listener(make_listener([&](const Delivery&) { gate.pass(); }),
                                                      group("full"), options));
  const auto free = must(alone.bus->register_listener(teller(other), group("free")));
  const auto keyed = must(alone.bus->register_listener(teller(on_key), key("K:1")));
  must(alone.bus->dispatch(sample("one"), key("K:1")));

  const auto refused = alone.bus->dispatch(sample("two"), key("K:1"));
  gate.open();

  CHECK(code(refused) == ErrorCode::back_pressure);
  must(alone.bus->drain(patience));
  CHECK(other.words() == std::vector<std::string>{"one"});
  CHECK(on_key.words() == std::vector<std::string>{"one"});
  CHECK(must(alone.bus->dead_letters().empty()));
  CHECK(alone.bus->dispatch(sample("three"), key("K:1")).has_value());
}

TEST_CASE("an execution that takes too long fails, and its slot is another's", "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  Story story;
  std::atomic<bool> asked_to_stop{false};
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    if (delivery.event.payload() != "slow" || delivery.attempt != 1) return;
    const std::stop_callback stopped(delivery.stop, [&] { asked_to_stop = true; });
    gate.pass();
  });
  GroupOptions options = exact_retries(1);
  options.concurrency = 1;
  options.execution_timeout = 1'000ms;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  must(alone.bus->dispatch(sample("slow")));
  REQUIRE(gate.wait_arrived(1));
  must(alone.bus->dispatch(sample("next")));

  alone.host.advance(999ms);
  CHECK_FALSE(asked_to_stop);
  CHECK(story.words() == std::vector<std::string>{"slow 1"});
  alone.host.advance(1ms);

  CHECK(asked_to_stop);
  CHECK(story.wait(2).back() == "next 1");
  alone.host.advance(100ms);
  CHECK(story.wait(3).back() == "slow 2");
  CHECK(alone.host.count("evmesh_group_attempts_timed_out_total") == 1);
  gate.open();
  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 3);
  CHECK(must(alone.bus->dead_letters().empty()));
}

TEST_CASE("what an execution says after its time changes nothing", "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  const auto listener = make_listener([&](const Delivery&) { gate.pass(); });
  GroupOptions options = exact_retries(0);
  options.execution_timeout = 1'000ms;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  must(alone.bus->dispatch(sample("slow")));
  REQUIRE(gate.wait_arrived(1));

  alone.host.advance(1'000ms);
  gate.open();
  must(alone.bus->drain(patience));

  const DeadLetter letter = only_letter(*alone.bus, group("g"));
  REQUIRE(letter.attempts.size() == 1);
  CHECK(letter.attempts[0].error == "timed out after 1000 ms");
}

TEST_CASE("the slot of a late execution is one again when it has returned", "[bus][groups]") {
  Alone alone{queued()};
  Gate late;
  Gate later;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.event.payload() == "late") return late.pass();
    const int now = ++running;
    if (now > most) most = now;
    later.pass();
    --running;
  });
  GroupOptions options = exact_retries(0);
  options.concurrency = 1;
  options.execution_timeout = 1'000ms;
  const auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  must(alone.bus->dispatch(sample("late")));
  REQUIRE(late.wait_arrived(1));
  alone.host.advance(1'000ms);
  late.open();
  must(alone.bus->drain(patience));

  for (int i = 0; i < 4; ++i) must(alone.bus->dispatch(sample("other")));
  REQUIRE(later.wait_arrived(1));
  later.open();
  must(alone.bus->drain(patience));

  CHECK(most == 1);
}

TEST_CASE("what times out after its group was forgotten is a dead letter, not a retry", "[bus][groups]") {
  Alone alone{queued()};
  Gate gate;
  const auto listener = make_listener([&](const Delivery&) { gate.pass(); });
  GroupOptions options = exact_retries(5);
  options.execution_timeout = 1'000ms;
  auto registration = must(alone.bus->register_listener(listener, group("g"), options));
  must(alone.bus->dispatch(sample("slow")));
  REQUIRE(gate.wait_arrived(1));
  std::thread leaving([&] { registration.forget(); });
  const bool left = eventually(patience, [&] { return alone.bus->groups().empty(); });

  alone.host.advance(1'000ms);
  const bool died = eventually(patience, [&] { return !must(alone.bus->dead_letters().empty()); });
  gate.open();
  leaving.join();

  CHECK(left);
  CHECK(died);
}

TEST_CASE("after an unregistration inside the listener nothing more is called, of what was pulled too",
          "[bus][groups]") {
  Alone alone{queued()};
  Story story;
  Registration registration;
  std::mutex registering;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(delivery.event.payload());
    if (delivery.event.payload() != "last") return;
    const std::lock_guard lock(registering);
    registration.unregister();
  });
  GroupOptions options;
  options.concurrency = 1;
  {
    const std::lock_guard lock(registering);
    registration = must(alone.bus->register_listener(listener, group("g"), options));
  }
  // So fast that many are pulled at once.
  std::vector<KeyedEvent> warm(200, KeyedEvent{sample("warm"), {}});
  must(alone.bus->dispatch(warm));
  REQUIRE(story.wait(200).size() == 200);
  must(alone.bus->drain(patience));

  std::vector<KeyedEvent> events{{sample("last"), {}}};
  for (int i = 0; i < 40; ++i) events.push_back({sample("after"), {}});
  alone.host.work->pause(alone.host.work->find("events", group("g")).value(), true);
  must(alone.bus->dispatch(events));
  alone.host.work->pause(alone.host.work->find("events", group("g")).value(), false);
  REQUIRE(story.wait(201).back() == "last");
  must(alone.bus->drain(patience));

  CHECK(story.words().size() == 201);
  CHECK(eventually(patience, [&] { return must(alone.bus->dead_letters().ids(group("g"))).size() == 40; }));
}

TEST_CASE("executions that hang hold up no others of their group", "[bus][group-runner]") {
  NodeOptions options;
  options.delivery = DeliveryModel::asynchronous;
  const auto node = must(open_mono(options));
  Gate gate;
  std::atomic<int> second_attempts{0};
  std::atomic<int> done{0};
  // All of them become due together, and short as they were, many are pulled at once.
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.attempt == 1) return Outcome::retry_after(50ms);
    const int number = ++second_attempts;
    if (number == 3 || number == 10 || number == 20) gate.pass();
    ++done;
    return Outcome::done();
  });
  const auto registration = must(node->bus().register_listener(listener, group("g")));

  for (int event = 0; event < 40; ++event) must(node->bus().dispatch(sample()));

  CHECK(support::eventually(patience, [&] { return done == 37; }));
  gate.open();
  CHECK(support::eventually(patience, [&] { return done == 40; }));
}
