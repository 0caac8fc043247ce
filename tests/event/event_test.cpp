#include <catch2/catch.hpp>

#include <evmesh/codec.hpp>
#include <evmesh/event.hpp>
#include <evmesh/mailbox.hpp>

using namespace evmesh;

namespace {

/// A body as an application writes it.
class Greeting : public EventBody {
 public:
  explicit Greeting(std::string text) : text_(std::move(text)) {}
  Encoded encode(PayloadFormat) const override { return {PayloadFormat::raw, text_}; }

 private:
  std::string text_;
};

class Broken : public EventBody {
 public:
  Encoded encode(PayloadFormat) const override { throw std::runtime_error("no ink"); }
};

EventFields fields(std::string type) {
  EventFields fields;
  fields.type = std::move(type);
  return fields;
}

std::string refusal(const EventFields& fields, std::uint64_t size_bytes_max = 1'048'576) {
  const auto checked = Event(fields).check(size_bytes_max);
  return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("an event without an id gets a fresh one, and another the next time", "[event]") {
  const Event first(fields("Greeting"));
  const Event second(fields("Greeting"));

  CHECK_FALSE(first.id().nil());
  CHECK(first.id() != second.id());
}

TEST_CASE("an event without a time happened now", "[event]") {
  const auto before = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());

  const Event event(fields("Greeting"));

  CHECK(event.time() >= before);
  CHECK(event.time() <= before + std::chrono::minutes(10));
}

TEST_CASE("a given id and time stay", "[event]") {
  EventFields given = fields("Greeting");
  given.id = *EventId::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
  given.time = Timestamp(std::chrono::microseconds(1'700'000'000'000'001));

  const Event event(given);

  CHECK(event.id().to_string() == "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
  CHECK(event.time().time_since_epoch().count() == 1'700'000'000'000'001);
}

TEST_CASE("check lets an event through whose fields are at their bounds", "[event]") {
  EventFields given = fields(std::string(255, 't'));
  given.user = std::string(255, 'u');
  given.payload = std::string(100 - 32, 'p');
  for (int i = 0; i < 32; ++i) given.headers[std::string(1, static_cast<char>('A' + i))] = "";

  CHECK(refusal(given, 100) == "");
}

TEST_CASE("check names the field that breaks a rule", "[event]") {
  EventFields many = fields("T");
  for (int i = 0; i < 33; ++i) many.headers["name" + std::to_string(i)] = "";
  EventFields wide = fields("T");
  wide.headers["h"] = std::string(8192, 'v');
  EventFields user = fields("T");
  user.user = "a\nb";
  EventFields both = fields("T");
  both.payload = "x";
  both.body = std::make_shared<Greeting>("hello");

  CHECK(refusal(fields("")) == "the event has no type; give it a name");
  CHECK(refusal(fields("a\x80")) == "type \"a\\x80\" must be UTF-8 without control characters");
  CHECK(refusal(fields(std::string(256, 't'))).find("has 256 bytes; at most 255 are possible") !=
        std::string::npos);
  CHECK(refusal(user) == "user \"a\\nb\" must be UTF-8 without control characters");
  CHECK(refusal(many) == "headers: 33 of them; at most 32 are possible");
  CHECK(refusal(wide) == "headers: 8193 bytes together; at most 8192 are possible");
  CHECK(refusal(both) == "an event has a body or a payload, not both");
}

TEST_CASE("check refuses payload and headers that are one byte too large together", "[event]") {
  EventFields given = fields("Blob");
  given.payload = std::string(90, 'p');
  given.headers["name"] = "value12";

  const auto checked = Event(given).check(100);

  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ErrorCode::event_too_large);
  CHECK(checked.error().message ==
        "payload and headers of \"Blob\" have 101 bytes; at most 100 are possible here");
  CHECK(Event(given).check(101));
}

TEST_CASE("check refuses a mailbox event whose text cannot be sent", "[event]") {
  const auto bad =
      mailbox::make_event(mailbox::MailboxAdded{.user = "alice",
                                                .session_id = 7,
                                                .path = mailbox::MailboxPath::personal("alice", "caf\xe9"),
                                                .mailbox_id = "31"});

  const auto checked = bad.check(1'048'576);

  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ErrorCode::invalid_argument);
  CHECK(checked.error().message == "MailboxAdded: member \"name\" is not UTF-8: \"caf\\xe9\"");
}

TEST_CASE("events are equal field by field", "[event]") {
  EventFields given = fields("Greeting");
  given.id = *EventId::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
  given.time = Timestamp(std::chrono::microseconds(5));
  given.payload = "hello";
  EventFields other_payload = given, other_user = given, other_header = given, other_time = given,
              other_format = given;
  other_payload.payload = "hullo";
  other_user.user = "bob";
  other_header.headers["a"] = "b";
  other_time.time += std::chrono::microseconds(1);
  other_format.format = PayloadFormat::json;

  CHECK(Event(given) == Event(given));
  CHECK_FALSE(Event(given) == Event(other_payload));
  CHECK_FALSE(Event(given) == Event(other_user));
  CHECK_FALSE(Event(given) == Event(other_header));
  CHECK_FALSE(Event(given) == Event(other_time));
  CHECK_FALSE(Event(given) == Event(other_format));
}

TEST_CASE("a body equals the bytes it is encoded to", "[event]") {
  EventFields given = fields("Greeting");
  given.id = *EventId::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
  given.time = Timestamp(std::chrono::microseconds(5));
  EventFields with_body = given, with_bytes = given, with_other_bytes = given;
  with_body.body = std::make_shared<Greeting>("hello");
  with_bytes.payload = "hello";
  with_other_bytes.payload = "hullo";

  CHECK(Event(with_body) == Event(with_bytes));
  CHECK_FALSE(Event(with_body) == Event(with_other_bytes));
}

TEST_CASE("payload formats have the names that options and logs use", "[event]") {
  CHECK(to_string(PayloadFormat::raw) == "raw");
  CHECK(to_string(PayloadFormat::json) == "json");
  CHECK(to_string(PayloadFormat::binary) == "binary");
}

TEST_CASE("the payload of an application's body is what it encodes to", "[event][codec]") {
  EventFields given = fields("Greeting");
  given.body = std::make_shared<Greeting>("hello");

  const auto payload = payload_as(Event(given), PayloadFormat::json);

  REQUIRE(payload);
  CHECK(payload->format == PayloadFormat::raw);
  CHECK(payload->bytes == "hello");
}

TEST_CASE("a body that throws is an error value", "[event][codec]") {
  EventFields given = fields("Greeting");
  given.body = std::make_shared<Broken>();

  const auto payload = payload_as(Event(given), PayloadFormat::json);

  REQUIRE_FALSE(payload);
  CHECK(payload.error().message == "the body of \"Greeting\" cannot be encoded: no ink");
}

TEST_CASE("raw bytes and unknown types pass through untouched, whatever is asked for", "[event][codec]") {
  EventFields raw = fields("Added");
  raw.payload = std::string("\0\xff", 2);
  EventFields unknown = fields("FutureEvent");
  unknown.format = PayloadFormat::json;
  unknown.payload = R"({"FutureEvent": {"a": 1}})";

  CHECK(payload_as(Event(raw), PayloadFormat::json)->bytes == std::string("\0\xff", 2));
  CHECK(payload_as(Event(unknown), PayloadFormat::binary)->bytes == R"({"FutureEvent": {"a": 1}})");
  CHECK(payload_as(Event(unknown), PayloadFormat::binary)->format == PayloadFormat::json);
}

TEST_CASE("a received mailbox event is rewritten in the other format", "[event][codec]") {
  EventFields given = fields("MessageMoveEvent");
  given.format = PayloadFormat::json;
  given.payload = R"({"MessageMoveEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c0c","user":"a",)"
                  R"("previousMailboxIds":[],)"
                  R"("targetMailboxIds":["33"],"messageIds":["m"]}})";

  const auto binary = payload_as(Event(given), PayloadFormat::binary);

  REQUIRE(binary);
  CHECK(binary->format == PayloadFormat::binary);
  EventFields received = fields("MessageMoveEvent");
  received.format = binary->format;
  received.payload = binary->bytes;
  CHECK(payload_as(Event(received), PayloadFormat::json)->bytes == given.payload);
}

TEST_CASE("bytes that claim a known type and do not hold it are undecodable when rewritten",
          "[event][codec]") {
  EventFields given = fields("Added");
  given.format = PayloadFormat::binary;
  given.payload = "\x01";

  const auto payload = payload_as(Event(given), PayloadFormat::json);

  REQUIRE_FALSE(payload);
  CHECK(payload.error().code == ErrorCode::undecodable);
  CHECK(payload.error().message == "binary mailbox event: it is too short to name its version and type");
}
