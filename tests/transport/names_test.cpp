#include "transport/names.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::transport;
using namespace std::string_literals;

namespace {

wire::Life known_life() {
  wire::Life life{.id = {}, .epoch = 0x0102030405060708};
  for (std::uint8_t i = 0; i < 16; ++i) life.id.bytes[i] = static_cast<std::uint8_t>(0x10 + i);
  return life;
}

const std::string known_life_bytes =
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x08\x07\x06\x05\x04\x03\x02\x01"s;

}  // namespace

TEST_CASE("a routing id names the life and the link, byte by byte", "[transport][names]") {
  CHECK(routing_id(known_life(), 0x0a0b0c0d) == "\x01"s + known_life_bytes + "\x0d\x0c\x0b\x0a"s);
}

TEST_CASE("a barrier topic names the follower and sorts after the data topic", "[transport][names]") {
  const std::string topic = barrier_topic(known_life());

  CHECK(topic == "\xff"s + "B"s + known_life_bytes);
  CHECK(topic > data_topic);
}

TEST_CASE("a barrier topic tells the life it was made of", "[transport][names]") {
  CHECK(parse_barrier_topic(barrier_topic(known_life())) == known_life());
}

TEST_CASE("other topics name nobody", "[transport][names]") {
  const std::string barrier = barrier_topic(known_life());
  const auto topic = GENERATE_COPY(""s, "EM"s, barrier.substr(0, 25), barrier + "x"s,
                                   "\xff"s + "C"s + known_life_bytes, "\xfe"s + "B"s + known_life_bytes);

  CHECK(parse_barrier_topic(topic) == std::nullopt);
}
