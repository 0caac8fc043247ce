#include "evmeshd/listeners/last_line.hpp"

#include <string>

#include <catch2/catch.hpp>

using evmesh::daemon::LastLine;

namespace {

std::string last_of(std::initializer_list<std::string> pieces) {
  LastLine line;
  for (const std::string& piece : pieces) line.add(piece);
  return line.text();
}

}  // namespace

TEST_CASE("the last line that says something is kept, however the text is cut", "[evmeshd]") {
  CHECK(last_of({}) == "");
  CHECK(last_of({"one"}) == "one");
  CHECK(last_of({"one\ntwo\n"}) == "two");
  CHECK(last_of({"one\ntwo\n\n  \n"}) == "two");
  CHECK(last_of({"one\nt", "w", "o"}) == "two");
  CHECK(last_of({"one\n", "\n", "\t two \r\n", " "}) == "two");
}

TEST_CASE("of a long line the first 1024 bytes are kept, and no character is cut in two", "[evmeshd]") {
  CHECK(last_of({std::string(1'000'000, 'x')}) == std::string(1024, 'x'));
  CHECK(last_of({std::string(1024, 'x'), "yz\n"}) == std::string(1024, 'x'));
  CHECK(last_of({std::string(1023, 'x') + "\u00e9\n"}) == std::string(1023, 'x'));
  CHECK(last_of({std::string(1022, 'x') + "\u00e9\n"}) == std::string(1022, 'x') + "\u00e9");
}

TEST_CASE("what is no text is escaped", "[evmeshd]") {
  CHECK(last_of({"\x1b[31mred\x1b[0m"}) == "\\x1b[31mred\\x1b[0m");
  CHECK(last_of({"\xff"}) == "\\xff");
  CHECK(last_of({"he said \"no\""}) == "he said \"no\"");
  CHECK(last_of({std::string(2000, '\x01')}).size() <= 1024);
}
