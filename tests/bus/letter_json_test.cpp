#include "bus/letter_json.hpp"

#include <catch2/catch.hpp>
#include <evmesh/mailbox.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

Attempt attempt(std::uint32_t number, std::string error) {
  Attempt attempt{number, Timestamp{std::chrono::seconds{1'700'000'000 + number}}, {}, std::move(error)};
  attempt.node.bytes[0] = 7;
  return attempt;
}

DeadLetterEntry entry(Event event) {
  DeadLetterEntry entry{{DeadLetterId::fresh(), group("index"), std::move(event), {key("User:bob")}, {}},
                        "events",
                        12,
                        {},
                        3,
                        Timestamp{std::chrono::seconds{1'600'000'000}}};
  entry.letter.attempts = {attempt(1, "first \"x\""), attempt(2, "second")};
  entry.dispatch.owner.bytes[3] = 9;
  entry.dispatch.epoch = 5;
  entry.dispatch.seq = 6;
  return entry;
}

}  // namespace

TEST_CASE("a letter is read as it was written", "[bus][letter_json]") {
  EventFields fields;
  fields.id = EventId::fresh();
  fields.type = "Sample";
  fields.time = Timestamp{std::chrono::microseconds{1'600'000'000'123'456}};
  fields.payload = std::string("\x00\xff bytes", 8);
  fields.headers = {{"traceparent", "00-1"}};
  const DeadLetterEntry written = entry(Event(fields));

  const Letter letter = must(letter_of_json(to_json(written)));
  const DeadLetterEntry read = must(to_entry(letter));

  CHECK(read.letter.id == written.letter.id);
  CHECK(read.letter.group == written.letter.group);
  CHECK(read.letter.event == written.letter.event);
  CHECK(read.letter.keys == written.letter.keys);
  CHECK(read.letter.attempts == written.letter.attempts);
  CHECK(read.bus == "events");
  CHECK(read.dispatch == written.dispatch);
  CHECK(read.returns == 3);
  CHECK(read.accepted == written.accepted);
}

TEST_CASE("the shortest line that makes a letter names bus, group and event", "[bus][letter_json]") {
  const Letter letter =
      must(letter_of_json(R"({"bus":"events","group":"index","event":{"type":"Sample","text":"x"}})"));

  CHECK_FALSE(letter.id.nil());
  CHECK(letter.dispatch == dispatch_of_unaccepted(letter.id));
  CHECK(letter.attempts.empty());
  CHECK(must(to_entry(letter)).letter.event.payload() == "x");
}

TEST_CASE("keys stand beside the event, or in it", "[bus][letter_json]") {
  const auto keys = [](std::string_view line) {
    return must(to_entry(must(letter_of_json(line)))).letter.keys;
  };

  CHECK(keys(R"({"bus":"events","group":"g","keys":["User:bob"],"event":{"type":"S","text":"x"}})") ==
        std::vector{key("User:bob")});
  CHECK(keys(R"({"bus":"events","group":"g","event":{"type":"S","text":"x","keys":["User:bob"]}})") ==
        std::vector{key("User:bob")});
}

TEST_CASE("a line that is no letter is refused with the member that is wrong", "[bus][letter_json]") {
  const auto why = [](std::string_view line) { return letter_of_json(line).error().message; };

  CHECK(why(R"({"group":"index","event":{"type":"S"}})") == "member \"bus\" is missing");
  CHECK(why(R"({"bus":"events","group":"a b","event":{"type":"S"}})").find("a b") != std::string::npos);
  CHECK(why(R"({"bus":"events","group":"index"})") == "member \"event\" is missing");
  CHECK(why(R"({"bus":"events","group":"index","event":{"type":"S"},"x":1})") == "unknown member \"x\"");
  CHECK(why(R"({"schema":"other","bus":"events","group":"index","event":{"type":"S"}})") ==
        "member \"schema\" is \"other\", not \"evmesh.dead_letter.v1\"");
  CHECK(why(R"({"bus":"events","group":"index","event":{"type":"S"},"attempts":[{"number":"1"}]})") ==
        "\"attempts\": member \"number\" must be a whole number from 0 to 4294967295");
  CHECK(why(R"({"bus":"events","group":"index","event":{"type":"S"},"keys":["nokey"]})").find("nokey") !=
        std::string::npos);
  CHECK(why(R"({"bus":"events","group":"index","event":{"type":"S"},"keys":[7]})") == "\"keys\" must hold texts only");
  CHECK(why(R"({"bus":"events","group":"index","event":[{"type":"S"},{"type":"S"}]})") ==
        "\"event\": it must be one event");
  CHECK_FALSE(letter_of_json("not json"));
}

TEST_CASE("a letter of many attempts keeps the last of them", "[bus][letter_json]") {
  DeadLetterEntry written = entry(sample());
  written.letter.attempts.clear();
  for (std::uint32_t number = 1; number <= 70; ++number)
    written.letter.attempts.push_back(attempt(number, "no"));

  const Letter letter = must(letter_of_json(to_json(written)));

  REQUIRE(letter.attempts.size() == 64);
  CHECK(letter.attempts.front().number == 7);
}

TEST_CASE("a letter has as many keys as a dispatch, and one more is refused", "[bus][letter_json]") {
  const auto line = [](std::size_t count) {
    std::string keys = "\"K:0\"";
    for (std::size_t each = 1; each < count; ++each) keys += ",\"K:" + std::to_string(each) + '"';
    return R"({"bus":"events","group":"g","keys":[)" + keys + R"(],"event":{"type":"S","text":"x"}})";
  };

  CHECK(letter_of_json(line(256)));
  CHECK(letter_of_json(line(257)).error().message == "member \"keys\" has more than 256");
}
