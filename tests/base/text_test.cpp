#include "base/text.hpp"

#include <array>
#include <string>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using namespace evmesh::base;
using namespace std::string_view_literals;

TEST_CASE("text in UTF-8 is valid", "[base][text]") {
  const auto text = GENERATE(""sv, "plain"sv, "gr\xc3\xbcn"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x90\x9d"sv,
                             "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv, "nul \0 inside"sv);

  CHECK(valid_utf8(text));
}

TEST_CASE("bytes that RFC 3629 forbids are not UTF-8", "[base][text]") {
  const auto text =
      GENERATE("\x80"sv,              // continuation without lead
               "\xc0\x80"sv,          // overlong NUL
               "\xc1\xbf"sv,          // overlong
               "\xe0\x9f\xbf"sv,      // overlong
               "\xf0\x8f\xbf\xbf"sv,  // overlong
               "\xed\xa0\x80"sv,      // surrogate
               "\xf4\x90\x80\x80"sv,  // above U+10FFFF
               "\xf5\x80\x80\x80"sv, "\xff"sv, "\xe2\x82"sv, "\xc3"sv, "\xc3("sv, "ok\xe2\x28\xa1"sv);

  CHECK_FALSE(valid_utf8(text));
  CHECK_FALSE(printable(text));
}

TEST_CASE("control characters are not printable", "[base][text]") {
  const auto text = GENERATE("\n"sv, "\0"sv, "a\x1f"sv, "\x7f"sv, "\xc2\x80"sv, "\xc2\x9f"sv);

  CHECK(valid_utf8(text));
  CHECK_FALSE(printable(text));
}

TEST_CASE("a byte among plain ones is judged as it is alone, wherever it stands", "[base][text]") {
  const std::string plain = "twenty-three plain bytes";
  for (std::size_t at = 0; at < plain.size(); ++at) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::string text = plain;
      text[at] = static_cast<char>(byte);
      CAPTURE(at, byte);
      CHECK(printable(text) == (byte >= 0x20 && byte <= 0x7e));
      CHECK(valid_utf8(text) == (byte < 0x80));
    }
  }
}

TEST_CASE("the neighbours of the control characters are printable", "[base][text]") {
  CHECK(printable(" "));
  CHECK(printable("~"));
  CHECK(printable("\xc2\xa0"));
}

TEST_CASE("escaping makes a value safe to print", "[base][text]") {
  CHECK(escaped("plain gr\xc3\xbcn") == "plain gr\xc3\xbcn");
  CHECK(escaped("a\n\r\t\"\\") == R"(a\n\r\t\"\\)");
  CHECK(escaped("\x1b[31m\xff\xc2\x85") == R"(\x1b[31m\xff\xc2\x85)");
  CHECK(quoted("a\"b") == R"("a\"b")");
}

TEST_CASE("a value of 64 characters is shown whole and a longer one is cut", "[base][text]") {
  const std::string whole(64, 'x');

  CHECK(escaped(whole) == whole);
  CHECK(escaped(whole + 'y') == whole + "...");
  CHECK(escaped("abcdef", 3) == "abc...");
}

TEST_CASE("cutting counts characters and splits none", "[base][text]") {
  CHECK(escaped("\xc3\xbc\xc3\xbc\xc3\xbc", 2) == "\xc3\xbc\xc3\xbc...");
  CHECK(escaped("ab\xff", 4) == "ab...");
}

TEST_CASE("whatever is escaped can be printed", "[base][text]") {
  rc::prop("printable(escaped(bytes)), and short", [](const std::string& bytes) {
    const std::string text = escaped(bytes);

    RC_ASSERT(printable(text));
    RC_ASSERT(text.size() <= 4 * shown_chars_max + 3);
  });
}

TEST_CASE("the nearest word is the one with the fewest typing errors", "[base][text]") {
  constexpr std::array words{"node.mode"sv, "node.name"sv, "mesh.seed"sv, "mesh.listen"sv};

  CHECK(nearest("node.mod", words) == "node.mode");
  CHECK(nearest("node.nmae", words) == "node.name");
  CHECK(nearest("mesh.sed", words) == "mesh.seed");
  CHECK(nearest("mesh.listen", words) == "mesh.listen");
}

TEST_CASE("nothing is suggested for a word that resembles none", "[base][text]") {
  constexpr std::array words{"node.mode"sv, "ls"sv};

  CHECK(nearest("security", words) == std::nullopt);
  CHECK(nearest("x", words) == std::nullopt);
  CHECK(nearest(std::string(1000, 'n'), words) == std::nullopt);
  CHECK(nearest("word", {}) == std::nullopt);
}

TEST_CASE("a short word may have one typing error", "[base][text]") {
  constexpr std::array words{"ls"sv, "show"sv};

  CHECK(nearest("l", words) == "ls");
  CHECK(nearest("shw", words) == "show");
}
