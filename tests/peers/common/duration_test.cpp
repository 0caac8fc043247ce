#include "common/duration.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::peers;
using namespace std::chrono_literals;

TEST_CASE("a duration is a whole number and a unit", "[peers][duration]") {
  CHECK(parse_duration("100ms") == 100ms);
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("0") == 0ms);
  CHECK(parse_duration("87600h") == 87600h);
}

TEST_CASE("what is no duration is refused naming it", "[peers][duration]") {
  const auto text = GENERATE("", "5", "s", "-1s", "1.5s", "5 s", "5d", "87601h", "99999999999999999999s");

  const auto parsed = parse_duration(text);

  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.find('"' + std::string(text) + '"') == 0);
}

TEST_CASE("a duration is written in the largest unit that keeps it", "[peers][duration]") {
  CHECK(format_duration(0ms) == "0s");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(90s) == "90s");
  CHECK(format_duration(120s) == "2m");
}
