#include <evmesh/key.hpp>

#include <string>

#include <catch2/catch.hpp>

using namespace evmesh;

TEST_CASE("a key is split at its first colon", "[base][key]") {
  const auto key = RegistrationKey::parse("MailboxPath:bob/INBOX:old");

  REQUIRE(key.has_value());
  CHECK(key->type() == "MailboxPath");
  CHECK(key->value() == "bob/INBOX:old");
  CHECK(key->to_string() == "MailboxPath:bob/INBOX:old");
}

TEST_CASE("the value of a key may be empty", "[base][key]") {
  const auto key = RegistrationKey::parse("Everything:");

  REQUIRE(key.has_value());
  CHECK(key->type() == "Everything");
  CHECK(key->value().empty());
}

TEST_CASE("a key made of its parts equals the parsed one", "[base][key]") {
  const auto made = RegistrationKey::make("MailboxId", "42");

  CHECK(made == RegistrationKey::parse("MailboxId:42"));
}

TEST_CASE("a bad key is refused with its value and the cure", "[base][key]") {
  struct Row {
    std::string text, message;
  };
  const Row row = GENERATE(
      Row{"", "registration key \"\" has no colon; write Type:value, for example MailboxId:42"},
      Row{"INBOX", "registration key \"INBOX\" has no colon; write Type:value, for example MailboxId:42"},
      Row{":42", "registration key \":42\" has no type; write Type:value, for example MailboxId:42"},
      Row{"A:\n", "registration key \"A:\\n\" holds a control character"},
      Row{"A:\xc2\x85", "registration key \"A:\\xc2\\x85\" holds a control character"},
      Row{"A:\xff", "registration key \"A:\\xff\" is not valid UTF-8"});

  const auto key = RegistrationKey::parse(row.text);

  REQUIRE_FALSE(key.has_value());
  CHECK(key.error() == Error{ErrorCode::invalid_argument, row.message});
}

TEST_CASE("a key of 255 bytes is taken and one of 256 is refused", "[base][key]") {
  CHECK(RegistrationKey::parse("A:" + std::string(253, 'x')).has_value());

  const auto longer = RegistrationKey::parse("A:" + std::string(254, 'x'));

  REQUIRE_FALSE(longer.has_value());
  CHECK(longer.error().message ==
        "registration key \"A:" + std::string(62, 'x') + "...\" has 256 bytes; at most 255 are allowed");
}

TEST_CASE("a type with a colon cannot be made into a key", "[base][key]") {
  const auto key = RegistrationKey::make("Mailbox:Id", "42");

  REQUIRE_FALSE(key.has_value());
  CHECK(key.error().message ==
        "registration key type \"Mailbox:Id\" holds a colon; the first colon ends the type");
}

TEST_CASE("an empty type cannot be made into a key", "[base][key]") {
  CHECK_FALSE(RegistrationKey::make("", "42").has_value());
}

TEST_CASE("a group name may hold every allowed character", "[base][key]") {
  const auto group = Group::parse("org.apache.james.Mail$Index-1_b");

  REQUIRE(group.has_value());
  CHECK(group->to_string() == "org.apache.james.Mail$Index-1_b");
}

TEST_CASE("a bad group name is refused with its value and the cure", "[base][key]") {
  struct Row {
    std::string text, message;
  };
  const Row row = GENERATE(
      Row{"", "group name is empty; write 1 to 255 of A-Z a-z 0-9 . _ $ -"},
      Row{"a b", "group name \"a b\" holds a character outside A-Z a-z 0-9 . _ $ -"},
      Row{"gr\xc3\xbcn", "group name \"gr\xc3\xbcn\" holds a character outside A-Z a-z 0-9 . _ $ -"});

  const auto group = Group::parse(row.text);

  REQUIRE_FALSE(group.has_value());
  CHECK(group.error() == Error{ErrorCode::invalid_argument, row.message});
}

TEST_CASE("a group name of 255 characters is taken and one of 256 is refused", "[base][key]") {
  CHECK(Group::parse(std::string(255, 'g')).has_value());
  CHECK_FALSE(Group::parse(std::string(256, 'g')).has_value());
}

TEST_CASE("the group of failed dispatches carries the name that James tools know", "[base][key]") {
  CHECK(Group::dispatching_failure("events").to_string() ==
        "org.apache.james.events.DispatchingFailureGroup-events");
}
