#include "transport/zmq_error.hpp"

#include <cerrno>
#include <string_view>

#include <zmq.hpp>

#include "base/text.hpp"

namespace evmesh::transport {
namespace {

std::string_view bind_cure(int number) {
  switch (number) {
    case EADDRINUSE: return "is another node running there? choose another mesh.listen";
    case EADDRNOTAVAIL:
    case ENODEV: return "this machine has no such address; choose another mesh.listen";
    case EACCES: return "ports below 1024 need a privilege; choose a higher port in mesh.listen";
    default: return "choose another mesh.listen";
  }
}

}  // namespace

std::string zmq_error_text(int number) { return zmq_strerror(number); }

Error socket_error(std::string_view doing, int number) {
  const std::string message = "cannot " + std::string(doing) + ": " + zmq_error_text(number);
  if (number == EMFILE || number == ENFILE) {
    return {ErrorCode::busy,
            message + "; raise the limit of open files (ulimit -n) or of the ZeroMQ context"};
  }
  return {number == ENOMEM ? ErrorCode::busy : ErrorCode::node_failed, message};
}

Error bind_error(std::string_view what, std::string_view endpoint, int number) {
  return {ErrorCode::cannot_bind, "cannot bind " + std::string(what) + " to " + base::quoted(endpoint) +
                                      ": " + zmq_error_text(number) + "; " + std::string(bind_cure(number))};
}

}  // namespace evmesh::transport
