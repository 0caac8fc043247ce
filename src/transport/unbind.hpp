#pragma once

#include <chrono>

#include "transport/socket.hpp"

namespace evmesh::transport {

/// Stops listening on the endpoint that `socket` was bound to and waits, at most `patience`, until the port
/// is free: ZeroMQ closes it on a thread of its own, and a node that is started again at once would find it
/// taken.
void unbind(void* context, Socket& socket, std::chrono::milliseconds patience);

}  // namespace evmesh::transport
