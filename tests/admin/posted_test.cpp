#include <catch2/catch.hpp>

#include "admin/posted.hpp"

using namespace evmesh;
using admin::read_posted;

TEST_CASE("the keys beside a wrapped event replace its own", "[admin]") {
  const auto events = read_posted(R"({"event":{"type":"t","keys":["A:1"]},"keys":["B:2"]})");

  REQUIRE(events);
  REQUIRE(events->size() == 1);
  CHECK(events->front().event.type() == "t");
  CHECK(events->front().keys == std::vector{*RegistrationKey::parse("B:2")});
}

TEST_CASE("a wrapped event without keys keeps its own", "[admin]") {
  const auto events = read_posted(R"({"event":{"type":"t","keys":["A:1"]}})");

  REQUIRE(events);
  CHECK(events->front().keys == std::vector{*RegistrationKey::parse("A:1")});
}

TEST_CASE("an array keeps its order and names the event that is wrong", "[admin]") {
  const auto events = read_posted(R"([{"type":"a"},{"event":{"type":"b"},"keys":[]},{"type":"c"}])");
  const auto wrong = read_posted(R"([{"type":"a"},{"event":{"type":"b"},"kyes":[]}])");

  REQUIRE(events);
  CHECK((*events)[0].event.type() == "a");
  CHECK((*events)[1].event.type() == "b");
  CHECK((*events)[2].event.type() == "c");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message ==
        R"(event 1: unknown member "kyes" beside "event"; only "keys" may stand there)");
}

TEST_CASE("1,024 events go together, one more does not", "[admin]") {
  const auto array = [](std::size_t count) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) text += i == 0 ? R"({"type":"t"})" : R"(,{"type":"t"})";
    return text + "]";
  };

  CHECK(read_posted(array(1024)));
  CHECK(read_posted(array(1025)).error().code == ErrorCode::batch_too_large);
  CHECK(read_posted("[]").error().code == ErrorCode::invalid_argument);
}

TEST_CASE("keys that are no array of texts are refused", "[admin]") {
  CHECK_FALSE(read_posted(R"({"event":{"type":"t"},"keys":"A:1"})"));
  CHECK_FALSE(read_posted(R"({"event":{"type":"t"},"keys":[1]})"));
  CHECK_FALSE(read_posted(R"({"event":{"type":"t"},"keys":["nocolon"]})"));
  CHECK_FALSE(read_posted(R"({"event":[{"type":"t"},{"type":"u"}]})"));
}
