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
  CHECK(alone.host.count("evmesh_dispatches_refused_total{reason=\"back_pressure\"}") == 2);
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
  CHECK(mixed.first_seq == 101);
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
  CHECK(alone.host.count("evmesh_dispatches_refused_total{reason=\"busy\"}") == 1);
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

TEST_CASE("what is waited for is every event of a receipt, and nothing for what went nowhere",
          "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  const std::vector<KeyedEvent> three(3, KeyedEvent{sample(), {}});

  const Receipt batch = must(alone.bus->dispatch(three));
  const Receipt single = must(alone.bus->dispatch(sample()));
  const Receipt nothing = must(alone.bus->dispatch(noop()));
  static_cast<void>(alone.bus->wait_seen(batch, 1s));
  static_cast<void>(alone.bus->wait_seen(single, 1s));

  CHECK(alone.bus->wait_seen(nothing, 1s).peers.empty());
  CHECK(uplink.asked_seen == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{101, 103}, {104, 104}});
}

TEST_CASE("every refusal is counted by its reason", "[bus][dispatch]") {
  Alone alone({.event_size_bytes_max = 10, .keys_max = 1});
  Story story;
  const auto refused = [&](std::string_view reason) {
    return alone.host.count("evmesh_dispatches_refused_total{reason=\"" + std::string(reason) + "\"}");
  };
  std::vector<RegistrationKey> keys;
  for (int i = 0; i < 257; ++i) keys.push_back(key("K:" + std::to_string(i)));
  const std::vector<KeyedEvent> batch(1025, KeyedEvent{sample("x"), {}});

  const auto known = alone.host.counters.values();
  CHECK(code(alone.bus->dispatch(sample("eleven bytes"))) == ErrorCode::event_too_large);
  CHECK(code(alone.bus->dispatch_async(sample("eleven bytes"), {}, {})) == ErrorCode::event_too_large);
  CHECK(code(alone.bus->dispatch(sample("x"), keys)) == ErrorCode::too_many_keys);
  CHECK(code(alone.bus->dispatch(batch)) == ErrorCode::batch_too_large);
  CHECK(code(alone.bus->register_listener(teller(story), {key("K:1"), key("K:2")})) ==
        ErrorCode::too_many_registrations);

  CHECK(refused("event_too_large") == 2);
  CHECK(refused("too_many_keys") == 1);
  CHECK(refused("batch_too_large") == 1);
  CHECK(alone.host.count("evmesh_registrations_refused_total{reason=\"too_many_registrations\"}") == 1);
  CHECK(known.contains("evmesh_dispatches_refused_total{reason=\"too_deep\"}"));
  CHECK(known.contains("evmesh_dispatches_refused_total{reason=\"back_pressure\"}"));
}

TEST_CASE("a body that says it fits goes to the mesh as it is, any other encoded", "[bus][dispatch]") {
  class Body final : public EventBody {
   public:
    explicit Body(std::optional<std::uint64_t> bound) : bound_(bound) {}
    Encoded encode(PayloadFormat) const override { return {PayloadFormat::raw, "encoded"}; }
    std::optional<std::uint64_t> encoded_bytes_max() const override { return bound_; }

   private:
    const std::optional<std::uint64_t> bound_;
  };
  FakeUplink uplink;
  auto settings = on(uplink);
  settings.event_size_bytes_max = 100;
  Alone alone(settings);
  const auto dispatch = [&](std::optional<std::uint64_t> bound) {
    must(alone.bus->dispatch({.type = "t", .body = std::make_shared<Body>(bound)}));
  };

  dispatch(100);
  CHECK(uplink.bodies == 1);
  dispatch(101);
  dispatch(std::nullopt);

  CHECK(uplink.bodies == 1);
  CHECK(uplink.published == std::vector<std::string>{"", "encoded", "encoded"});
}

TEST_CASE("when the node has failed every call says why", "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto listener = teller(story);
  const auto registration = must(alone.bus->register_listener(listener, group("g")));
  uplink.refusal = Error{ErrorCode::node_failed, "a twin took the name"};

  const std::vector<KeyedEvent> batch(2, KeyedEvent{sample(), {}});
  CHECK(code(alone.bus->register_listener(listener, key("K:1"))) == ErrorCode::node_failed);
  CHECK(code(alone.bus->register_listener(listener, group("h"))) == ErrorCode::node_failed);
  CHECK(code(alone.bus->register_each_node(listener)) == ErrorCode::node_failed);
  CHECK(code(alone.bus->dispatch(sample())) == ErrorCode::node_failed);
  CHECK(code(alone.bus->dispatch(noop())) == ErrorCode::node_failed);
  CHECK(code(alone.bus->dispatch(batch)) == ErrorCode::node_failed);
  CHECK(code(alone.bus->dispatch_async(sample(), {}, {})) == ErrorCode::node_failed);
  const auto redelivered = alone.bus->redeliver(group("g"), sample());
  REQUIRE(code(redelivered) == ErrorCode::node_failed);
  CHECK(redelivered.error().message == "a twin took the name");
  CHECK(story.words().empty());
}

TEST_CASE("asynchronous dispatches that are owed to groups are published together, each with its own number",
          "[bus][dispatch]") {
  FakeUplink uplink;
  Alone alone{on(uplink)};
  const auto group =
      must(alone.bus->register_listener(make_listener([](const Event&) {}), Group::parse("g").value()));
  Gate first;
  Story answers;

  // The first keeps the thread that dispatches, so that the others wait for it together.
  must(alone.bus->dispatch_async(sample("first"), {}, [&](const Result<Receipt>&) { first.pass(); }));
  REQUIRE(first.wait_arrived(1));
  for (int i = 0; i < 3; ++i) {
    must(alone.bus->dispatch_async(sample(), {}, [&](const Result<Receipt>& receipt) {
      answers.add(std::to_string(receipt->seq) + " " + std::to_string(receipt->first_seq) + " for " +
                  std::to_string(receipt->groups) + ", " + std::to_string(receipt->interested));
    }));
  }
  first.open();

  CHECK(answers.wait(3) ==
        std::vector<std::string>{"102 102 for 1, 2", "103 103 for 1, 2", "104 104 for 1, 2"});
  const std::lock_guard lock(uplink.mutex);
  CHECK(uplink.inside.size() == 2);
}

TEST_CASE("asynchronous dispatches that the peers refuse together are answered one by one",
          "[bus][dispatch]") {
  FakeUplink uplink;
  uplink.refusal = Error{ErrorCode::back_pressure, "a peer is slow"};
  Alone alone{on(uplink)};
  const auto group =
      must(alone.bus->register_listener(make_listener([](const Event&) {}), Group::parse("g").value()));
  Story answers;

  for (int i = 0; i < 3; ++i) {
    must(alone.bus->dispatch_async(sample(), {}, [&](const Result<Receipt>& receipt) {
      answers.add(receipt ? "accepted" : receipt.error().message);
    }));
  }

  CHECK(answers.wait(3) == std::vector<std::string>(3, "a peer is slow"));
}
