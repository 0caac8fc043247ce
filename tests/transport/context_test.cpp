#include "transport/context.hpp"

#include <catch2/catch.hpp>

#include <zmq.hpp>

using namespace evmesh;
using namespace evmesh::transport;

TEST_CASE("the process has one context, with room for many sockets", "[transport][context]") {
  const Result<void*> context = process_context();

  REQUIRE(context.has_value());
  CHECK(process_context() == context);
  CHECK(zmq_ctx_get(*context, ZMQ_BLOCKY) == 0);
  CHECK(zmq_ctx_get(*context, ZMQ_MAX_SOCKETS) == 16'384);
}

TEST_CASE("no inproc address is given twice", "[transport][context]") {
  CHECK(fresh_inproc_address() != fresh_inproc_address());
  CHECK(fresh_inproc_address().starts_with("inproc://evmesh-"));
}
