#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "transport/endpoint.hpp"
#include "transport/poller.hpp"
#include "transport/socket.hpp"
#include "wire/life.hpp"

namespace evmesh::transport {

/// The one SUB that follows every peer's publisher. Thread-bound; the poller outlives it.
class Follower {
 public:
  /// Errors: busy, node_failed.
  [[nodiscard]] static Result<std::unique_ptr<Follower>> open(void* context, Poller& poller,
                                                              const wire::Life& self,
                                                              std::uint64_t event_size_bytes_max);

  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower();

  /// Each `follow` of an endpoint needs its `unfollow`; one connection serves all in between (a node that
  /// moved in where another was is followed before the other is unfollowed). Errors: busy, node_failed.
  [[nodiscard]] Result<void> follow(const Endpoint& endpoint);
  void unfollow(const Endpoint& endpoint);

  /// Subscribes to the barrier of `self` and no longer to that of the life before.
  [[nodiscard]] int become(const wire::Life& self);

  [[nodiscard]] Outcome receive(Message& message) { return sub_.receive(message); }

  [[nodiscard]] Socket& socket() { return sub_; }

 private:
  Follower(Poller& poller, Socket sub) : poller_(poller), sub_(std::move(sub)) {}

  Poller& poller_;
  Socket sub_;
  std::string barrier_;
  std::map<std::string, std::uint32_t> wishes_;  // by endpoint, each at least 1
};

}  // namespace evmesh::transport
