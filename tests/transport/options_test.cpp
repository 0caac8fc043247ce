#include "transport/options.hpp"

#include <catch2/catch.hpp>

#include "transport/context.hpp"

using namespace evmesh;
using namespace evmesh::transport;

namespace {

Socket socket_of(Role role) {
  Result<Socket> socket = open_socket(process_context().value(), role, 1'048'576);
  if (!socket) FAIL(socket.error().message);
  return std::move(*socket);
}

int option(const Socket& socket, int name) {
  int value = -1;
  std::size_t size = sizeof(value);
  REQUIRE(zmq_getsockopt(socket.handle(), name, &value, &size) == 0);
  return value;
}

}  // namespace

TEST_CASE("every socket has the options all have in common", "[transport][options]") {
  const Socket socket = socket_of(GENERATE(Role::inbox, Role::publisher, Role::follower, Role::link));

  CHECK(option(socket, ZMQ_LINGER) == 0);
  CHECK(option(socket, ZMQ_IPV6) == 1);
  CHECK(option(socket, ZMQ_HANDSHAKE_IVL) == 2'000);
  CHECK(option(socket, ZMQ_TCP_MAXRT) == 5'000);
  CHECK(option(socket, ZMQ_TCP_KEEPALIVE) == 1);
  CHECK(option(socket, ZMQ_TCP_KEEPALIVE_IDLE) == 2);
  CHECK(option(socket, ZMQ_TCP_KEEPALIVE_INTVL) == 1);
  CHECK(option(socket, ZMQ_TCP_KEEPALIVE_CNT) == 3);
}

TEST_CASE("a message may be as long as an event and its frame", "[transport][options]") {
  const Socket socket = socket_of(GENERATE(Role::inbox, Role::publisher, Role::follower, Role::link));

  std::int64_t value = 0;
  std::size_t size = sizeof(value);
  REQUIRE(zmq_getsockopt(socket.handle(), ZMQ_MAXMSGSIZE, &value, &size) == 0);
  CHECK(value == 1'048'576 + 67'584);
}

TEST_CASE("no socket sends heartbeats", "[transport][options]") {
  const Socket socket = socket_of(GENERATE(Role::inbox, Role::publisher, Role::follower, Role::link));

  CHECK(option(socket, ZMQ_HEARTBEAT_IVL) == 0);
}

TEST_CASE("all peers may dial a bound socket at once", "[transport][options]") {
  const Socket socket = socket_of(GENERATE(Role::inbox, Role::publisher));

  CHECK(option(socket, ZMQ_BACKLOG) == 512);
}

TEST_CASE("connecting sockets give up and try again quickly", "[transport][options]") {
  const Socket socket = socket_of(GENERATE(Role::follower, Role::link));

  CHECK(option(socket, ZMQ_CONNECT_TIMEOUT) == 1'000);
  CHECK(option(socket, ZMQ_RECONNECT_IVL) == 100);
  CHECK(option(socket, ZMQ_RECONNECT_IVL_MAX) == 2'000);
}

TEST_CASE("what may wait in each socket is bounded", "[transport][options]") {
  const auto [role, kind, received, sent] = GENERATE(table<Role, int, int, int>({
      {Role::inbox, ZMQ_ROUTER, 1'000, 128},
      {Role::publisher, ZMQ_XPUB, 128, 128},
      {Role::follower, ZMQ_SUB, 128, 128},
      {Role::link, ZMQ_DEALER, 128, 8},
  }));
  const Socket socket = socket_of(role);

  CHECK(option(socket, ZMQ_TYPE) == kind);
  CHECK(option(socket, ZMQ_RCVHWM) == received);
  CHECK(option(socket, ZMQ_SNDHWM) == sent);
}

TEST_CASE("a link keeps what it was given while the peer is away", "[transport][options]") {
  CHECK(option(socket_of(Role::link), ZMQ_IMMEDIATE) == 0);
}
