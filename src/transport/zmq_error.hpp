#pragma once

#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::transport {

/// A ZeroMQ or system error number in words, for example "address already in use".
[[nodiscard]] std::string zmq_error_text(int number);

/// What `number` means when a socket cannot be made or set up. Code busy when the machine ran out of
/// something, otherwise node_failed. `doing`: "make a socket".
[[nodiscard]] Error socket_error(std::string_view doing, int number);

/// What `number` means when `endpoint` cannot be bound: cannot_bind, naming the cure. `what`: "the work
/// socket".
[[nodiscard]] Error bind_error(std::string_view what, std::string_view endpoint, int number);

}  // namespace evmesh::transport
