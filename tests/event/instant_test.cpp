#include <catch2/catch.hpp>

#include "event/instant.hpp"

using namespace evmesh;
using namespace evmesh::event;

namespace {

std::string rewritten(std::string_view text) {
  const auto instant = parse_instant(text);
  if (!instant) return "refused";
  std::string out;
  append_instant(out, *instant);
  return out;
}

}  // namespace

TEST_CASE("instants are written with as many groups of digits as they need", "[instant]") {
  CHECK(rewritten("2024-03-01T09:30:00Z") == "2024-03-01T09:30:00Z");
  CHECK(rewritten("2024-03-01T09:30:00.250Z") == "2024-03-01T09:30:00.250Z");
  CHECK(rewritten("2024-03-01T09:30:00.25Z") == "2024-03-01T09:30:00.250Z");
  CHECK(rewritten("2024-03-01T09:30:00.000001Z") == "2024-03-01T09:30:00.000001Z");
  CHECK(rewritten("2024-03-01T09:30:00.123456789Z") == "2024-03-01T09:30:00.123456789Z");
  CHECK(rewritten("2024-03-01T09:30:00.000Z") == "2024-03-01T09:30:00Z");
}

TEST_CASE("an instant counts from 1970 in UTC", "[instant]") {
  CHECK(parse_instant("1970-01-01T00:00:00Z")->time_since_epoch().count() == 0);
  CHECK(parse_instant("2024-03-01T09:30:00.250Z")->time_since_epoch().count() == 1'709'285'400'250'000'000);
  CHECK(parse_instant("1969-12-31T23:59:59.5Z")->time_since_epoch().count() == -500'000'000);
  CHECK(rewritten("1969-12-31T23:59:59.5Z") == "1969-12-31T23:59:59.500Z");
  CHECK(rewritten("2000-02-29T23:59:59Z") == "2000-02-29T23:59:59Z");
}

TEST_CASE("an event's time is written with its microseconds", "[instant]") {
  CHECK(format_instant(Timestamp(std::chrono::microseconds(1'709'285'400'000'001))) ==
        "2024-03-01T09:30:00.000001Z");
  CHECK(format_instant(Timestamp{}) == "1970-01-01T00:00:00Z");
}

TEST_CASE("what is no UTC time of ISO 8601 is refused", "[instant]") {
  const auto* text = GENERATE(
      "", "Z", "2024-03-01", "2024-03-01T09:30:00", "2024-03-01T09:30Z", "2024-03-01T09:30:00+01:00",
      "2024-02-30T09:30:00Z", "2024-13-01T09:30:00Z", "2024-03-01T24:00:00Z", "2024-03-01T09:60:00Z",
      "2024-03-01T09:30:60Z", "2024-03-01T09:30:00.Z", "2024-03-01T09:30:00.1234567890Z",
      "2024-03-01T09:30:00,5Z", "2024-03-01 09:30:00Z", "2o24-03-01T09:30:00Z", "2024-03-01T09:30:00.-5Z");

  CHECK(rewritten(text) == "refused");
}

TEST_CASE("a year that 64 bits of nanoseconds cannot hold is refused", "[instant]") {
  CHECK(rewritten("1600-01-01T00:00:00Z") == "refused");
  CHECK(rewritten("1678-01-01T00:00:00Z") == "1678-01-01T00:00:00Z");
  CHECK(rewritten("2262-01-01T00:00:00Z") == "2262-01-01T00:00:00Z");
  CHECK(rewritten("9999-01-01T00:00:00Z") == "refused");
}
