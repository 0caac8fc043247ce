// Names: keys, groups and ids, in both directions.
#include <string>
#include <type_traits>

#include <evmesh/dead_letters.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>

#include "contract/fixtures/samples.hpp"

namespace evmesh::contract {

namespace {

const std::string some_uuid = "6e0dd59d-660e-4d9b-b22f-0354479f47b4";

template <class T>
bool refused(const Result<T>& result) {
  return !result.has_value() && result.error().code == ErrorCode::invalid_argument;
}

}  // namespace

TEST_CASE("a key is its type, a colon and its value, in both directions", "[identity][N01]") {
  const RegistrationKey made = must(RegistrationKey::make("TestRegistrationKey", "a"));
  const RegistrationKey parsed = must(RegistrationKey::parse("TestRegistrationKey:a"));

  CHECK(made.to_string() == "TestRegistrationKey:a");
  CHECK(parsed.type() == "TestRegistrationKey");
  CHECK(parsed.value() == "a");
  CHECK(made == parsed);
}

TEST_CASE("a key's value may hold colons when it is made", "[identity][N02]") {
  const RegistrationKey made = must(RegistrationKey::make("TestRegistrationKey", "a:b"));

  CHECK(made.to_string() == "TestRegistrationKey:a:b");
  CHECK(made.value() == "a:b");
}

TEST_CASE("the first colon of a key ends its type", "[identity][N03]") {
  const RegistrationKey parsed = must(RegistrationKey::parse("TestRegistrationKey:a:b"));

  CHECK(parsed.type() == "TestRegistrationKey");
  CHECK(parsed.value() == "a:b");
}

TEST_CASE("a key may have an empty value when it is made", "[identity][N04]") {
  CHECK(must(RegistrationKey::make("TestRegistrationKey", "")).to_string() == "TestRegistrationKey:");
}

TEST_CASE("a key may have an empty value when it is parsed", "[identity][N05]") {
  const RegistrationKey parsed = must(RegistrationKey::parse("TestRegistrationKey:"));

  CHECK(parsed.type() == "TestRegistrationKey");
  CHECK(parsed.value().empty());
}

TEST_CASE("there is no key without text", "[identity][N06]") {
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<RegistrationKey>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Group>);
  CHECK(refused(RegistrationKey::make("", "")));
}

TEST_CASE("an empty text is no key", "[identity][N07]") { CHECK(refused(RegistrationKey::parse(""))); }

TEST_CASE("a text without a colon is no key, and the refusal names it", "[identity][N08]") {
  const auto parsed = RegistrationKey::parse("MailboxId");

  CHECK(refused(parsed));
  CHECK(parsed.error().message.find("MailboxId") != std::string::npos);
}

TEST_CASE("a key without a type is refused, and so is a colon in a type", "[identity][N08]") {
  CHECK(refused(RegistrationKey::parse(":value")));
  CHECK(refused(RegistrationKey::make("", "value")));
  CHECK(refused(RegistrationKey::make("a:b", "value")));
}

TEST_CASE("a key with control characters or broken UTF-8 is refused", "[identity][N10]") {
  CHECK(refused(RegistrationKey::parse("MailboxId:a\nb")));
  CHECK(refused(RegistrationKey::parse(std::string_view("MailboxId:a\0b", 13))));
  CHECK(refused(RegistrationKey::parse("MailboxId:a\x7f")));
  CHECK(refused(RegistrationKey::parse("MailboxId:\xc3")));
  CHECK(refused(RegistrationKey::parse("MailboxId:\xff")));
  CHECK(RegistrationKey::parse("MailboxPath:j\xc3\xb6rg/INBOX").has_value());
}

TEST_CASE("a key has at most 255 bytes", "[identity][forgotten]") {
  CHECK(RegistrationKey::parse("K:" + std::string(253, 'x')).has_value());
  CHECK(refused(RegistrationKey::parse("K:" + std::string(254, 'x'))));
  CHECK(RegistrationKey::make("K", std::string(253, 'x')).has_value());
  CHECK(refused(RegistrationKey::make("K", std::string(254, 'x'))));
}

TEST_CASE("groups are equal when their whole names are", "[identity][N11]") {
  CHECK(group("org.example.Group") == group("org.example.Group"));
  CHECK(group("org.example.Group") != group("org.example.SubGroup"));
  CHECK(group("org.example.Group") != group("org.example"));
  CHECK(group("org.example.Group") != group("org.example.group"));
}

TEST_CASE("a group prints as the name it was given", "[identity][N12]") {
  CHECK(group("org.example.Group").to_string() == "org.example.Group");
  CHECK(group("org.example.Outer$Inner").to_string() == "org.example.Outer$Inner");
}

TEST_CASE("a generic group prints as James writes it", "[identity][N13]") {
  CHECK(group("org.apache.james.mailbox.events.GenericGroup-abc").to_string() ==
        "org.apache.james.mailbox.events.GenericGroup-abc");
}

TEST_CASE("a generic group survives printing and parsing", "[identity][N14]") {
  const Group generic = group("org.apache.james.mailbox.events.GenericGroup-abc");

  CHECK(group(generic.to_string()) == generic);
}

TEST_CASE("a generic group of the empty name survives printing and parsing", "[identity][N15]") {
  const Group generic = group("org.apache.james.mailbox.events.GenericGroup-");

  CHECK(group(generic.to_string()) == generic);
}

TEST_CASE("a group of one's own naming survives printing and parsing", "[identity][N16][P12]") {
  CHECK(group(group("mail_indexer-2.0").to_string()) == group("mail_indexer-2.0"));
  const Group of_a_test = group("org.apache.james.events.EventBusTestFixture$GroupA");
  CHECK(group(of_a_test.to_string()) == of_a_test);
}

TEST_CASE("a group that no program here knows is an identity like any other", "[identity][N17]") {
  CHECK(group("org.example.gone.since.years.Group") == group("org.example.gone.since.years.Group"));
}

TEST_CASE("a name that belongs to something else may name a group", "[identity][N18]") {
  CHECK(group("java.lang.String").to_string() == "java.lang.String");
}

TEST_CASE("only the empty name and foreign characters are refused as a group", "[identity][N19]") {
  CHECK(Group::parse("invalid").has_value());
  CHECK(refused(Group::parse("")));
  CHECK(refused(Group::parse("a b")));
  CHECK(refused(Group::parse("a/b")));
  CHECK(refused(Group::parse("gr\xc3\xbcn")));
  CHECK(refused(Group::parse("a\n")));
}

TEST_CASE("a group name has at most 255 characters", "[identity][forgotten]") {
  CHECK(Group::parse(std::string(255, 'g')).has_value());
  CHECK(refused(Group::parse(std::string(256, 'g'))));
}

TEST_CASE("the group of failed dispatches is named after its bus and parses as itself", "[identity][N20]") {
  const Group failure = Group::dispatching_failure("mailboxEvent");

  CHECK(failure.to_string() == "org.apache.james.events.DispatchingFailureGroup-mailboxEvent");
  CHECK(group(failure.to_string()) == failure);
  CHECK(group("org.apache.james.events.DispatchingFailureGroup") != failure);
}

TEST_CASE("the id of a dead letter survives printing and parsing", "[identity][N21]") {
  const DeadLetterId id = must(DeadLetterId::parse(some_uuid));

  CHECK(id.to_string() == some_uuid);
  CHECK(id == must(DeadLetterId::parse("6E0DD59D-660E-4D9B-B22F-0354479F47B4")));
  CHECK(id != must(DeadLetterId::parse("6e0dd59d-660e-4d9b-b22f-0354479f47b5")));
  CHECK(must(DeadLetterId::parse(DeadLetterId::fresh().to_string())).bytes != DeadLetterId{}.bytes);
}

TEST_CASE("what is no UUID is no id of a dead letter, and the refusal names it", "[identity][N21]") {
  const auto parsed = DeadLetterId::parse("6e0dd59d");

  CHECK(refused(parsed));
  CHECK(parsed.error().message.find("6e0dd59d") != std::string::npos);
  CHECK(refused(DeadLetterId::parse("")));
  CHECK(refused(DeadLetterId::parse(some_uuid + "0")));
  CHECK(refused(DeadLetterId::parse("6e0dd59d-660e-4d9b-b22f_0354479f47b4")));
  CHECK(refused(DeadLetterId::parse("6e0dd59d-660e-4d9b-b22f-0354479f47bg")));
}

TEST_CASE("the id of a node survives printing and parsing", "[identity][N22]") {
  const NodeId id = must(NodeId::parse(some_uuid));

  CHECK(id.to_string() == some_uuid);
  CHECK(id == must(NodeId::parse(some_uuid)));
  CHECK_FALSE(id.nil());
  CHECK(refused(NodeId::parse("node")));
}

TEST_CASE("fresh event ids are of version seven, differ, and sort in the order they were made",
          "[identity][forgotten]") {
  const EventId first = EventId::fresh();
  const EventId second = EventId::fresh();

  CHECK(first != second);
  CHECK(first.to_string().at(14) == '7');
  CHECK(std::string("89ab").find(first.to_string().at(19)) != std::string::npos);
  CHECK(first.to_string().substr(0, 13) <= second.to_string().substr(0, 13));
  CHECK(must(EventId::parse(first.to_string())) == first);
}

TEST_CASE("an event without id and time gets both", "[identity][forgotten]") {
  const Event first = sample();
  const Event second = sample();

  CHECK_FALSE(first.id().nil());
  CHECK(first.id() != second.id());
  CHECK(first.time() > Timestamp{});
}

}  // namespace evmesh::contract
