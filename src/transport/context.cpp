#include "transport/context.hpp"

#include <atomic>
#include <cstdint>

#include <zmq.hpp>

#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

/// A link takes three (DEALER and both ends of its monitor), a node three more: room for 80 nodes of 64
/// members.
constexpr int sockets_max = 16'384;

Result<void*> make_context() {
  void* const context = zmq_ctx_new();
  if (context == nullptr) {
    return fail(ErrorCode::busy, "cannot make a ZeroMQ context: " + zmq_error_text(zmq_errno()));
  }
  zmq_ctx_set(context, ZMQ_BLOCKY, 0);
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, sockets_max);
  return context;
}

}  // namespace

Result<void*> process_context() {
  // Leaked on purpose. Ending it would block the host's exit while a socket lingers, and with CURVE
  // (libsodium) on libzmq 4.3.4 ending one context can crash another of the same process (libzmq#4242).
  static const Result<void*> context = make_context();
  return context;
}

std::string fresh_inproc_address() {
  // A number, because ZeroMQ gives an address free again at some later time, on a thread of its own.
  static std::atomic<std::uint64_t> next{1};
  return "inproc://evmesh-" + std::to_string(next.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace evmesh::transport
