// What becomes of test cases, one of each kind; count_cases_test.py runs them and checks the count.
#include <csignal>

#include <catch2/catch.hpp>

#include "support/skip.hpp"

TEST_CASE("one that passes") { CHECK(true); }

TEST_CASE("one with sections that passes once") {
  SECTION("left") { CHECK(true); }
  SECTION("right") { CHECK(true); }
}

TEST_CASE("one that fails", "[fails]") {
  CHECK(false);
  CHECK(true);
}

TEST_CASE("one that throws", "[fails]") { throw 42; }

TEST_CASE("one that is skipped", "[skips]") {
  EVMESH_SKIP("no root");
  FAIL("a skipped case goes on");
}

TEST_CASE("one that kills the program", "[.][dies]") { std::raise(SIGKILL); }
