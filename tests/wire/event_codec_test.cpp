#include "wire/event_codec.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;
using namespace std::string_view_literals;

namespace {

EventFields fields() {
  EventFields fields;
  for (std::uint8_t i = 0; i < 16; ++i) fields.id.bytes[i] = static_cast<std::uint8_t>(i + 1);
  fields.type = "Added";
  fields.user = "bob";
  fields.time = Timestamp(std::chrono::microseconds(1'767'225'600'123'456));
  fields.format = PayloadFormat::json;
  fields.payload = "{}";
  fields.headers = {{"traceparent", "00-1"}};
  return fields;
}

std::vector<RegistrationKey> keys(const std::vector<std::string>& texts) {
  std::vector<RegistrationKey> keys;
  for (const std::string& text : texts) keys.push_back(*RegistrationKey::parse(text));
  return keys;
}

std::string event_bytes() { return from_hex(hex_of("event")); }

DecodeError refusal(std::string_view bytes) {
  const auto decoded = decode_event(bytes);
  REQUIRE_FALSE(decoded);
  return decoded.error();
}

/// Encodes itself as the format it is asked for.
class Chameleon final : public EventBody {
 public:
  [[nodiscard]] Encoded encode(PayloadFormat preferred) const override {
    return {preferred, preferred == PayloadFormat::json ? "{}" : "\x01"};
  }
};

/// All bounds together; `payload` bytes, of which the headers' 8 KiB are no part.
Event largest_event(std::size_t payload) {
  EventFields fields;
  fields.id.bytes.fill(7);
  fields.time = Timestamp{std::chrono::seconds{1}};
  fields.type = std::string(255, 't');
  fields.user = std::string(255, 'u');
  for (int i = 0; i < 32; ++i) fields.headers[std::to_string(10 + i)] = std::string(254, 'h');
  fields.payload = std::string(payload, 'p');
  return Event(std::move(fields));
}

constexpr std::size_t keys_at = 36;     // behind format version, payload format, id, time, type and user
constexpr std::size_t headers_at = 60;  // behind the keys

/// The envelope up to its keys, then `rest`.
std::string with_keys(std::string_view rest) { return event_bytes().substr(0, keys_at) + from_hex(rest); }

/// The envelope up to its headers, then `rest`.
std::string with_headers(std::string_view rest) {
  return event_bytes().substr(0, headers_at) + from_hex(rest);
}

}  // namespace

TEST_CASE("an event has the bytes that the README shows", "[wire][event]") {
  std::string out = "before";

  encode_event(Event(fields()), keys({"MailboxId:42", "User:bob"}), PayloadFormat::binary, out);

  CHECK(out == "before" + event_bytes());
}

TEST_CASE("the bytes that the README shows are read as an event", "[wire][event]") {
  const auto decoded = decode_event(event_bytes());

  REQUIRE(decoded);
  CHECK(decoded->event == Event(fields()));
  CHECK(decoded->keys == keys({"MailboxId:42", "User:bob"}));
}

TEST_CASE("keys travel sorted and once each, whatever their order was", "[wire][event]") {
  std::string out;

  encode_event(Event(fields()), keys({"User:bob", "MailboxId:42", "User:bob"}), PayloadFormat::json, out);

  CHECK(out == event_bytes());
}

TEST_CASE("a body is encoded in the preferred format", "[wire][event]") {
  EventFields with_body = fields();
  with_body.payload.clear();
  with_body.body = std::make_shared<Chameleon>();
  std::string as_json;
  std::string as_binary;

  encode_event(Event(with_body), keys({"MailboxId:42", "User:bob"}), PayloadFormat::json, as_json);
  encode_event(Event(with_body), keys({"MailboxId:42", "User:bob"}), PayloadFormat::binary, as_binary);

  CHECK(as_json == event_bytes());
  const auto decoded = decode_event(as_binary);
  REQUIRE(decoded);
  CHECK(decoded->event.format() == PayloadFormat::binary);
  CHECK(decoded->event.payload() == "\x01");
}

TEST_CASE("an event before 1970 keeps its time", "[wire][event]") {
  EventFields early = fields();
  early.time = Timestamp(std::chrono::microseconds(-1));
  std::string out;

  encode_event(Event(early), {}, PayloadFormat::json, out);

  CHECK(out.substr(18, 8) == "\xff\xff\xff\xff\xff\xff\xff\xff");
  const auto decoded = decode_event(out);
  REQUIRE(decoded);
  CHECK(decoded->event.time() == early.time);
}

TEST_CASE("keys are found without decoding the event", "[wire][event]") {
  const std::string bytes = event_bytes();

  const auto found = decode_keys(bytes);

  REQUIRE(found);
  CHECK(*found == std::vector<std::string_view>{"MailboxId:42", "User:bob"});
  CHECK(found->front().data() == bytes.data() + keys_at + 3);
}

TEST_CASE("keys are found without looking at their texts", "[wire][event]") {
  const std::string bytes = with_keys("02 00 01 ff 01 0a");

  const auto found = decode_keys(bytes);

  REQUIRE(found);
  CHECK(*found == std::vector<std::string_view>{"\xff", "\n"});
}

TEST_CASE("an event may have no keys", "[wire][event]") {
  std::string out;
  encode_event(Event(fields()), {}, PayloadFormat::json, out);

  const auto found = decode_keys(out);

  REQUIRE(found);
  CHECK(found->empty());
  CHECK(decode_event(out)->keys.empty());
}

TEST_CASE("keys that are not where they should be are refused", "[wire][event]") {
  CHECK(decode_keys("").error() == DecodeError::truncated);
  CHECK(decode_keys(patched(event_bytes(), 0, "02")).error() == DecodeError::bad_version);
  CHECK(decode_keys(with_keys("ff ff 01 61")).error() == DecodeError::truncated);
  CHECK(decode_keys(with_keys("01 00 02 61")).error() == DecodeError::truncated);
  CHECK(decode_keys(with_keys("01 00 00 61")).error() == DecodeError::bad_value);
}

TEST_CASE("an event has at most 256 keys", "[wire][event]") {
  std::string most = "00 01";
  std::string more = "01 01";
  for (int i = 0; i < 257; ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    const int high = 0x21 + i / 64;
    const int low = 0x30 + i % 64;
    const std::string key = std::string("03 4b 3a") + digits[high / 16] + digits[high % 16];
    const std::string pair = "04" + key.substr(2) + digits[low / 16] + digits[low % 16];
    if (i < 256) most += pair;
    more += pair;
  }
  const std::string nothing_else = "00 00 00 00 00";

  CHECK(decode_keys(with_keys(most)));
  CHECK(decode_event(with_keys(most + nothing_else)));
  CHECK(decode_keys(with_keys(more)).error() == DecodeError::bad_value);
  CHECK(refusal(with_keys(more + nothing_else)) == DecodeError::bad_value);
}

TEST_CASE("an event that breaks a rule is refused", "[wire][event]") {
  const std::string rest = "00 00 00 00 00";  // no headers, no payload
  const std::string nil = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

  CHECK(refusal(patched(event_bytes(), 0, "00")) == DecodeError::bad_version);
  CHECK(refusal(patched(event_bytes(), 0, "02")) == DecodeError::bad_version);
  CHECK(refusal(patched(event_bytes(), 1, "03")) == DecodeError::bad_value);
  CHECK(refusal(patched(event_bytes(), 2, nil)) == DecodeError::bad_value);
  CHECK(refusal(patched(event_bytes(), 18, "00 00 00 00 00 00 00 00")) == DecodeError::bad_value);
  CHECK(refusal(patched(event_bytes(), 26, "00")) == DecodeError::bad_value);  // no type
  CHECK(refusal(patched(event_bytes(), 27, "ff")) == DecodeError::bad_value);  // type is no UTF-8
  CHECK(refusal(patched(event_bytes(), 33, "1b")) == DecodeError::bad_value);  // control character in user
  CHECK(refusal(with_keys("01 00 01 61" + rest)) == DecodeError::bad_value);   // no colon
  CHECK(refusal(with_keys("01 00 02 3a 61" + rest)) == DecodeError::bad_value);
  CHECK(refusal(with_keys("02 00 02 62 3a 02 61 3a" + rest)) == DecodeError::bad_value);
  CHECK(refusal(with_keys("02 00 02 61 3a 02 61 3a" + rest)) == DecodeError::bad_value);
  CHECK(refusal(event_bytes() + '\0') == DecodeError::trailing_bytes);
}

TEST_CASE("headers that break a rule are refused", "[wire][event]") {
  const std::string no_payload = "00 00 00 00";
  std::string many;  // 33 headers
  for (int i = 0; i < 33; ++i)
    many += std::string("01 00 ") + "2345"[i / 16] + "0123456789abcdef"[i % 16] + " 00 00 ";
  std::string blanks;  // 8192 bytes, one too many with the name
  for (int i = 0; i < 8'192; ++i) blanks += "20";

  CHECK(decode_event(with_headers("02 01 00 61 00 00 01 00 62 00 00" + no_payload)));
  CHECK(refusal(with_headers("02 01 00 62 00 00 01 00 61 00 00" + no_payload)) == DecodeError::bad_value);
  CHECK(refusal(with_headers("02 01 00 61 00 00 01 00 61 00 00" + no_payload)) == DecodeError::bad_value);
  CHECK(refusal(with_headers("21" + many + no_payload)) == DecodeError::bad_value);
  CHECK(refusal(with_headers("01 01 00 61 00 20" + blanks + no_payload)) == DecodeError::bad_value);
  CHECK(refusal(with_headers("ff 01 00 61 00 00" + no_payload)) == DecodeError::truncated);
  CHECK(refusal(with_headers("01 01 00 61 ff ff" + no_payload)) == DecodeError::truncated);
}

TEST_CASE("whatever headers an event may have, travels", "[wire][event]") {
  EventFields odd = fields();
  odd.headers = {{"", ""}, {std::string(4'000, 'n'), std::string(4'192, '\xff')}};
  REQUIRE(Event(odd).check(1024 * 1024));
  std::string out;

  encode_event(Event(odd), {}, PayloadFormat::json, out);

  const auto decoded = decode_event(out);
  REQUIRE(decoded);
  CHECK(decoded->event.headers() == odd.headers);
}

TEST_CASE("a payload ends with the event", "[wire][event]") {
  CHECK(decode_event(with_headers("00 01 00 00 00 ff"))->event.payload() == "\xff");
  CHECK(refusal(with_headers("00 02 00 00 00 ff")) == DecodeError::truncated);
  CHECK(refusal(with_headers("00 ff ff ff ff")) == DecodeError::truncated);
  CHECK(refusal(with_headers("00 00 00 00 00 ff")) == DecodeError::trailing_bytes);
}

TEST_CASE("the largest legal event fits into one frame beside the event limit", "[wire][event]") {
  constexpr std::size_t limit = 65'536;
  std::vector<std::string> texts;
  for (int i = 0; i < 256; ++i) texts.push_back("Key:" + std::to_string(100 + i) + std::string(248, 'k'));
  const Event event = largest_event(limit - 8'192);
  REQUIRE(event.check(limit));

  std::string out;
  encode_event(event, keys(texts), PayloadFormat::binary, out);
  NotifyWriter writer(sample("notify").frame.header, 0, 0);
  writer.add(1, out);
  const std::string frame = writer.finish(1);

  CHECK(out.size() == limit + 66'209);
  CHECK(frame.size() == limit + 66'209 + 87);
  CHECK(frame.size() <= limit + 67'584);
  CHECK(decode_event(out));
  CHECK(decode(frame));
}
