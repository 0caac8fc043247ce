#include "transport/transport.hpp"

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;

TEST_CASE("two transports exchange frames both ways", "[transport]") {
  const Peer a(1), b(2);
  REQUIRE(a->dial(1, b->work_endpoint()).has_value());
  REQUIRE(b->dial(7, a->work_endpoint()).has_value());

  CHECK(a->send(1, Class::control, "from a"));
  CHECK(b->send(7, Class::control, "from b"));

  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->frames.empty() && !b.heard->frames.empty(); }));
  CHECK(b.heard->frames == decltype(b.heard->frames){{routing_id(life(1), 1), "from a"}});
  CHECK(a.heard->frames == decltype(a.heard->frames){{routing_id(life(2), 7), "from b"}});
}
