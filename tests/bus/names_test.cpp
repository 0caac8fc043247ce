#include <catch2/catch.hpp>
#include <evmesh/node.hpp>

using namespace evmesh;

TEST_CASE("modes have the names of the option", "[bus][names]") {
  CHECK(to_string(Mode::mono) == "mono");
  CHECK(to_string(Mode::scale_efficient) == "scale-efficient");
  CHECK(to_string(Mode::broadcast) == "broadcast");
}

TEST_CASE("delivery models have the names of the option", "[bus][names]") {
  CHECK(to_string(DeliveryModel::synchronous) == "synchronous");
  CHECK(to_string(DeliveryModel::mixed) == "mixed");
  CHECK(to_string(DeliveryModel::asynchronous) == "asynchronous");
}

TEST_CASE("member states have names", "[bus][names]") {
  CHECK(to_string(MemberState::alive) == "alive");
  CHECK(to_string(MemberState::suspect) == "suspect");
  CHECK(to_string(MemberState::dead) == "dead");
  CHECK(to_string(MemberState::left) == "left");
}
