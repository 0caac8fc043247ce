#include "delivery/strand.hpp"

#include <algorithm>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;

namespace {

NodeId publisher(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

/// A listener that says what it gets, and blocks on the payload "block" until the gate opens.
struct Teller {
  Story story;
  Gate gate;

  [[nodiscard]] std::shared_ptr<Listener> listener() {
    ListenerTraits traits;
    traits.name = "teller";
    traits.gap = [this](const Gap& gap) {
      story.add("gap " + std::to_string(gap.from) + "-" + (gap.to ? std::to_string(*gap.to) : "end"));
    };
    return make_listener(
        [this](const Delivery& delivery) {
          if (delivery.event.payload() == "block") gate.pass();
          story.add(delivery.event.payload());
        },
        traits);
  }
};

std::shared_ptr<Strand> strand_of(Room& room, std::shared_ptr<Listener> listener, Strand::Options options) {
  if (options.inbox_bytes_max == 0) options.inbox_bytes_max = 1 << 20;
  return std::make_shared<Strand>(
      Strand::Services{room.runner, room.pool, room.activity, room.counters, room.crowding},
      std::move(listener), options);
}

std::shared_ptr<Place> place_on(const std::shared_ptr<Strand>& strand, std::vector<RegistrationKey> keys,
                                std::uint64_t version = 0) {
  auto place = std::make_shared<Place>();
  place->keys = std::move(keys);
  place->version = version;
  place->strand = strand;
  strand->add(place);
  return place;
}

std::shared_ptr<InboundEvent> event(std::uint8_t from, std::uint64_t seq, std::string payload,
                                    std::string_view on = "K:1", std::uint64_t epoch = 1) {
  return std::make_shared<InboundEvent>(Origin{publisher(from), epoch, seq}, sample(std::move(payload)),
                                        std::vector{key(on)});
}

/// An event that counts more than 1,000 bytes in an inbox.
std::shared_ptr<InboundEvent> large(std::uint8_t from, std::uint64_t seq) {
  std::string payload = std::to_string(seq);
  payload.resize(1000, '.');
  return event(from, seq, payload);
}

std::vector<std::string> first_words(std::vector<std::string> words) {
  for (std::string& word : words) word = word.substr(0, word.find('.'));
  return words;
}

}  // namespace

TEST_CASE("events of one publisher come in order", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});
  std::vector<std::string> expected;

  for (std::uint64_t seq = 1; seq <= 500; ++seq) {
    expected.push_back(std::to_string(seq));
    strand->offer({event(1, seq, std::to_string(seq))});
  }

  CHECK(teller.story.wait(500) == expected);
  CHECK(room.activity.wait(patience) == 0);
  strand->close();
}

TEST_CASE("a publisher whose event blocks the listener does not hold another publisher's",
          "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});

  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  strand->offer({event(1, 2, "second")});
  strand->offer({event(2, 1, "other")});

  CHECK(teller.story.wait(1) == std::vector<std::string>{"other"});
  teller.gate.open();
  CHECK(teller.story.wait(3) == std::vector<std::string>{"other", "block", "second"});
  strand->close();
}

TEST_CASE("a serial listener gets one event at a time, whoever published it", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.serial = true});
  const auto place = place_on(strand, {key("K:1")});

  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  strand->offer({event(2, 1, "other")});
  teller.gate.open();

  CHECK(teller.story.wait(2) == std::vector<std::string>{"block", "other"});
  strand->close();
}

TEST_CASE("a full inbox loses its oldest events to one gap in their place", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 4000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  for (std::uint64_t seq = 2; seq <= 10; ++seq) strand->offer({large(1, seq)});
  teller.gate.open();

  CHECK(first_words(teller.story.wait(5)) == std::vector<std::string>{"block", "gap 2-7", "8", "9", "10"});
  CHECK(room.activity.wait(patience) == 0);
  CHECK(room.count("evmesh_listener_overruns_total") == 1);
  CHECK(room.count("evmesh_listener_shed_events_total") == 6);
  CHECK(field(room.log(), "listener_overrun", "listener") == "teller");
  strand->close();
}

TEST_CASE("a hole that begins after a gap was told is a hole of its own", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 3000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  for (std::uint64_t seq = 2; seq <= 4; ++seq) strand->offer({large(1, seq)});
  teller.gate.open();
  REQUIRE(first_words(teller.story.wait(4)) == std::vector<std::string>{"block", "gap 2-2", "3", "4"});

  Gate second;
  const auto blocker = place_on(strand, {key("K:2")});
  strand->offer({event(1, 5, "five")});

  CHECK(teller.story.wait(5).back() == "five");
  CHECK(room.count("evmesh_listener_overruns_total") == 1);
  strand->close();
}

TEST_CASE("the oldest event leaves, whichever publisher it came from", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.serial = true, .inbox_bytes_max = 3000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  strand->offer({large(1, 2)});
  strand->offer({large(2, 50)});
  strand->offer({large(1, 3)});
  strand->offer({large(2, 51)});
  teller.gate.open();

  CHECK(first_words(teller.story.wait(5)) ==
        std::vector<std::string>{"block", "gap 2-2", "gap 50-50", "3", "51"});
  strand->close();
}

TEST_CASE("lives of a publisher have holes of their own", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 2000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  const std::string payload(1000, '.');
  strand->offer({event(1, 8, payload, "K:1", 1)});
  strand->offer({event(1, 9, payload, "K:1", 1)});
  strand->offer({event(1, 1, payload, "K:1", 2)});
  strand->offer({event(1, 2, "2" + payload, "K:1", 2)});
  teller.gate.open();

  CHECK(first_words(teller.story.wait(4)) == std::vector<std::string>{"block", "gap 8-9", "gap 1-1", "2"});
  strand->close();
}

TEST_CASE("an event larger than the inbox still arrives", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 100});
  const auto place = place_on(strand, {key("K:1")});

  strand->offer({large(1, 7)});

  CHECK(first_words(teller.story.wait(1)) == std::vector<std::string>{"7"});
  strand->close();
}

TEST_CASE("an explicit gap keeps its place among the events", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  strand->offer({event(1, 2, "two")});
  strand->offer(Gap{publisher(1), 1, 3, 4, GapReason::ring_overrun});
  strand->offer({event(1, 5, "five")});
  strand->offer(Gap{publisher(1), 1, 6, std::nullopt, GapReason::life_ended});
  teller.gate.open();

  CHECK(teller.story.wait(5) == std::vector<std::string>{"block", "two", "gap 3-4", "five", "gap 6-end"});
  CHECK(room.activity.wait(patience) == 0);
  CHECK(strand->gaps_told() == 2);
  strand->close();
}

TEST_CASE("an explicit gap is not lost when the inbox overflows around it", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 2000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  strand->offer({large(1, 2)});
  strand->offer(Gap{publisher(1), 1, 3, 4, GapReason::ring_overrun});
  strand->offer({large(1, 5)});
  strand->offer({large(1, 6)});
  teller.gate.open();

  CHECK(first_words(teller.story.wait(5)) ==
        std::vector<std::string>{"block", "gap 2-2", "gap 3-4", "gap 5-5", "6"});
  CHECK(room.activity.wait(patience) == 0);
  strand->close();
}

TEST_CASE("gaps of one life that nobody takes become one instead of filling the memory",
          "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));

  for (std::uint64_t seq = 2; seq <= 1001; ++seq) {
    strand->offer(Gap{publisher(1), 1, seq, seq, GapReason::ring_overrun});
  }
  teller.gate.open();

  CHECK(room.activity.wait(patience) == 0);
  const auto words = teller.story.words();
  CHECK(words.size() == 65);
  CHECK(words.back() == "gap 65-1001");
  strand->close();
}

TEST_CASE("what waits for an ended registration does not run", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto first = place_on(strand, {key("K:1")});
  const auto second = place_on(strand, {key("K:2")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  strand->offer({event(1, 2, "on one", "K:1")});
  strand->offer({event(1, 3, "on two", "K:2")});

  CHECK_FALSE(strand->remove(*first));
  first->gate.close();
  teller.gate.open();

  CHECK(teller.story.wait(2) == std::vector<std::string>{"block", "on two"});
  CHECK(room.activity.wait(patience) == 0);
  CHECK(strand->remove(*second));
  CHECK(teller.story.words().size() == 2);
}

TEST_CASE("an event of several keys goes through whichever registration is left", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto first = place_on(strand, {key("K:1")}, 3);
  const auto second = place_on(strand, {key("K:2")}, 9);
  CHECK(strand->oldest_version() == 3);

  const std::vector<std::string_view> keys{"K:1", "K:2"};
  const auto both = strand->enter(keys);
  REQUIRE(both.has_value());
  CHECK(both->place == first);
  CHECK(both->key == 0);
  both->place->gate.leave();

  first->gate.close();
  strand->remove(*first);
  const auto one = strand->enter(keys);
  REQUIRE(one.has_value());
  CHECK(one->place == second);
  CHECK(one->key == 1);
  one->place->gate.leave();

  second->gate.close();
  CHECK_FALSE(strand->enter(keys).has_value());
  CHECK(strand->oldest_version() == 9);
  strand->remove(*second);
  CHECK_FALSE(strand->oldest_version().has_value());
}

TEST_CASE("an event comes through the registration that it matched, or another one when that has gone",
          "[delivery][strand]") {
  std::vector<std::string> through;
  Gate gate;
  Room room;
  const auto listener = make_listener([&](const Delivery& delivery) {
    through.emplace_back(delivery.key->to_string());
    if (through.size() == 1) gate.pass();
  });
  const auto strand = strand_of(room, listener, {});
  const auto first = place_on(strand, {key("K:1")});
  const auto second = place_on(strand, {key("K:2")});
  const auto both = [&](std::uint64_t seq) {
    return std::make_shared<InboundEvent>(Origin{publisher(1), 1, seq}, sample("both"),
                                          std::vector{key("K:1"), key("K:2")});
  };

  std::vector<Strand::Call> calls{{both(1), second, 1}, {both(2), second, 1}};
  strand->offer(calls);
  REQUIRE(gate.wait_arrived(1));
  second->gate.close();
  gate.open();

  CHECK(room.activity.wait(patience) == 0);
  CHECK(through == std::vector<std::string>{"K:2", "K:1"});
  strand->close();
}

TEST_CASE("an each-node registration takes every event, by no key", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = std::make_shared<Place>();
  place->each_node = true;
  place->strand = strand;
  strand->add(place);

  const std::vector<std::string_view> keys{"K:1"};
  const auto entered = strand->enter(keys);

  REQUIRE(entered.has_value());
  CHECK_FALSE(entered->key.has_value());
  entered->place->gate.leave();
  strand->close();
}

TEST_CASE("a listener that throws gets what follows", "[delivery][strand]") {
  Story story;
  Room room;
  const auto strand = strand_of(room, make_listener([&](const Delivery& delivery) {
                                  if (delivery.event.payload() == "bad") throw std::runtime_error("broken");
                                  story.add(delivery.event.payload());
                                }),
                                {});
  const auto place = place_on(strand, {key("K:1")});

  strand->offer({event(1, 1, "bad")});
  strand->offer({event(1, 2, "good")});

  CHECK(story.wait(1) == std::vector<std::string>{"good"});
  CHECK(field(room.log(), "delivery_failed", "key") == "K:1");
  strand->close();
}

TEST_CASE("an undecodable event is passed over", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});

  const std::vector<std::string_view> keys{"K:1"};
  strand->offer({std::make_shared<InboundEvent>(Origin{publisher(1), 1, 1}, keys, nullptr, "",
                                                [](std::string_view) -> Result<InboundEvent::Decoded> {
                                                  return fail(ErrorCode::undecodable, "garbage");
                                                })});
  strand->offer({event(1, 2, "good")});

  CHECK(teller.story.wait(1) == std::vector<std::string>{"good"});
  CHECK(room.activity.wait(patience) == 0);
  CHECK(room.count("evmesh_events_undecodable_total") == 1);
  strand->close();
}

TEST_CASE("a closed strand drops what waits and what comes", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  strand->offer({event(1, 2, "dropped")});
  strand->offer(Gap{publisher(1), 1, 3, 3, GapReason::ring_overrun});

  strand->close();
  strand->offer({event(1, 4, "dropped")});
  teller.gate.open();

  CHECK(room.activity.wait(patience) == 0);
  CHECK(teller.story.words() == std::vector<std::string>{"block"});
}

TEST_CASE("queues of many publishers that went are forgotten", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {});
  const auto place = place_on(strand, {key("K:1")});

  for (int round = 0; round < 3; ++round) {
    for (int from = 0; from < 200; ++from) strand->offer({event(static_cast<std::uint8_t>(from), 1, "e")});
    REQUIRE(room.activity.wait(patience) == 0);
  }

  CHECK(teller.story.words().size() == 600);
  strand->close();
}

TEST_CASE("an inbox is crowded from an eighth of its bound until a sixteenth is left", "[delivery][strand]") {
  Teller teller;
  Room room;
  const auto strand = strand_of(room, teller.listener(), {.inbox_bytes_max = 80'000});
  const auto place = place_on(strand, {key("K:1")});
  strand->offer({event(1, 1, "block")});
  REQUIRE(teller.gate.wait_arrived(1));
  strand->offer({large(1, 2)});
  const bool before = room.crowding.any();

  for (std::uint64_t seq = 3; seq <= 20; ++seq) strand->offer({large(1, seq)});

  CHECK_FALSE(before);
  CHECK(room.crowding.any());
  CHECK(room.crowding.taken() == 0);
  teller.gate.open();
  CHECK(teller.story.wait(20).size() == 20);
  CHECK_FALSE(room.crowding.any());
  CHECK(room.crowding.taken() > 0);
  strand->close();
}
