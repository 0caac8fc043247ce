#include <stdexcept>

#include "bus/bus.hpp"
#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;
using delivery::InboundEvent;

namespace {

Origin from_peer(std::uint64_t seq) {
  Origin origin;
  origin.publisher.bytes.fill(7);
  origin.epoch = 3;
  origin.seq = seq;
  return origin;
}

/// An event on K:1 whose bytes are its payload.
std::shared_ptr<InboundEvent> arrived(std::uint64_t seq, std::string payload) {
  static const std::vector<std::string_view> keys{"K:1"};
  const auto frame = std::make_shared<std::string>(std::move(payload));
  return std::make_shared<InboundEvent>(
      from_peer(seq), keys, frame, *frame,
      [](std::string_view bytes) -> Result<InboundEvent::Decoded> {
        if (bytes == "garbage") return fail(ErrorCode::undecodable, "garbage");
        return InboundEvent::Decoded{sample(std::string(bytes)), {key("K:1")}};
      });
}

std::vector<registry::Match> matches(const Bus& bus, std::vector<std::string_view> keys) {
  registry::Matches found;
  bus.match(keys, found);
  return {found.begin(), found.end()};
}

Gap hole(std::uint64_t from) {
  Gap gap;
  gap.publisher.bytes.fill(7);
  gap.epoch = 3;
  gap.from = from;
  gap.to = from;
  return gap;
}

/// As the engine gives an event to a listener.
void offer(Bus& bus, const registry::Match& match, std::shared_ptr<InboundEvent> event) {
  const Bus::Arrival arrival{std::move(event), match.holder, match.key};
  bus.offer(match.listener, {&arrival, 1});
}

/// As the engine tells of a gap.
void to_all(Bus& bus, const Gap& gap) {
  for (const Bus::Audience& listener : bus.audience()) bus.offer_gap(listener.listener, gap);
}

}  // namespace

TEST_CASE("listeners match with the version that announced them", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto listener = teller(story);
  const auto first = must(alone.bus->register_listener(listener, key("K:1")));
  const auto second = must(alone.bus->register_each_node(teller(story)));
  const auto third = must(alone.bus->register_listener(listener, key("K:2")));

  const auto found = matches(*alone.bus, {"K:2", "K:1"});

  REQUIRE(found.size() == 2);
  CHECK(found[0].version == 1);
  CHECK(found[0].key == 0);
  CHECK(found[1].version == 2);
  CHECK(found[1].key == registry::no_key);
  const auto everyone = alone.bus->audience();
  REQUIRE(everyone.size() == 2);
  CHECK(everyone[0].listener == found[0].listener);
  CHECK(everyone[0].version == 1);
  CHECK(everyone[1].version == 2);
}

TEST_CASE("an event from the mesh runs on the pool with its origin and key", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  std::thread::id thread;
  const auto listener = make_listener([&](const Delivery& delivery) {
    thread = std::this_thread::get_id();
    CHECK(delivery.origin != nullptr);
    CHECK(*delivery.origin == from_peer(5));
    CHECK(delivery.key != nullptr);
    CHECK(delivery.key->to_string() == "K:1");
    story.add(delivery.event.payload());
  });
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));
  const auto found = matches(*alone.bus, {"K:1"});
  REQUIRE(found.size() == 1);

  offer(*alone.bus, found[0], arrived(5, "hello"));

  CHECK(story.wait(1) == std::vector<std::string>{"hello"});
  must(alone.bus->drain(patience));
  CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("a prefilter that throws and bytes that are no event spoil nothing", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  ListenerTraits traits;
  traits.handles = [](const Event& event) {
    if (event.payload() == "bad") throw std::runtime_error("prefilter");
    return true;
  };
  const auto listener =
      make_listener([&](const Delivery& delivery) { story.add(delivery.event.payload()); }, traits);
  const auto registration = must(alone.bus->register_listener(listener, key("K:1")));
  const auto match = matches(*alone.bus, {"K:1"}).at(0);

  offer(*alone.bus, match, arrived(1, "bad"));
  offer(*alone.bus, match, arrived(2, "garbage"));
  offer(*alone.bus, match, arrived(3, "good"));

  CHECK(story.wait(1) == std::vector<std::string>{"good"});
  must(alone.bus->drain(patience));
  CHECK(alone.host.logged("delivery_failed") == 1);
  CHECK(alone.host.logged("event_undecodable") == 1);
}

TEST_CASE("what is offered to a listener that left goes nowhere", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  auto registration = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto match = matches(*alone.bus, {"K:1"}).at(0);
  registration.unregister();

  offer(*alone.bus, match, arrived(1, "late"));
  alone.bus->offer_gap(match.listener, hole(2));
  to_all(*alone.bus, hole(3));

  must(alone.bus->drain(patience));
  CHECK(story.words().empty());
}

TEST_CASE("a hole is counted and logged once, wherever in it a listener began", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto early = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto late = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto handles = alone.bus->audience();
  Gap whole = hole(4);
  whole.to = 9;
  Gap rest = hole(7);
  rest.to = 9;

  // As when two holes become known at once.
  alone.bus->offer_gap(handles[0].listener, whole);
  alone.bus->offer_gap(handles[0].listener, hole(12));
  alone.bus->offer_gap(handles[1].listener, rest);
  alone.bus->offer_gap(handles[1].listener, hole(12));

  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 4);
  CHECK(alone.host.count("evmesh_gaps_total") == 2);
}

TEST_CASE("a key's status counts the gaps told to its listeners since they came", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto listener = teller(story);
  const auto first = must(alone.bus->register_listener(listener, key("K:1")));
  const auto second = must(alone.bus->register_listener(teller(story), key("K:1")));
  to_all(*alone.bus, hole(4));
  must(alone.bus->drain(patience));
  const auto third = must(alone.bus->register_listener(listener, key("K:2")));

  to_all(*alone.bus, hole(9));

  must(alone.bus->drain(patience));
  CHECK(alone.bus->explain(key("K:1")).gaps == 4);
  CHECK(alone.bus->explain(key("K:2")).gaps == 1);
  CHECK(alone.bus->explain(key("K:3")).gaps == 0);
}

TEST_CASE("a gap reaches every key and each-node listener and is counted and logged once", "[bus][inbound]") {
  FakeUplink uplink;
  Alone alone(on(uplink));
  Story story;
  const auto on_key = must(alone.bus->register_listener(teller(story), key("K:1")));
  const auto on_all = must(alone.bus->register_each_node(teller(story)));
  const auto in_group = must(alone.bus->register_listener(teller(story), group("g")));

  to_all(*alone.bus, hole(4));
  to_all(*alone.bus, hole(9));

  must(alone.bus->drain(patience));
  CHECK(story.words().size() == 4);
  CHECK(alone.host.count("evmesh_gaps_total") == 2);
  CHECK(support::eventually(patience, [&] { return alone.host.logged("gap") == 2; }));
}
