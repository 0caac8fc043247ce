#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"
#include "wire/event_codec.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

TEST_CASE("a NOTIFY built event by event has the bytes that the README shows", "[wire][notify]") {
  NotifyWriter writer(sample("notify").frame.header, 1, 41);

  writer.add(43, from_hex(hex_of("event")));

  CHECK(writer.count() == 1);
  CHECK(writer.size_bytes() == sample("notify").bytes.size());
  CHECK(writer.finish(44, false, true) == sample("notify").bytes);
}

TEST_CASE("a NOTIFY without events is the head announcement", "[wire][notify]") {
  NotifyWriter writer(sample("notify").frame.header, 1, 41);

  CHECK(writer.size_bytes() == 79);
  const auto decoded = decode(writer.finish(41));

  REQUIRE(decoded);
  CHECK(decoded->body == Body(Notify{.bus = 1, .after = 41, .to = 41, .events = {}}));
}

TEST_CASE("the start of a stream is marked", "[wire][notify]") {
  NotifyWriter writer(sample("notify").frame.header, 0, 41);

  const auto decoded = decode(writer.finish(44, true));

  REQUIRE(decoded);
  CHECK(decoded->body == Body(Notify{.bus = 0, .start = true, .after = 41, .to = 44, .events = {}}));
}

TEST_CASE("events of a NOTIFY keep their numbers and their order", "[wire][notify]") {
  NotifyWriter writer(sample("notify").frame.header, 0, 0xffff'ffff'0000'0000);
  writer.add(0xffff'ffff'0000'0001, "a");
  writer.add(0xffff'ffff'0000'0007, "bc");
  writer.add(0xffff'ffff'ffff'ffff, "d");

  const std::string bytes = writer.finish(0xffff'ffff'ffff'ffff);

  const auto decoded = decode(bytes);
  REQUIRE(decoded);
  CHECK(std::get<Notify>(decoded->body).events == std::vector<EventSlice>{{0xffff'ffff'0000'0001, "a"},
                                                                          {0xffff'ffff'0000'0007, "bc"},
                                                                          {0xffff'ffff'ffff'ffff, "d"}});
}
