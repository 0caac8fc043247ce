#include "delivery/inbound_event.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;

TEST_CASE("bytes from the mesh are decoded once, however many ask", "[delivery][inbound]") {
  Room room;
  const auto frame = std::make_shared<std::string>("bytes");
  static std::atomic<int> decoded;
  decoded = 0;
  InboundEvent event({}, {}, frame, *frame, [](std::string_view bytes) -> Result<InboundEvent::Decoded> {
    ++decoded;
    return InboundEvent::Decoded{sample(std::string(bytes)), {key("K:1")}};
  });
  CHECK(decoded == 0);

  std::vector<std::thread> listeners;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    listeners.emplace_back([&] {
      const auto* found = event.open(room.runner);
      if (found != nullptr && found->event.payload() == "bytes") ++right;
    });
  }
  for (auto& listener : listeners) listener.join();

  CHECK(right == 4);
  CHECK(decoded == 1);
}

TEST_CASE("bytes that hold no event are logged and counted once", "[delivery][inbound]") {
  Room room;
  InboundEvent event({NodeId{}, 1, 42}, {}, nullptr, "",
                     [](std::string_view) -> Result<InboundEvent::Decoded> {
                       return fail(ErrorCode::undecodable, "garbage");
                     });

  CHECK(event.open(room.runner) == nullptr);
  CHECK(event.open(room.runner) == nullptr);

  CHECK(room.log().size() == 1);
  CHECK(field(room.log(), "event_undecodable", "seq") == "42");
  CHECK(field(room.log(), "event_undecodable", "error") == "garbage");
  CHECK(room.count("evmesh_events_undecodable_total") == 1);
}

TEST_CASE("the frame lives as long as its events", "[delivery][inbound]") {
  auto frame = std::make_shared<std::string>("bytes");
  const std::weak_ptr<std::string> watched = frame;
  {
    const InboundEvent event({}, {}, frame, *frame, {});
    frame.reset();
    CHECK_FALSE(watched.expired());
  }
  CHECK(watched.expired());
}

TEST_CASE("an event of this node has no origin for its listeners", "[delivery][inbound]") {
  Room room;
  InboundEvent local({NodeId{}, 0, 7}, sample(), {key("K:1"), key("K:2")});
  InboundEvent remote({NodeId{}, 3, 7}, {}, nullptr, "", {});

  CHECK(local.origin() == nullptr);
  CHECK(local.place().seq == 7);
  CHECK(std::ranges::equal(local.key_texts(), std::vector<std::string_view>{"K:1", "K:2"}));
  CHECK(local.open(room.runner) != nullptr);
  REQUIRE(remote.origin() != nullptr);
  CHECK(remote.origin()->epoch == 3);
}

TEST_CASE("the size of an event counts payload and headers", "[delivery][inbound]") {
  EventFields fields;
  fields.type = "T";
  const std::uint64_t small = memory_bytes(Event(fields));
  fields.payload = std::string(1000, 'x');
  fields.headers = {{"name", "value"}};

  CHECK(memory_bytes(Event(fields)) == small + 1009);
}
