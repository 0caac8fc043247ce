#include "evmeshd/listeners/words.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using evmesh::daemon::split_words;
using Words = std::vector<std::string>;

TEST_CASE("a command is cut into words as a shell would, without expanding anything", "[evmeshd][words]") {
  const std::pair<std::string, Words> cases[] = {
      {"/bin/true", {"/bin/true"}},
      {"  index  --all\t-v ", {"index", "--all", "-v"}},
      {"say 'two words' \"and $three\"", {"say", "two words", "and $three"}},
      {"say a' b'\"c \"d", {"say", "a bc d"}},
      {"say '' \"\"", {"say", "", ""}},
      {R"(say \$HOME "\"quoted\"" "back\\slash" 'as\is' "\n")",
       {"say", "$HOME", "\"quoted\"", "back\\slash", "as\\is", "\\n"}},
      {"say hello # to all", {"say", "hello"}},
      {"say hello#all '# no comment'", {"say", "hello#all", "# no comment"}},
      {"grep -e 'a|b;c'", {"grep", "-e", "a|b;c"}},
  };

  for (const auto& [text, words] : cases) {
    CAPTURE(text);
    const auto split = split_words(text);
    REQUIRE(split);
    CHECK(*split == words);
  }
}

TEST_CASE("what only a shell can do is refused, naming the character and the other key", "[evmeshd][words]") {
  for (const std::string text :
       {"a | b", "a && b", "a; b", "a > f", "a < f", "a $HOME", "a *.txt", "a `b`", "~/a", "a ?"}) {
    CAPTURE(text);
    const auto split = split_words(text);
    REQUIRE_FALSE(split);
    CHECK(split.error().message.find("shell = ") != std::string::npos);
  }
  CHECK(split_words("a | b").error().message.find("\"|\"") != std::string::npos);
}

TEST_CASE("an open quote and a command without a word are refused", "[evmeshd][words]") {
  CHECK(split_words("say 'hello").error().message == "the quote ' is not closed in \"say 'hello\"");
  CHECK(split_words("say \"hello\\\"").error().message.find("quote \" is not closed") != std::string::npos);
  CHECK(split_words("  ").error().message == "no program is named");
  CHECK(split_words("# nothing").error().message == "no program is named");
}
