#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::mailbox;
using namespace evmesh::test;
using nlohmann::json;

namespace {

std::vector<std::string> james_lines() {
  std::ifstream file(EVMESH_EVENT_TEST_DATA "/james-payloads.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

json encoded(const std::vector<Event>& events) {
  json array = json::array();
  for (const Event& event : events) array.push_back(json::parse(*encode_json(event)));
  return array;
}

json as_array(const std::string& line) {
  json value = json::parse(line);
  return value.is_array() ? value : json::array({value});
}

/// The only event of a text that must decode.
MailboxEvent decoded(const std::string& text) {
  const auto events = decode_json(text);
  if (!events) throw std::runtime_error(events.error().message);
  return *from_event(events->at(0));
}

std::string refusal(const std::string& text) {
  const auto events = decode_json(text);
  if (events) return "";
  CHECK(events.error().code == ErrorCode::undecodable);
  return events.error().message;
}

const std::string head = R"("eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,"user":"alice")";
const std::string path = R"("path":{"namespace":"#private","user":"alice","name":"INBOX"},"mailboxId":"30")";
const std::string meta = R"("uid":12,"modSeq":102,"flags":{"systemFlags":[],"userFlags":[]},"size":10,)"
                         R"("internalDate":"2024-03-01T09:30:00Z","messageId":"m-12")";

std::string added_json(const std::string& message, const std::string& more = "") {
  return R"({"Added":{)" + head + "," + path + R"(,"added":{"12":{)" + message + "}}" + more + "}}";
}

std::string quota_json(const std::string& count, const std::string& time = "2024-03-01T09:31:00Z") {
  return R"({"QuotaUsageUpdatedEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01",)"
         R"("user":"alice","quotaRoot":"q","countQuota":)" +
         count + R"(,"sizeQuota":{"used":1,"limit":null,"limits":{}},"time":")" + time + R"("}})";
}

}  // namespace

TEST_CASE("every James payload decodes, encodes to the same JSON value and survives the binary form",
          "[mailbox][json]") {
  const auto lines = james_lines();
  REQUIRE(lines.size() == 15);

  for (const std::string& line : lines) {
    INFO(line);
    const auto events = decode_json(line);
    REQUIRE(events);
    CHECK(encoded(*events) == as_array(line));

    std::vector<Event> travelled;
    for (const Event& event : *events) {
      const auto binary = payload_as(event, PayloadFormat::binary);
      REQUIRE(binary);
      travelled.push_back(received(event.type(), binary->format, binary->bytes));
      CHECK(*from_event(travelled.back()) == *from_event(event));
    }
    CHECK(encoded(travelled) == as_array(line));
  }
}

TEST_CASE("each mandatory member taken out is refused by its name", "[mailbox][json]") {
  // Type, then every place James demands; "0" and "11" stand for an element and a uid of the payload lines.
  const std::vector<std::pair<std::size_t, std::vector<std::string>>> table = {
      {0, {"eventId", "mailboxPath", "mailboxPath/name", "mailboxId", "user", "sessionId"}},
      {1, {"eventId", "mailboxPath", "mailboxPath/name", "mailboxId", "user", "sessionId"}},
      {2, {"eventId", "mailboxPath", "mailboxPath/name", "mailboxId", "user", "sessionId"}},
      {3,
       {"eventId", "sessionId", "user", "mailboxPath", "mailboxPath/name", "aclDiff", "aclDiff/oldACL",
        "aclDiff/newACL", "mailboxId"}},
      {4,
       {"eventId", "sessionId", "user", "path", "path/name", "mailboxACL/entries", "quotaRoot",
        "deletedMessageCount", "totalDeletedSize", "mailboxId"}},
      {6, {"eventId", "sessionId", "user", "path", "path/name", "mailboxId", "newPath", "newPath/name"}},
      {7,
       {"eventId", "sessionId", "user", "path", "path/name", "mailboxId", "added", "added/11/uid",
        "added/11/modSeq", "added/11/flags", "added/11/flags/systemFlags", "added/11/flags/userFlags",
        "added/11/size", "added/11/internalDate", "added/11/messageId"}},
      {9,
       {"eventId", "sessionId", "user", "path", "path/name", "mailboxId", "expunged", "expunged/11/uid",
        "expunged/11/modSeq", "expunged/11/flags", "expunged/11/flags/systemFlags",
        "expunged/11/flags/userFlags", "expunged/11/size", "expunged/11/internalDate",
        "expunged/11/messageId"}},
      {10,
       {"eventId", "sessionId", "user", "path", "path/name", "mailboxId", "updatedFlags",
        "updatedFlags/0/uid", "updatedFlags/0/modSeq", "updatedFlags/0/oldFlags",
        "updatedFlags/0/oldFlags/systemFlags", "updatedFlags/0/newFlags",
        "updatedFlags/0/newFlags/userFlags"}},
      {11, {"eventId", "user", "previousMailboxIds", "targetMailboxIds", "messageIds"}},
      {12,
       {"eventId", "user", "quotaRoot", "countQuota", "countQuota/used", "countQuota/limit",
        "countQuota/limits", "sizeQuota", "sizeQuota/used", "sizeQuota/limit", "sizeQuota/limits", "time"}},
      {13,
       {"eventId", "username", "mailboxId", "messageId", "size", "internalDate", "hasAttachments",
        "bodyBlobId"}},
  };
  const auto lines = james_lines();

  for (const auto& [line, places] : table) {
    for (const std::string& place : places) {
      json payload = json::parse(lines.at(line));
      const std::string type = payload.begin().key();
      const json::json_pointer pointer("/" + type + "/" + place);
      REQUIRE(payload.contains(pointer));
      payload[pointer.parent_pointer()].erase(pointer.back());

      std::string dotted = place;
      std::replace(dotted.begin(), dotted.end(), '/', '.');
      CHECK(refusal(payload.dump()) == type + ": member \"" + dotted + "\" is missing");
    }
  }
}

TEST_CASE("each optional member taken out leaves an event that encodes without it", "[mailbox][json]") {
  const std::vector<std::pair<std::size_t, std::vector<std::string>>> table = {
      {0, {"mailboxPath/namespace", "mailboxPath/user"}},
      {4, {"mailboxACL"}},
      {7, {"isDelivery", "isAppended", "added/11/saveDate", "added/11/threadId"}},
      {9, {"movedToMailboxId"}},
      {10, {"updatedFlags/0/messageId", "updatedFlags/0/internalDate"}},
      {13, {"headerBlobId"}},
  };
  const auto lines = james_lines();

  for (const auto& [line, places] : table) {
    for (const std::string& place : places) {
      json payload = json::parse(lines.at(line));
      const json::json_pointer pointer("/" + payload.begin().key() + "/" + place);
      REQUIRE(payload.contains(pointer));
      payload[pointer.parent_pointer()].erase(pointer.back());

      const auto events = decode_json(payload.dump());

      REQUIRE(events);
      CHECK(encoded(*events)[0] == payload);
    }
  }
}

TEST_CASE("an event in memory is written as James writes it", "[mailbox][json]") {
  CHECK(*encode_json(make_event(mailbox_added())) ==
        R"({"MailboxAdded":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,)"
        R"("user":"alice","mailboxPath":)"
        R"({"namespace":"#private","user":"alice","name":"INBOX"},"mailboxId":"31"}})");
  CHECK(*encode_json(make_event(added(by_uid({message(11)})))) ==
        R"({"Added":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,"user":"alice","path":)"
        R"({"namespace":"#private","user":"alice","name":"INBOX"},"mailboxId":"30",)"
        R"("added":{"11":{"uid":11,"modSeq":101,)"
        R"("flags":{"systemFlags":["Recent"],"userFlags":["$Label1"]},"size":2048,)"
        R"("internalDate":"2024-03-01T09:30:00.250Z","messageId":"m-11"}}}})");
  CHECK(*encode_json(make_event(quota())) ==
        R"({"QuotaUsageUpdatedEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01",)"
        R"("user":"alice","quotaRoot":)"
        R"("#private&alice","countQuota":{"used":12,"limit":100,"limits":{"Domain":100}},)"
        R"("sizeQuota":{"used":1234,)"
        R"("limit":null,"limits":{}},"time":"2024-03-01T09:31:00Z"}})");
  CHECK(*encode_json(make_event(content_deletion())) ==
        R"({"MessageContentDeletionEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01",)"
        R"("username":"alice",)"
        R"("mailboxId":"30","messageId":"m-11","size":2048,"internalDate":"2024-03-01T09:30:00Z",)"
        R"("hasAttachments":true,)"
        R"("bodyBlobId":"b-11"}})");
  CHECK(*encode_json(make_event(move({"30"}, {"33"}))) ==
        R"({"MessageMoveEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","user":"alice",)"
        R"("previousMailboxIds":["30"],"targetMailboxIds":["33"],"messageIds":["m-11"]}})");
}

TEST_CASE("user names come in lower case, mailbox names as they are", "[mailbox][json]") {
  const auto event =
      std::get<Added>(decoded(R"({"Added":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,)"
                              R"("user":"Alice@Example.ORG",)"
                              R"("path":{"user":"BOB","name":"INBOX"},"mailboxId":"A","added":{}}})"));

  CHECK(event.user == "alice@example.org");
  CHECK(*event.path->user == "bob");
  CHECK(event.path->name == "INBOX");
  CHECK(event.mailbox_id == "A");
}

TEST_CASE("null is read as absent where a member is optional and refused where a list is due",
          "[mailbox][json]") {
  const auto event = std::get<Added>(
      decoded(added_json(meta + R"(,"saveDate":null,"threadId":null)", R"(,"isDelivery":null)")));

  CHECK_FALSE(event.is_delivery);
  CHECK(event.added->at(12).thread() == "m-12");
  CHECK(refusal(R"({"MessageMoveEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","user":"a",)"
                R"("previousMailboxIds":null,"targetMailboxIds":[],"messageIds":[]}})") ==
        "MessageMoveEvent: member \"previousMailboxIds\" must be an array, not null");
}

TEST_CASE("a wrong scalar is refused by its place", "[mailbox][json]") {
  const auto move_with = [](const std::string& ids) {
    return R"({"MessageMoveEvent":{"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","user":"a",)"
           R"("previousMailboxIds":)" +
           ids + R"(,"targetMailboxIds":[],"messageIds":[]}})";
  };
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string plain = added_json(meta);

  CHECK(refusal(move_with(R"(["1",null])")) ==
        "MessageMoveEvent: member \"previousMailboxIds.1\" must be a string, not null");
  CHECK(refusal(move_with(R"([7])")) ==
        "MessageMoveEvent: member \"previousMailboxIds.0\" must be a string, not a number");
  CHECK(refusal(replaced(plain, R"("sessionId":7)", R"("sessionId":"7")")) ==
        "Added: member \"sessionId\" must be a number, not a string");
  CHECK(refusal(replaced(plain, R"("uid":12)", R"("uid":-1)")) ==
        "Added: member \"added.12.uid\" must be a whole number of 64 bits, not negative, not -1");
  CHECK(refusal(replaced(plain, R"("size":10)", R"("size":1.5)")) ==
        "Added: member \"added.12.size\" must be a whole number of 64 bits, not negative, not 1.5");
  CHECK(refusal(replaced(plain, R"("12":{)", R"("012":{)")) ==
        "Added: member \"added.012\" must be named by a uid, a decimal number");
  CHECK(refusal(replaced(plain, "2024-03-01T09:30:00Z", "")) ==
        "Added: member \"added.12.internalDate\" must be a UTC time such as 2024-03-01T09:30:00Z between "
        "1677 and 2262, not "
        "\"\"");
  CHECK(refusal(replaced(plain, R"("systemFlags":[])", R"("systemFlags":["Read"])")) ==
        "Added: member \"added.12.flags.systemFlags.0\" does not know \"Read\"");
  CHECK(refusal(replaced(plain, "0b8f5c1e-4a5d", "0b8f5c1e"))
            .find("Added: member \"eventId\" must be a UUID") == 0);
  CHECK(refusal(R"({"Added":7})") == "Added: member \"\" must be an object, not a number");
}

TEST_CASE("access lists hold names and lower-case rights", "[mailbox][json]") {
  const auto acl = [](const std::string& entries) {
    return R"({"MailboxACLUpdated":{)" + head +
           R"(,"mailboxPath":{"name":"INBOX"},"mailboxId":"1","aclDiff":{"oldACL":{},"newACL":)" + entries +
           "}}}";
  };

  CHECK(std::get<MailboxACLUpdated>(decoded(acl(R"({"-carol":"i","$any":""})"))).acl_diff->new_acl.get() ==
        AclEntries{{"$any", ""}, {"-carol", "i"}});
  CHECK(refusal(acl(R"({"":"l"})")) == "MailboxACLUpdated: member \"newACL\" gives rights to nobody: \"\"");
  CHECK(refusal(acl(R"({"bob":"l r"})")) ==
        "MailboxACLUpdated: member \"newACL\" has rights that are no RFC 4314 letters: \"l r\"");
}

TEST_CASE("a quota limit of null is unlimited, by scope too", "[mailbox][json]") {
  const std::string text = quota_json(R"({"used":-3,"limit":null,"limits":{"Global":null,"User":9}})");

  const auto event = std::get<QuotaUsageUpdated>(decoded(text));

  CHECK(event.count_quota->used == -3);
  CHECK_FALSE(event.count_quota->limit);
  CHECK(event.count_quota->limits == std::map<QuotaScope, std::optional<std::int64_t>>{
                                         {QuotaScope::global, std::nullopt}, {QuotaScope::user, 9}});
  CHECK(json::parse(*encode_json(make_event(event))) == json::parse(text));
  CHECK(refusal(quota_json(R"({"used":1,"limit":1,"limits":{"Planet":1}})")) ==
        "QuotaUsageUpdatedEvent: member \"countQuota.limits.Planet\" does not know \"Planet\"");
}

TEST_CASE("nine digits of a James time survive", "[mailbox][json]") {
  const std::string text =
      quota_json(R"({"used":1,"limit":1,"limits":{}})", "2024-03-01T09:31:00.123456789Z");

  CHECK(json::parse(*encode_json(make_event(decoded(text)))) == json::parse(text));
}

TEST_CASE("unknown members are kept on every level and written again, in both formats", "[mailbox][json]") {
  const std::string text =
      R"({"Added":{)" + head +
      R"(,"path":{"name":"INBOX","p\u0061th":"x"},"mailboxId":"30","added":{"12":{)" + meta +
      R"(,"labels":[1.50, 1e2, 123456789012345678901234567890]}},"future" : {"a": "b c", "é":null}}})";

  const auto events = decode_json(text);

  REQUIRE(events);
  const auto& event = std::get<Added>(*peek(events->at(0)));
  CHECK(event.extras.json == R"("future":{"a":"b c","é":null})");
  CHECK(event.added->at(12).extras.json == R"("labels":[1.50,1e2,123456789012345678901234567890])");
  CHECK(event.path->extras.json == R"("p\u0061th":"x")");
  CHECK(json::parse(*encode_json(events->at(0))) == json::parse(text));
  const auto binary = payload_as(events->at(0), PayloadFormat::binary);
  CHECK(*encode_json(received("Added", binary->format, binary->bytes)) == *encode_json(events->at(0)));
}

TEST_CASE("a member's name may be written with escapes", "[mailbox][json]") {
  const std::string text =
      R"({"MailboxAdde\u0064":{"event\u0049d":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","sessionId":7,)"
      R"("user":"alice","mailboxPath":{"name":"caf\u00e9 \ud83d\ude00\n"},"mailboxId":"31"}})";

  CHECK(std::get<MailboxAdded>(decoded(text)).path->name == "café 😀\n");
}

TEST_CASE("an unknown type becomes an event of that type with the object as its payload", "[mailbox][json]") {
  const std::string text =
      R"({"FutureEvent": {"eventId":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","username":"Bob","x":[1.0,{}]}})";

  const auto events = decode_json(" " + text + "\n");

  REQUIRE(events);
  CHECK(events->at(0).type() == "FutureEvent");
  CHECK(events->at(0).id() == id());
  CHECK(events->at(0).user() == "bob");
  CHECK(events->at(0).format() == PayloadFormat::json);
  CHECK(events->at(0).payload() == text);
  CHECK(*encode_json(events->at(0)) == text);
}

TEST_CASE("an array holds events of known and unknown types, none at all too", "[mailbox][json]") {
  const auto events = decode_json("[" + added_json(meta) + R"(,{"FutureEvent":1}])");

  REQUIRE(events);
  REQUIRE(events->size() == 2);
  CHECK(events->at(0).type() == "Added");
  CHECK(events->at(1).payload() == R"({"FutureEvent":1})");
  CHECK(decode_json("[]")->empty());
  CHECK(refusal("[" + added_json(meta) + R"(,{"Added":{}}])") ==
        "event 2 of the array: Added: member \"eventId\" is missing");
}

TEST_CASE("what is no event object is refused", "[mailbox][json]") {
  CHECK(refusal("{}") == "an event must be an object with one member, named by its type, not \"{}\"");
  CHECK(refusal(R"({"A":1,"B":2})").find("an event must be an object with one member") == 0);
  CHECK(refusal("17").find("an event must be an object with one member") == 0);
  CHECK(refusal(R"({"":{}})") == "the event has no type; give it a name");
  CHECK(refusal(R"({"Added":)") == "not JSON at byte 10");
  CHECK(refusal(added_json(meta + R"(,"uid":13)")) == "the member \"uid\" stands twice in one object");
  CHECK(refusal(added_json(meta + ",\"x\":\"\xff\"")).find("not UTF-8 at byte") == 0);
}

TEST_CASE("text of more than 16 MiB is refused before it is read", "[mailbox][json]") {
  CHECK(refusal(std::string(17 * 1024 * 1024, ' ')) == "JSON of 17825792 bytes is more than 16 MiB");
}

TEST_CASE("encode_json says what has no JSON form", "[mailbox][json]") {
  const auto raw = encode_json(received("Weather", PayloadFormat::raw, "rain"));
  MailboxAdded bad = mailbox_added();
  bad.mailbox_id = "\xff";
  MailboxAdded forged = mailbox_added();
  forged.extras.json = R"("user":"eve")";
  MailboxAdded broken = mailbox_added();
  broken.extras.json = R"("a":1},"b":{)";

  REQUIRE_FALSE(raw);
  CHECK(raw.error().code == ErrorCode::not_supported);
  CHECK(raw.error().message == "the payload of \"Weather\" is raw, which has no JSON form");
  CHECK(encode_json(make_event(bad)).error().message ==
        "MailboxAdded: member \"mailboxId\" is not UTF-8: \"\\xff\"");
  CHECK(encode_json(make_event(forged)).error().message ==
        "MailboxAdded: member \"user\" stands again among the unknown members");
  CHECK(encode_json(make_event(broken)).error().message ==
        "MailboxAdded: member \"eventId\" stands beside unknown members that are not JSON at byte 8");
}
