#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "transport/endpoint.hpp"
#include "transport/poller.hpp"
#include "transport/socket.hpp"
#include "transport/tally.hpp"

namespace evmesh::transport {

/// Where the links of all peers arrive: a ROUTER. Thread-bound; the poller and the tally outlive it.
class Inbox {
 public:
  /// Errors: cannot_bind naming the endpoint and the cure, busy, node_failed.
  [[nodiscard]] static Result<std::unique_ptr<Inbox>> open(void* context, Poller& poller, Tally& tally,
                                                           const Endpoint& endpoint,
                                                           std::uint64_t event_size_bytes_max);

  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  [[nodiscard]] std::uint16_t port() const { return router_.bound_port(); }

  /// Back on the connection of that name; counted when it is gone or does not read. Never waits.
  [[nodiscard]] Outcome answer(std::string_view connection, zmq::message_t&& message);

  /// Part 0 is the connection's name.
  [[nodiscard]] Outcome receive(Message& message) { return router_.receive(message); }

  [[nodiscard]] Socket& socket() { return router_; }

 private:
  Inbox(Poller& poller, Tally& tally, Socket router)
      : poller_(poller), tally_(tally), router_(std::move(router)) {}

  Poller& poller_;
  Tally& tally_;
  Socket router_;
};

}  // namespace evmesh::transport
