#include "bus/bus.hpp"
#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

TEST_CASE("a stopped bus holds nothing", "[bus][lifecycle]") {
  Alone alone;
  Story story;
  const auto on_key = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto in_group = must(alone.bus->register_listener(teller(story), group("g")));

  alone.bus->stop();

  CHECK(alone.bus->groups().empty());
  CHECK(alone.bus->keys().empty());
  CHECK(alone.host.keys_held == 0);
  CHECK_FALSE(on_key.active());
  CHECK_FALSE(in_group.active());
}

TEST_CASE("asynchronous dispatches that were accepted before close run before stop returns",
          "[bus][lifecycle]") {
  Alone alone;
  Story story;
  const auto registration = must(alone.bus->register_listener(teller(story), key("K:1")));
  for (int i = 0; i < 100; ++i) must(alone.bus->dispatch_async(sample(), {key("K:1")}, {}));

  alone.bus->stop();

  CHECK(story.words().size() == 100);
}

TEST_CASE("asynchronous dispatches left at stop are answered, not run", "[bus][lifecycle]") {
  Alone alone;
  Story story;
  Story answers;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(delivery.event.payload());
    if (delivery.event.payload() != "stopper") return;
    for (int i = 0; i < 3; ++i) {
      must(alone.bus->dispatch_async(sample("late"), {key("K:1")}, [&](const Result<Receipt>& result) {
        answers.add(result ? "done" : std::string(to_string(result.error().code)));
      }));
    }
    alone.bus->stop();
  });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));

  // From a thread of the pool, so that the late ones wait behind it.
  must(alone.bus->dispatch_async(sample("stopper"), {key("K:1")}, {}));

  CHECK(answers.wait(3) == std::vector<std::string>{"closed", "closed", "closed"});
  must(alone.bus->drain(patience));
  CHECK(story.words() == std::vector<std::string>{"stopper"});
}

TEST_CASE("a stop that had to leave calls running says so", "[bus][lifecycle]") {
  Alone alone;
  Gate gate;
  const auto registration =
      must(alone.bus->register_listener(make_listener([&](const Delivery&) { gate.pass(); }), key("K:1")));
  std::thread publisher([&] { static_cast<void>(alone.bus->dispatch(sample(), key("K:1"))); });
  const bool arrived = gate.wait_arrived(1);

  const auto drained = alone.bus->drain(1ms);
  gate.open();
  publisher.join();

  CHECK(arrived);
  REQUIRE(code(drained) == ErrorCode::deadline_exceeded);
  CHECK(drained.error().message == "1 calls or dispatches have not ended within 1 ms");
}

TEST_CASE("after detach the uplink is left alone", "[bus][lifecycle]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  auto registration = must(alone.bus->register_listener(teller(story), key("K:1")));
  const std::size_t changes = uplink.changes.size();
  alone.bus->stop();
  alone.bus->detach();
  alone.bus->detach();

  registration.unregister();

  CHECK(uplink.changes.size() == changes);
  CHECK(registration.receipt(1h).complete());
  CHECK(alone.bus->wait_seen({}, 1h).peers.empty());
}

TEST_CASE("a registration outlives its bus", "[bus][lifecycle]") {
  Story story;
  Registration on_key;
  Registration in_group;
  {
    Alone alone;
    on_key = must(alone.bus->register_listener(teller(story), key("K:1")));
    in_group = must(alone.bus->register_listener(teller(story), group("g")));
  }

  CHECK_FALSE(on_key.active());
  CHECK(on_key.unregister() == Unregistered::done);
  CHECK(in_group.unregister() == Unregistered::done);
}
