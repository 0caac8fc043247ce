#pragma once

#include <evmesh/result.hpp>

#include "transport/socket.hpp"

namespace evmesh::transport {

/// One descriptor that becomes readable when any of the sockets in it has news. Thread-bound.
class Poller {
 public:
  /// Errors: busy (no more descriptors), node_failed.
  [[nodiscard]] static Result<Poller> open();

  Poller(Poller&& other) noexcept;
  Poller& operator=(Poller&&) = delete;
  ~Poller();

  /// Watches `socket`, which must stay where it is until `remove`. Errors: the error number.
  [[nodiscard]] int add(Socket& socket);

  /// To be called before the socket is closed: ZeroMQ closes descriptors late, on a thread of its own.
  void remove(Socket& socket);

  /// Touches every socket whose descriptor has news. Does not wait.
  void collect();

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit Poller(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace evmesh::transport
