#include <catch2/catch.hpp>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "event/json_view.hpp"
#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::event;
using namespace evmesh::test;

namespace {

EventFields weather(std::string payload, PayloadFormat format = PayloadFormat::raw) {
  EventFields fields;
  fields.id = id();
  fields.type = "Weather";
  fields.user = "alice";
  fields.time = Timestamp(std::chrono::seconds(1'709'285'400));
  fields.format = format;
  fields.payload = std::move(payload);
  return fields;
}

const std::string start = R"({"id":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","type":"Weather","user":"alice",)"
                          R"("time":"2024-03-01T09:30:00Z",)";

std::string refusal(std::string_view text) {
  const auto posted = from_json_view(text);
  return posted ? "" : posted.error().message;
}

PostedEvent read(std::string_view text) {
  auto posted = from_json_view(text);
  if (!posted) throw std::runtime_error(posted.error().message);
  return posted->at(0);
}

std::vector<std::string> keys(const PostedEvent& posted) {
  std::vector<std::string> texts;
  for (const RegistrationKey& key : posted.keys) texts.push_back(key.to_string());
  return texts;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a view shows UTF-8 as text, other bytes as base64 and JSON as JSON", "[view]") {
  EventFields with_headers = weather("sunny \"here\"");
  with_headers.headers = {{"traceparent", "00-1"}, {"a", "b"}};

  CHECK(to_json_view(Event(with_headers)) ==
        start + R"("headers":{"a":"b","traceparent":"00-1"},"text":"sunny \"here\""})");
  CHECK(to_json_view(Event(weather("\xff\x01"))) == start + R"("headers":{},"data_base64":"/wE="})");
  CHECK(to_json_view(Event(weather(R"( {"a": [1.0] } )", PayloadFormat::json))) ==
        start + R"("headers":{},"payload":{"a":[1.0]}})");
  CHECK(to_json_view(Event(weather(R"({"a":)", PayloadFormat::json))) ==
        start + R"("headers":{},"text":"{\"a\":"})");
}

TEST_CASE("a view shows a mailbox event as the James object, however it came", "[view]") {
  const Event event = mailbox::make_event(mailbox_added());
  const std::string json = *mailbox::encode_json(event);
  const auto binary = *payload_as(event, PayloadFormat::binary);

  CHECK(to_json_view(event).ends_with(R"("headers":{},"payload":)" + json + "}"));
  CHECK(to_json_view(received("MailboxAdded", binary.format, binary.bytes))
            .ends_with(R"("payload":)" + json + "}"));
  CHECK(to_json_view(received("MailboxAdded", binary.format, "\x01\xff"))
            .ends_with(R"("data_base64":"Af8="})"));
}

TEST_CASE("a view is read back as an equal event", "[view]") {
  const Event mailbox_event = mailbox::make_event(mailbox_added(), {.headers = {{"a", "b"}}});

  CHECK(read(to_json_view(Event(weather("sunny")))).event == Event(weather("sunny")));
  CHECK(read(to_json_view(Event(weather("\xff\x01")))).event == Event(weather("\xff\x01")));
  CHECK(read(to_json_view(Event(weather("[1]", PayloadFormat::json)))).event ==
        Event(weather("[1]", PayloadFormat::json)));
  CHECK(read(to_json_view(mailbox_event)).event == mailbox_event);
}

TEST_CASE("only the type must be posted", "[view]") {
  const PostedEvent posted = read(R"({"type":"Weather"})");

  CHECK(posted.event.type() == "Weather");
  CHECK(posted.event.user().empty());
  CHECK_FALSE(posted.event.id().nil());
  CHECK(posted.event.payload().empty());
  CHECK(posted.keys.empty());
}

TEST_CASE("keys, headers and a payload of any kind are taken as posted", "[view]") {
  const PostedEvent posted = read(R"({"type":"Weather","keys":["City:Bonn","City:a:b"],"headers":{"x":"y"},)"
                                  R"("payload": [1, {"a" : null}]})");

  CHECK(keys(posted) == Keys{"City:Bonn", "City:a:b"});
  CHECK(posted.event.headers() == Headers{{"x", "y"}});
  CHECK(posted.event.format() == PayloadFormat::json);
  CHECK(posted.event.payload() == R"([1,{"a":null}])");
}

TEST_CASE("a James object is posted as it is and goes to its own keys", "[view]") {
  const std::string json = *mailbox::encode_json(mailbox::make_event(mailbox_added()));

  const PostedEvent posted = read(json);
  const auto two = from_json_view("[" + json + R"(,{"FutureEvent":{}},{"type":"Weather"}])");

  CHECK(*mailbox::from_event(posted.event) == mailbox::MailboxEvent(mailbox_added()));
  CHECK(keys(posted) == Keys{"MailboxId:31"});
  REQUIRE(two);
  REQUIRE(two->size() == 3);
  CHECK(two->at(1).event.type() == "FutureEvent");
  CHECK(two->at(1).event.payload() == R"({"FutureEvent":{}})");
}

TEST_CASE("a mailbox event's payload may stand without its discriminator, and its keys may be chosen",
          "[view]") {
  const std::string members =
      R"({"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,"user":"alice","mailboxPath":)"
      R"({"namespace":"#private","user":"alice","name":"INBOX"},"mailboxId":"31"})";
  const std::string json = R"({"type":"MailboxAdded","keys":["User:alice"],"payload":)" + members + "}";

  const PostedEvent posted = read(json);

  CHECK(*mailbox::from_event(posted.event) == mailbox::MailboxEvent(mailbox_added()));
  CHECK(keys(posted) == Keys{"User:alice"});
  CHECK(refusal(R"({"type":"MailboxAdded","user":"bob","payload":)" + members + "}") ==
        "member \"user\" differs from the user in \"payload\"");
  CHECK(refusal(R"({"type":"MailboxAdded","id":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c02","payload":)" + members +
                "}") == "member \"id\" differs from the eventId in \"payload\"");
}

TEST_CASE("what is wrong with a posted event is said by its member", "[view]") {
  CHECK(refusal(R"({"user":"alice","text":"x"})") == "member \"type\" is missing");
  CHECK(refusal(R"({"type":7})") == "member \"type\" must be a string, not a number");
  CHECK(refusal(R"({"type":{}})") == "member \"type\" must be a string, not an object");
  CHECK(refusal(R"({"type":""})") == "the event has no type; give it a name");
  CHECK(refusal(R"({"type":"T","playload":1})") ==
        "member \"playload\" is unknown; did you mean \"payload\"?");
  CHECK(refusal(R"({"type":"T","id":"7"})") == "member \"id\" must be a UUID, not \"7\"");
  CHECK(refusal(R"({"type":"T","time":"now"})") ==
        "member \"time\" must be a UTC time such as 2024-03-01T09:30:00Z, not \"now\"");
  CHECK(refusal(R"({"type":"T","keys":"City:Bonn"})") ==
        "member \"keys\" must be an array of strings such as \"MailboxId:31\"");
  CHECK(refusal(R"({"type":"T","keys":["Bonn"]})").find("member \"keys\" holds no key: ") == 0);
  CHECK(refusal(R"({"type":"T","headers":{"a":1}})") ==
        "member \"headers.a\" must be a string, not a number");
  CHECK(refusal(R"({"type":"T","data_base64":"?"})") ==
        "member \"data_base64\" must be RFC 4648 base64 with padding");
  CHECK(refusal(R"({"type":"T","text":"a","payload":1})") ==
        "only one of \"payload\", \"text\" and \"data_base64\" can be given");
  CHECK(refusal(R"({"type":"Added","payload":{}})") ==
        "member \"payload\" is not what its type says: Added: member \"eventId\" is missing");
  CHECK(refusal("[]") == "");
  CHECK(refusal("7") == "an event must be an object, not a number");
  CHECK(refusal("{") == "not JSON at byte 2");
  CHECK(refusal(R"([{"type":"T"},{"type":1}])") ==
        "event 2 of the array: member \"type\" must be a string, not a number");
}
