#include "bus/bus.hpp"
#include "bus/registration.hpp"
#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;
using support::eventually;

TEST_CASE("the mesh learns of first and last listeners of a key, and of nothing between", "[bus][register]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;

  auto first = must(alone.bus->register_listener(teller(story), key("K:1")));
  auto second = must(alone.bus->register_listener(teller(story), key("K:1")));
  first.unregister();
  second.unregister();
  second.unregister();

  REQUIRE(uplink.changes.size() == 4);
  CHECK(uplink.changes[0].added == std::vector<RegistrationKey>{key("K:1")});
  CHECK(uplink.changes[1].added.empty());
  CHECK(uplink.changes[2].removed.empty());
  CHECK(uplink.changes[3].removed == std::vector<RegistrationKey>{key("K:1")});
}

TEST_CASE("the mesh learns of the first and last each-node listener", "[bus][register]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;

  auto first = must(alone.bus->register_each_node(teller(story)));
  auto second = must(alone.bus->register_each_node(teller(story)));
  first.unregister();
  second.unregister();

  REQUIRE(uplink.changes.size() == 4);
  CHECK(uplink.changes[0].each_node == true);
  CHECK_FALSE(uplink.changes[1].each_node.has_value());
  CHECK_FALSE(uplink.changes[2].each_node.has_value());
  CHECK(uplink.changes[3].each_node == false);
}

TEST_CASE("a registration waits for the acknowledgement of its version, and stands without",
          "[bus][register]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const RegistrationKey k = key("K:1");

  const auto waiting = must(alone.bus->register_listener(teller(story), std::span(&k, 1),
                                                         RegisterOptions{.receipt_timeout = 70ms}));
  const auto not_waiting = must(
      alone.bus->register_listener(teller(story), std::span(&k, 1), RegisterOptions{.receipt_timeout = 0ms}));

  CHECK(uplink.asked_versions == std::vector<std::uint64_t>{1});
  CHECK(uplink.asked_timeouts == std::vector<std::chrono::milliseconds>{70ms});
  CHECK(waiting.active());
  CHECK(not_waiting.receipt(5ms).missing == std::vector<std::string>{"absent"});
  CHECK(uplink.asked_versions == std::vector<std::uint64_t>{1, 2});
  CHECK(uplink.asked_since == std::vector<base::MonoTime>(2, alone.host.clock.now()));
}

TEST_CASE("each-node listeners are refused in scale-efficient mode, naming the cure", "[bus][register]") {
  FakeUplink uplink;
  Alone alone(on(uplink, Mode::scale_efficient));
  Story story;

  const auto refused = alone.bus->register_each_node(teller(story));

  REQUIRE(code(refused) == ErrorCode::each_node_refused);
  CHECK(refused.error().message.find("scale-efficient") != std::string::npos);
  CHECK(refused.error().message.find("broadcast") != std::string::npos);
}

TEST_CASE("one listener is not serial and otherwise at the same time", "[bus][register]") {
  Alone alone;
  Story story;
  const auto listener = teller(story);
  const RegistrationKey k = key("K:1");
  auto registration = must(alone.bus->register_listener(listener, k));

  const auto refused =
      alone.bus->register_listener(listener, std::span(&k, 1), RegisterOptions{.serial = true});
  registration.unregister();
  const auto accepted =
      alone.bus->register_listener(listener, std::span(&k, 1), RegisterOptions{.serial = true});

  CHECK(code(refused) == ErrorCode::invalid_argument);
  CHECK(accepted.has_value());
}

TEST_CASE("the bound on keys counts all buses of a node", "[bus][register]") {
  Host host;
  const auto first = Bus::create(host.services(), {.name = "a", .keys_max = 3});
  const auto second = Bus::create(host.services(), {.name = "b", .keys_max = 3});
  Story story;
  const std::vector<RegistrationKey> two{key("K:1"), key("K:2")};
  auto in_first = must(first->register_listener(teller(story), two));

  CHECK(code(second->register_listener(teller(story), two)) == ErrorCode::too_many_registrations);
  auto in_second = must(second->register_listener(teller(story), key("K:1")));
  CHECK(host.keys_held == 3);
  in_first.unregister();
  in_second.unregister();
  CHECK(host.keys_held == 0);
  first->stop();
  second->stop();
}

TEST_CASE("exactly one of many concurrent registrations is the first, one removal the last",
          "[bus][register][L09][L10][L11][L12][L13]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto listener = teller(story);
  std::vector<Registration> registrations(100);

  const auto in_ten_threads = [](const std::function<void(std::size_t)>& action) {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 10; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < 10; ++i) action(10 * t + i);
      });
    }
    for (auto& thread : threads) thread.join();
  };
  in_ten_threads(
      [&](std::size_t at) { registrations[at] = must(alone.bus->register_listener(listener, key("K:1"))); });
  const auto while_registered = alone.bus->explain(key("K:1"));
  in_ten_threads([&](std::size_t at) { registrations[at].unregister(); });

  CHECK(while_registered.listeners == 1);
  CHECK(alone.bus->explain(key("K:1")).listeners == 0);
  std::size_t added = 0;
  std::size_t removed = 0;
  for (const auto& change : uplink.changes) {
    added += change.added.size();
    removed += change.removed.size();
  }
  CHECK(added == 1);
  CHECK(removed == 1);
}

TEST_CASE("inside a listener unregistering another one drains, and tells the end on the pool",
          "[bus][register]") {
  Alone alone;
  Story story;
  auto other = must(alone.bus->register_listener(teller(story), key("K:2")));
  std::atomic<bool> told{false};
  std::optional<Unregistered> answer;
  const auto listener =
      make_listener([&](const Delivery&) { answer = other.unregister([&] { told = true; }); });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));

  must(alone.bus->dispatch(sample(), key("K:1")));

  CHECK(answer == Unregistered::draining);
  CHECK(eventually(patience, [&] { return told.load(); }));
  CHECK(other.unregister() == Unregistered::done);
}

TEST_CASE("a listener that registers itself anew keeps its order", "[bus][register]") {
  Alone alone;
  Story story;
  Registration registration;
  std::shared_ptr<Listener> listener;
  ListenerTraits traits;
  traits.mode = ExecutionMode::asynchronous;
  Gate gate;
  listener = make_listener(
      [&](const Delivery& delivery) {
        if (delivery.event.payload() == "first") {
          registration.unregister();
          registration = must(alone.bus->register_listener(listener, key("K:1")));
          gate.pass();
        }
        story.add(delivery.event.payload());
      },
      traits);
  registration = must(alone.bus->register_listener(listener, key("K:1")));
  must(alone.bus->dispatch(sample("first"), key("K:1")));
  REQUIRE(gate.wait_arrived(1));

  must(alone.bus->dispatch(sample("second"), key("K:1")));
  gate.open();

  CHECK(story.wait(2) == std::vector<std::string>{"first", "second"});
  must(alone.bus->drain(patience));
  registration.unregister();
  listener.reset();
}

TEST_CASE("keys are listed with their listeners", "[bus][register]") {
  Alone alone;
  Story story;
  const auto first = must(alone.bus->register_listener(teller(story), key("K:2")));
  const auto second = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto third = must(alone.bus->register_listener(teller(story), key("K:1")));

  const auto keys = alone.bus->keys();

  REQUIRE(keys.size() == 2);
  CHECK(keys[0].key == "K:1");
  CHECK(keys[0].bus == "events");
  CHECK(keys[0].listeners == 2);
  CHECK(keys[0].listener_names == std::vector<std::string>{"teller", "teller"});
  CHECK(keys[0].since == alone.host.clock.wall());
  CHECK(keys[1].key == "K:2");
}

TEST_CASE("an empty registration is done and never was active", "[bus][register]") {
  Registration registration;

  CHECK_FALSE(registration.active());
  CHECK(registration.unregister() == Unregistered::done);
  CHECK(registration.receipt().complete());
}
