#include "evmeshd/config_file.hpp"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using daemon::parse_config;

namespace {

std::string why(const auto& read) {
  REQUIRE_FALSE(read);
  CHECK(read.error().code == peers::ExitCode::config);
  return read.error().message;
}

std::string wrong(std::string_view text) { return why(parse_config(text, "f.conf")); }

}  // namespace

TEST_CASE("comments, blank lines, spaces and marks of other systems are no part of a value", "[evmeshd][config]") {
  const auto read = parse_config("\xef\xbb\xbf# all\r\n[ node ]\r\n\r\n\tname = a#b  # not this\r\n; nor this\n", "f.conf");

  REQUIRE(read);
  REQUIRE(read->lines.size() == 1);
  CHECK(read->lines[0].name == "node.name");
  CHECK(read->lines[0].value == "a#b");
  CHECK(read->lines[0].origin == "f.conf:4");
}

TEST_CASE("what a file says wrongly is refused with its line, the text and the cure", "[evmeshd][config]") {
  CHECK(wrong("[node]\nnaem = a") == "f.conf:2: unknown key \"node.naem\"; did you mean node.name?");
  CHECK(wrong("[listener.a]\ngruop = g") ==
        "f.conf:2: unknown key \"listener.a.gruop\"; did you mean listener.a.group?");
  CHECK(wrong("[node]\nname = a\nname = b") == "f.conf:3: key \"node.name\" stands in line 2 already");
  CHECK(wrong("[listener.a]\n[listener.a]") == "f.conf:2: section \"[listener.a]\" stands in line 1 already");
  CHECK(wrong("name = a") == "f.conf:1: key \"name\" stands before any [section]");
  CHECK(wrong("[node]\nname") == "f.conf:2: \"name\" is no \"key = value\"");
  CHECK(wrong("[node]\n = a") == "f.conf:2: a key is missing before the =");
  CHECK(wrong("[node") == "f.conf:1: \"[node\" is no [section]");
  CHECK(wrong("[]") == "f.conf:1: \"[]\" is no [section]");
  CHECK(wrong("[node]\nname = \xff") == "f.conf:2: holds control characters or is not UTF-8");
  CHECK(wrong("[listener.a b]") ==
        "f.conf:1: the section of a listener is [listener.NAME], NAME of 1 to 64 of A-Z a-z 0-9 . _ -, not \"[listener.a b]\"");
}

TEST_CASE("a file that is not there, or of more than 1 MiB, is refused by name", "[evmeshd][config]") {
  const support::TempDir place;
  const auto file = place.path() / "f.conf";

  CHECK(why(daemon::read_config(file)) == "config file \"" + file.native() + "\": No such file or directory");

  std::ofstream(file) << "[node]\n" << std::string(1024 * 1024 - 8, '#') << '\n';
  REQUIRE(std::filesystem::file_size(file) == 1024 * 1024);
  CHECK(daemon::read_config(file));
  std::ofstream(file, std::ios::app) << '\n';
  CHECK(why(daemon::read_config(file)) ==
        "config file \"" + file.native() + "\" has 1048577 bytes; 1 MiB is the most");
}

TEST_CASE("a value that begins as a comment does is written so that it is read again", "[evmeshd][config]") {
  for (const std::string value : {"#", ";now", "a#b", "plain"}) {
    const auto read = daemon::parse_config("[node]\n" + daemon::config_line("name", value) + "  # where it came from\n", "f");

    REQUIRE(read.has_value());
    CHECK(read->lines.at(0).value == value);
  }
}
