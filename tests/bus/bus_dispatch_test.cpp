#include <set>

#include "bus/bus.hpp"
#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

TEST_CASE("the mesh is asked before any local listener runs", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  std::vector<std::string> published_before;
  const auto listener = make_listener([&](const Delivery&) { published_before = uplink.published; });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));

  const Receipt receipt = must(alone.bus->dispatch(sample("e"), key("K:1")));

  CHECK(published_before == std::vector<std::string>{"e"});
  CHECK(receipt.seq == 101);
  CHECK(receipt.interested == 2);
  CHECK(receipt.listeners == 1);
}

TEST_CASE("an event that the mesh refuses reaches nobody here", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto on_key = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto in_group = must(alone.bus->register_listener(teller(story), group("g")));
  uplink.refusal = Error{ErrorCode::back_pressure, "full"};

  const auto single = alone.bus->dispatch(sample(), key("K:1"));
  const std::vector<KeyedEvent> two{{sample(), {key("K:1")}}, {sample(), {}}};
  const auto batch = alone.bus->dispatch(two);

  CHECK(code(single) == ErrorCode::back_pressure);
  CHECK(code(batch) == ErrorCode::back_pressure);
  must(alone.bus->drain(patience));
  CHECK(story.words().empty());
  CHECK(alone.host.count("evmesh_dispatches_refused_total") == 2);
}

TEST_CASE("the mesh is told when a dispatch comes from inside a listener", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  const auto listener =
      make_listener([&](const Delivery&) { static_cast<void>(alone.bus->dispatch(sample(), key("K:2"))); });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));

  must(alone.bus->dispatch(sample(), key("K:1")));

  CHECK(uplink.inside == std::vector<bool>{false, true});
}

TEST_CASE("no-ops are not sent, one by one in a batch", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  const std::vector<KeyedEvent> some{{sample("a"), {}}, {noop(), {}}, {sample("b"), {}}};
  const std::vector<KeyedEvent> none{{noop(), {}}};

  const Receipt mixed = must(alone.bus->dispatch(some));
  const Receipt nothing = must(alone.bus->dispatch(none));

  CHECK(uplink.published == std::vector<std::string>{"a", "b"});
  CHECK(mixed.seq == 102);
  CHECK_FALSE(mixed.noop);
  CHECK(nothing.noop);
  CHECK(alone.host.count("evmesh_events_noop_total") == 2);
  CHECK(alone.host.count("evmesh_events_dispatched_total") == 2);
}

TEST_CASE("queued events of a mesh node carry its numbers, for gaps", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Gate gate;
  std::vector<Gap> gaps;
  ListenerTraits traits;
  traits.mode = ExecutionMode::asynchronous;
  traits.gap = [&](const Gap& gap) { gaps.push_back(gap); };
  const auto listener = make_listener(
      [&](const Delivery& delivery) {
        CHECK(delivery.origin == nullptr);
        if (delivery.event.payload() == "first") gate.pass();
      },
      traits);
  const RegistrationKey k = key("K:1");
  const auto registration = must(
      alone.bus->register_listener(listener, std::span(&k, 1), RegisterOptions{.inbox_bytes_max = 2'000}));
  must(alone.bus->dispatch(sample("first"), k));
  REQUIRE(gate.wait_arrived(1));

  const std::vector<KeyedEvent> batch(4, KeyedEvent{sample(std::string(1'000, 'x')), {k}});
  must(alone.bus->dispatch(batch));
  gate.open();
  must(alone.bus->drain(patience));

  REQUIRE(gaps.size() == 1);
  Gap expected;
  expected.publisher.bytes.fill(1);
  expected.epoch = 9;
  expected.from = 102;
  expected.to = 104;
  expected.reason = GapReason::listener_overrun;
  CHECK(gaps[0] == expected);
}

TEST_CASE("groups of a mesh node are never awaited", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Gate gate;
  std::atomic<bool> ended{false};
  const auto listener = make_listener([&](const Delivery&) {
    gate.pass();
    ended = true;
  });
  const auto registration = must(alone.bus->register_listener(listener, group("g")));

  must(alone.bus->dispatch(sample()));

  CHECK_FALSE(ended);
  CHECK(gate.wait_arrived(1));
  CHECK(alone.host.logged("group_stays_within_node") == 1);
  gate.open();
}

TEST_CASE("in a synchronous bus every listener runs in the calling thread, in the order of registration",
          "[bus][dispatch]") {
  Alone alone({.delivery = DeliveryModel::synchronous});
  Story story;
  std::set<std::thread::id> threads;
  const auto saying = [&](std::string word, ExecutionMode mode) {
    ListenerTraits traits;
    traits.mode = mode;
    return make_listener(
        [&story, &threads, word](const Delivery&) {
          story.add(word);
          threads.insert(std::this_thread::get_id());
        },
        traits);
  };
  const auto first =
      must(alone.bus->register_listener(saying("first", ExecutionMode::asynchronous), key("K:2")));
  const auto second = must(alone.bus->register_each_node(saying("second", ExecutionMode::synchronous)));
  const auto third =
      must(alone.bus->register_listener(saying("third", ExecutionMode::synchronous), key("K:1")));
  const auto last =
      must(alone.bus->register_listener(saying("group", ExecutionMode::asynchronous), group("g")));

  must(alone.bus->dispatch(sample(), {key("K:1"), key("K:2")}));

  CHECK(story.words() == std::vector<std::string>{"first", "second", "third", "group"});
  CHECK(threads == std::set<std::thread::id>{std::this_thread::get_id()});
}

TEST_CASE("in an asynchronous bus nobody is awaited", "[bus][dispatch]") {
  BusSettings settings;
  settings.delivery = DeliveryModel::asynchronous;
  Alone alone(settings);
  Gate gate;
  std::atomic<int> ended{0};
  const auto blocking = [&] {
    return make_listener([&](const Delivery&) {
      gate.pass();
      ++ended;
    });
  };
  const auto on_key = must(alone.bus->register_listener(blocking(), key("K:1")));
  const auto in_group = must(alone.bus->register_listener(blocking(), group("g")));

  must(alone.bus->dispatch(sample(), key("K:1")));

  CHECK(ended == 0);
  CHECK(gate.wait_arrived(2));
  gate.open();
}

TEST_CASE("a chain of dispatches through threads of the pool is bounded too", "[bus][dispatch]") {
  Alone alone;
  std::atomic<int> too_deep{0};
  const auto chaining = [&] {
    return make_listener([&](const Delivery& delivery) {
      if (delivery.event.payload().size() > 40) return;
      const auto nested = alone.bus->dispatch(sample(delivery.event.payload() + "x"), key("K:1"));
      if (!nested && nested.error().code == ErrorCode::too_deep) ++too_deep;
    });
  };
  Story story;
  const auto first = must(alone.bus->register_listener(chaining(), key("K:1")));
  const auto second = must(alone.bus->register_listener(teller(story), key("K:1")));

  must(alone.bus->dispatch(sample(""), key("K:1")));

  CHECK(too_deep == 1);
  CHECK(story.words().size() == 17);
}

TEST_CASE("asynchronous dispatches over the bound are busy, and those accepted answer", "[bus][dispatch]") {
  Alone alone({.async_dispatches_max = 2});
  Gate gate;
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.event.payload() == "block") gate.pass();
    story.add(delivery.event.payload());
  });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));
  const auto dispatch = [&](std::string payload) {
    return alone.bus->dispatch_async(sample(std::move(payload)), {key("K:1")}, {});
  };
  must(dispatch("block"));
  REQUIRE(gate.wait_arrived(1));
  must(dispatch("one"));
  must(dispatch("two"));

  CHECK(code(dispatch("three")) == ErrorCode::busy);
  gate.open();

  CHECK(story.wait(3) == std::vector<std::string>{"block", "one", "two"});
  CHECK(alone.host.count("evmesh_dispatches_busy_total") == 1);
}

TEST_CASE("an asynchronous dispatch that fails without anybody to tell is logged", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  uplink.refusal = Error{ErrorCode::back_pressure, "full"};

  must(alone.bus->dispatch_async(sample(), {}, {}));
  must(alone.bus->drain(patience));

  CHECK(alone.host.logged("dispatch_async_failed") == 1);
}

TEST_CASE("redelivering to the group of failed dispatches runs every group", "[bus][dispatch][F07]") {
  Alone alone;
  Story story;
  const auto a = must(alone.bus->register_listener(teller(story), group("a")));
  const auto b = must(alone.bus->register_listener(teller(story), group("b")));
  const auto on_key = must(alone.bus->register_each_node(teller(story)));

  must(alone.bus->redeliver(Group::dispatching_failure("events"), sample("e")));

  CHECK(story.words() == std::vector<std::string>{"e", "e"});
}

TEST_CASE("nobody may register for the group of failed dispatches", "[bus][dispatch]") {
  Alone alone;
  Story story;

  CHECK(code(alone.bus->register_listener(teller(story), Group::dispatching_failure("events"))) ==
        ErrorCode::invalid_argument);
}
