#include "bus/required_state.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::bus;

TEST_CASE("the state of a group is read as it was written", "[bus][required_state]") {
  const RequiredState plain;
  const RequiredState late{.critical = false, .paused = std::nullopt};
  const RequiredState paused{.critical = true, .paused = "moving \"it\""};

  CHECK(read_required(required_document(plain)) == plain);
  CHECK(read_required(required_document(late)) == late);
  CHECK(read_required(required_document(paused)) == paused);
}

TEST_CASE("a document that cannot be read is a group without a state", "[bus][required_state]") {
  CHECK(read_required("") == RequiredState());
  CHECK(read_required("nonsense") == RequiredState());
  CHECK(read_required(R"({"critical":false,"paused":["x"],"more":1})") == RequiredState());
  CHECK(read_required(R"({"critical":true,"paused":7})") == RequiredState());
}
