#include "transport/unbind.hpp"

#include <string>

#include "transport/context.hpp"

namespace evmesh::transport {

void unbind(void* context, Socket& socket, std::chrono::milliseconds patience) {
  const std::string address = fresh_inproc_address();
  Result<Socket> events = Socket::open(context, ZMQ_PAIR);
  const int watched = zmq_socket_monitor(socket.handle(), address.c_str(), ZMQ_EVENT_CLOSED);
  if (events && watched == 0 && events->set(ZMQ_LINGER, 0) == 0 && events->connect(address) == 0 &&
      zmq_unbind(socket.handle(), socket.last_endpoint().c_str()) == 0) {
    zmq_pollitem_t item{.socket = events->handle(), .fd = -1, .events = ZMQ_POLLIN, .revents = 0};
    zmq_poll(&item, 1, patience.count());
  }
  if (watched == 0) zmq_socket_monitor(socket.handle(), nullptr, 0);  // before its reader goes
}

}  // namespace evmesh::transport
