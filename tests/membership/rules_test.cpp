#include <catch2/catch.hpp>

#include "membership/rules.hpp"

namespace evmesh::membership::test {

namespace {

wire::Hello good() {
  wire::Hello hello;
  hello.cluster = "test";
  hello.name = "node-1.x_Y";
  hello.work_endpoint = "tcp://10.0.0.1:7000";
  hello.publish_endpoint = "tcp://10.0.0.1:7001";
  hello.buses = {"events", "audit"};
  return hello;
}

}  // namespace

TEST_CASE("a HELLO that keeps the rules is not refused", "[membership]") {
  CHECK_FALSE(refusal_of(good(), "test"));
}

TEST_CASE("a HELLO that breaks a text rule is malformed, and the text names the value", "[membership]") {
  wire::Hello bad_name = good();
  bad_name.name = "a b";
  wire::Hello bad_endpoint = good();
  bad_endpoint.work_endpoint = "10.0.0.1:7000";
  wire::Hello twice = good();
  twice.buses = {"events", "events"};
  wire::Hello mono = good();
  mono.mode = Mode::mono;

  CHECK(refusal_of(bad_name, "test")->reason == wire::RejectReason::malformed);
  CHECK(refusal_of(bad_name, "test")->text == "node name \"a b\" is not [A-Za-z0-9._-]{1,64}");
  CHECK(refusal_of(bad_endpoint, "test")->text == "endpoint \"10.0.0.1:7000\" is not tcp://ADDRESS:PORT");
  CHECK(refusal_of(twice, "test")->text == "bus \"events\" stands twice");
  CHECK(refusal_of(mono, "test")->text == "a mono node takes no part in a mesh");
}

TEST_CASE("an endpoint that nobody else can dial is refused with the cure", "[membership]") {
  CHECK(endpoint_fault("tcp://0.0.0.0:7000") ==
        "endpoint \"tcp://0.0.0.0:7000\" cannot be dialled by others: set `advertise` on that node");
  CHECK(endpoint_fault("tcp://*:7000"));
  CHECK(endpoint_fault("tcp://[::]:7000"));
  CHECK(endpoint_fault("tcp://"));
  CHECK(endpoint_fault(""));
  CHECK_FALSE(endpoint_fault("tcp://localhost:7000"));
}

TEST_CASE("node names have 1 to 64 plain characters", "[membership]") {
  CHECK(valid_node_name(std::string(64, 'x')));
  CHECK_FALSE(valid_node_name(std::string(65, 'x')));
  CHECK_FALSE(valid_node_name(""));
  CHECK_FALSE(valid_node_name("a$b"));
}

}  // namespace evmesh::membership::test
