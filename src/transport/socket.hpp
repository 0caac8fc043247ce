#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <zmq.hpp>

#include <evmesh/result.hpp>

namespace evmesh::transport {

/// How an attempt to send or receive ended. Nothing in here throws or waits.
enum class Outcome : std::uint8_t {
  done,
  again,        ///< would have to wait
  unreachable,  ///< the ROUTER knows no such connection
  failed,       ///< the socket is of no use any more: the context was terminated under it
};

/// A message of one or two parts; what has more is taken off the socket and keeps only `count`.
struct Message {
  std::array<zmq::message_t, 2> parts;
  std::size_t count = 0;
};

/// Owner of a ZeroMQ socket. Knows whether it was used since its events were last read, because every use may
/// swallow the wake-up of its descriptor (ZMQ_FD is edge-triggered). Thread-bound.
class Socket {
 public:
  /// `kind`: ZMQ_ROUTER and so on. Errors: busy (no more sockets or descriptors), node_failed.
  [[nodiscard]] static Result<Socket> open(void* context, int kind);

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  /// Errors: the error number. Only for the room's own use before and besides the traffic.
  [[nodiscard]] int set(int option, int value);
  [[nodiscard]] int set(int option, std::int64_t value);
  [[nodiscard]] int set(int option, std::string_view value);
  [[nodiscard]] int bind(const std::string& endpoint);
  [[nodiscard]] int connect(const std::string& endpoint);
  [[nodiscard]] int disconnect(const std::string& endpoint);

  /// What was bound last, with the real port, in ZeroMQ's spelling; empty when nothing was.
  [[nodiscard]] std::string last_endpoint() const;
  /// Its port; 0 when there is none.
  [[nodiscard]] std::uint16_t bound_port() const;
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] void* handle() const { return handle_; }

  /// Takes `message` only when done.
  [[nodiscard]] Outcome send(zmq::message_t& message, bool more = false);
  [[nodiscard]] Outcome receive(Message& message);

  /// Its descriptor woke us, or something else says that it must be looked at.
  void touch() { touched_ = true; }
  [[nodiscard]] bool touched() const { return touched_; }

  /// Reads ZMQ_EVENTS if the socket was touched: true when one of `wanted` (ZMQ_POLLIN, ZMQ_POLLOUT) holds.
  /// After false its descriptor wakes whoever waits on it when one of them comes to hold.
  [[nodiscard]] bool ready(int wanted);

 private:
  explicit Socket(void* handle) : handle_(handle) {}
  [[nodiscard]] Outcome receive_part(zmq::message_t& part);

  void* handle_;
  bool touched_ = true;
};

}  // namespace evmesh::transport
