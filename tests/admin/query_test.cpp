#include <catch2/catch.hpp>

#include "admin/query.hpp"

using namespace evmesh::admin;

TEST_CASE("percent escapes are resolved, broken ones are refused", "[admin]") {
  CHECK(percent_decoded("a%3Ab%c3%a9") == "a:b\xc3\xa9");
  CHECK_FALSE(percent_decoded("a%zz"));
  CHECK_FALSE(percent_decoded("a%4"));
  CHECK_FALSE(percent_decoded("a%"));
  CHECK_FALSE(percent_decoded("a%00"));
  CHECK_FALSE(percent_decoded("%ff"));
}

TEST_CASE("an unknown parameter is refused with the nearest name", "[admin]") {

  CHECK(Query::read({{"keys", "x"}}, {"bus", "key"}).error().message ==
        "unknown query parameter \"keys\"; did you mean key?");
}

TEST_CASE("a parameter stands once unless it may be repeated", "[admin]") {
  const Query::Values twice{{"key", "a:1"}, {"key", "b:2"}};

  CHECK_FALSE(Query::read(twice, {"key"}));
  const auto read = Query::read(twice, {}, {"key"});
  REQUIRE(read);
  CHECK(read->all("key") == std::vector<std::string>{"a:1", "b:2"});
}

TEST_CASE("a number is whole and in its range, at the bounds too", "[admin]") {
  const auto number = [](const char* text) {
    const Query::Values values{{"limit", text}};
    return Query::read(values, {"limit"})->number("limit", 7, 1, 1000);
  };

  CHECK(number("1") == 1u);
  CHECK(number("1000") == 1000u);
  CHECK_FALSE(number("0"));
  CHECK_FALSE(number("1001"));
  CHECK_FALSE(number("-1"));
  CHECK_FALSE(number("1e2"));
  CHECK_FALSE(number(" 1"));
  CHECK_FALSE(number(""));
}

TEST_CASE("a number that need not be whole is read in its range", "[admin]") {
  const Query::Values values{{"rate", "2.5"}, {"word", "fast"}, {"high", "11"}, {"exponent", "1e1"}};
  const auto query = Query::read(values, {"rate", "word", "high", "exponent", "absent"});
  REQUIRE(query);

  CHECK(query->real("rate", 0, 0.5, 10) == 2.5);
  CHECK(query->real("absent", 7, 0.5, 10) == 7);
  CHECK(query->real("exponent", 0, 0.5, 10) == 10);
  CHECK_FALSE(query->real("word", 0, 0.5, 10));
  const auto high = query->real("high", 0, 0.5, 10);
  REQUIRE_FALSE(high);
  CHECK(high.error().message == "high=\"11\" must be a number from 0.5 to 10");
}
