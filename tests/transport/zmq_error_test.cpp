#include "transport/zmq_error.hpp"

#include <cerrno>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::transport;
using Catch::Matchers::Contains;

TEST_CASE("an endpoint that cannot be bound is named with its cure", "[transport][zmq_error]") {
  const auto [number, cure] = GENERATE(table<int, std::string>({
      {EADDRINUSE, "is another node running there? choose another mesh.listen"},
      {EADDRNOTAVAIL, "this machine has no such address"},
      {ENODEV, "this machine has no such address"},
      {EACCES, "choose a higher port"},
      {EINVAL, "choose another mesh.listen"},
  }));

  const Error error = bind_error("the work socket", "tcp://127.0.0.1:7520", number);

  CHECK(error.code == ErrorCode::cannot_bind);
  CHECK_THAT(error.message, Contains("the work socket to \"tcp://127.0.0.1:7520\""));
  CHECK_THAT(error.message, Contains(cure));
}

TEST_CASE("running out of descriptors is busy and names the limit", "[transport][zmq_error]") {
  const Error error = socket_error("make a socket", EMFILE);

  CHECK(error.code == ErrorCode::busy);
  CHECK_THAT(error.message, Contains("cannot make a socket") && Contains("ulimit -n"));
}
