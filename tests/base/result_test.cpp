#include <evmesh/result.hpp>

#include <set>
#include <string_view>

#include <catch2/catch.hpp>

using namespace evmesh;

TEST_CASE("an error code is printed as it is written", "[base][result]") {
  CHECK(to_string(ErrorCode::invalid_argument) == "invalid_argument");
  CHECK(to_string(ErrorCode::event_too_large) == "event_too_large");
  CHECK(to_string(ErrorCode::back_pressure) == "back_pressure");
  CHECK(to_string(ErrorCode::node_failed) == "node_failed");
}

TEST_CASE("no two error codes share a name", "[base][result]") {
  std::set<std::string_view> names;

  for (int code = 0; code <= static_cast<int>(ErrorCode::node_failed); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }

  CHECK(names.size() == static_cast<std::size_t>(ErrorCode::node_failed) + 1);
  CHECK(names.count("unknown_error") == 0);
}

TEST_CASE("fail makes a result without a value", "[base][result]") {
  const Result<int> result = fail(ErrorCode::busy, "try again");

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error() == Error{ErrorCode::busy, "try again"});
}
