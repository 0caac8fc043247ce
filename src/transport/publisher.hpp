#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/endpoint.hpp"
#include "transport/poller.hpp"
#include "transport/socket.hpp"
#include "transport/tally.hpp"

namespace evmesh::transport {

/// Followers that are told apart; more are not reported. Far above the members a mesh may have, so that lives
/// that just ended and those that begin fit side by side.
inline constexpr std::size_t followers_max = 1'024;

/// A follower's subscriptions began or stopped to be in force.
struct Subscription {
  std::string_view topic;
  bool active = false;

  bool operator==(const Subscription&) const = default;
};

/// Who follows, by barrier topic, out of what an XPUB receives. Value.
class Subscriptions {
 public:
  /// Reads one message. Tells of each barrier subscription, also a repeated one (a follower reconnected
  /// before its old connection was known to be broken), and of the end when the last connection with that
  /// barrier is gone. `topic` points into `message`. Data topics tell nothing; what is no subscription, and
  /// what exceeds `followers_max`, is counted.
  [[nodiscard]] std::optional<Subscription> read(std::string_view message, Tally& tally);

 private:
  std::map<std::string, std::uint32_t, std::less<>> connections_;  // by topic, each at least 1
};

/// Our notifications for all: an XPUB. Thread-bound; the poller outlives it.
class Publisher {
 public:
  /// Errors: cannot_bind naming the endpoint and the cure, busy, node_failed.
  [[nodiscard]] static Result<std::unique_ptr<Publisher>> open(void* context, Poller& poller,
                                                               const Endpoint& endpoint,
                                                               std::uint64_t event_size_bytes_max);

  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  [[nodiscard]] std::uint16_t port() const { return xpub_.bound_port(); }

  /// To every follower whose connection has room; ZeroMQ drops it silently for the others. Never waits.
  [[nodiscard]] Outcome publish(zmq::message_t&& message) { return xpub_.send(message); }

  [[nodiscard]] Outcome receive(Message& message) { return xpub_.receive(message); }

  [[nodiscard]] Socket& socket() { return xpub_; }

 private:
  Publisher(Poller& poller, Socket xpub) : poller_(poller), xpub_(std::move(xpub)) {}

  Poller& poller_;
  Socket xpub_;
};

}  // namespace evmesh::transport
