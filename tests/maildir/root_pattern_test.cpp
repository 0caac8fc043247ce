#include "evmesh-maildir/root_pattern.hpp"

#include <string_view>

#include <catch2/catch.hpp>

using evmesh::maildir::RootPattern;

TEST_CASE("%u stands for the user", "[maildir][root]") {
  const auto root = RootPattern::parse("/var/mail/%u/Maildir", "/tmp").value();

  CHECK(root.base() == "/var/mail");
  CHECK(root.user_of("alice") == "alice");
  CHECK(root.user_directory("alice") == "/var/mail/alice");
  CHECK(root.maildir_of("alice") == "/var/mail/alice/Maildir");
}

TEST_CASE("%u may be part of a name, the last part, and relative", "[maildir][root]") {
  const auto root = RootPattern::parse("mail/box-%u.d", "/srv").value();

  CHECK(root.base() == "/srv/mail");
  CHECK(root.user_of("box-bob.d") == "bob");
  CHECK_FALSE(root.user_of("box-.d"));
  CHECK_FALSE(root.user_of("bob"));
  CHECK(root.maildir_of("bob") == "/srv/mail/box-bob.d");
}

TEST_CASE("hidden entries are no users", "[maildir][root]") {
  CHECK_FALSE(RootPattern::parse("/mail/%u", "/")->user_of(".snapshots"));
}

TEST_CASE("%% is a percent sign", "[maildir][root]") {
  CHECK(RootPattern::parse("/a%%b/%u", "/")->base() == "/a%b");
}

TEST_CASE("a root without exactly one %u is refused with an example", "[maildir][root]") {
  const auto text = GENERATE("", "/var/mail", "/%u/%u", "/%d/%u", "/mail/%", "/mail/%u/..");

  const auto root = RootPattern::parse(text, "/");

  REQUIRE_FALSE(root);
  CHECK(root.error().message.find("/var/mail/%u/Maildir") != std::string::npos);
}

TEST_CASE("a root knows what lies in a Maildir", "[maildir][root]") {
  const auto root = RootPattern::parse("/mail/%u/Maildir", "/").value();

  CHECK(root.contains("/mail/alice/Maildir"));
  CHECK(root.contains("/mail/alice/Maildir/x/../state"));
  CHECK_FALSE(root.contains("/mail/alice/.local/state"));
  CHECK_FALSE(root.contains("/mail"));
  CHECK_FALSE(root.contains("/var/lib"));
}
