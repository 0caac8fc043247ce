#include "evmesh-maildir/maildir_name.hpp"

#include <string_view>

#include <catch2/catch.hpp>

using namespace evmesh::maildir;
using namespace std::string_view_literals;
using evmesh::mailbox::SystemFlag;
using evmesh::mailbox::SystemFlags;

TEST_CASE("a message's base name is what stands before the first colon", "[maildir][name]") {
  CHECK(parse_message_name("1700.M1P2.host")->value().base == "1700.M1P2.host");
  CHECK(parse_message_name("1700.M1P2.host,S=12:2,S")->value().base == "1700.M1P2.host,S=12");
  CHECK(parse_message_name("a:2,:2,S")->value().base == "a");
}

TEST_CASE("the letters behind :2, are flags", "[maildir][name]") {
  const auto flags = [](std::string_view name) { return parse_message_name(name)->value().flags; };

  CHECK(flags("a:2,DFRST") == SystemFlags{SystemFlag::draft, SystemFlag::flagged, SystemFlag::answered,
                                          SystemFlag::seen, SystemFlag::deleted});
  CHECK(flags("a:2,Pabz") == SystemFlags{});
  CHECK(flags("a:1,S") == SystemFlags{});
  CHECK(flags("a") == SystemFlags{});
}

TEST_CASE("hidden files and files without a base name are no messages", "[maildir][name]") {
  CHECK_FALSE(parse_message_name(".nfs0001")->has_value());
  CHECK_FALSE(parse_message_name(":2,S")->has_value());
  CHECK_FALSE(parse_message_name("")->has_value());
}

TEST_CASE("a message name that cannot stand in an event is refused naming it", "[maildir][name]") {
  CHECK(parse_message_name("a\xff"sv).error().message.find("a\\xff") != std::string::npos);
  CHECK_FALSE(parse_message_name("a\nb"sv));
}

TEST_CASE("folder names are modified UTF-7 and become UTF-8", "[maildir][name]") {
  CHECK(parse_folder_name(".Projects.2026").value() == "Projects.2026");
  CHECK(parse_folder_name(".Caf&AOk-").value() == "Caf\xc3\xa9");
  CHECK(parse_folder_name(".A&-B").value() == "A&B");
  CHECK(parse_folder_name(".&U,BTFw-").value() == "\xe5\x8f\xb0\xe5\x8c\x97");
  CHECK(parse_folder_name(".&2D3eAA-").value() == "\xf0\x9f\x98\x80");
  CHECK(parse_folder_name(".d\xc3\xa9j\xc3\xa0").value() == "d\xc3\xa9j\xc3\xa0");
}

TEST_CASE("a folder name that is no modified UTF-7 is refused naming it", "[maildir][name]") {
  const auto name = GENERATE(".a&b"sv,    // no end
                             ".a&b!-"sv,  // no base64
                             ".&AA-"sv,   // half a character
                             ".&2D0-"sv,  // half a surrogate pair
                             ".&3gA-"sv,  // the other half
                             ".&AOl-"sv,  // padding that is not zero
                             ".&AAo-"sv,  // a control character
                             ".\xff"sv, "."sv, ".INBOX"sv);

  const auto parsed = parse_folder_name(name);

  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.find("folder \"") == 0);
}
