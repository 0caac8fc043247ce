#include "transport/follower.hpp"

#include <utility>

#include "transport/names.hpp"
#include "transport/options.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {

Result<std::unique_ptr<Follower>> Follower::open(void* context, Poller& poller, const wire::Life& self,
                                                 std::uint64_t event_size_bytes_max) {
  Result<Socket> sub = open_socket(context, Role::follower, event_size_bytes_max);
  if (!sub) return tl::unexpected(sub.error());
  std::unique_ptr<Follower> follower(new Follower(poller, std::move(*sub)));
  int error = follower->sub_.set(ZMQ_SUBSCRIBE, data_topic);
  if (error == 0) error = follower->become(self);
  if (error == 0) error = poller.add(follower->sub_);
  if (error != 0) return tl::unexpected(socket_error("subscribe", error));
  return follower;
}

Follower::~Follower() { poller_.remove(sub_); }

int Follower::become(const wire::Life& self) {
  std::string barrier = barrier_topic(self);
  if (barrier == barrier_) return 0;
  int error = sub_.set(ZMQ_SUBSCRIBE, std::string_view(barrier));
  if (error == 0 && !barrier_.empty()) error = sub_.set(ZMQ_UNSUBSCRIBE, std::string_view(barrier_));
  barrier_ = std::move(barrier);
  return error;
}

Result<void> Follower::follow(const Endpoint& endpoint) {
  const auto [wish, first] = wishes_.try_emplace(endpoint.to_string(), 0);
  if (first) {
    if (const int error = sub_.connect(wish->first); error != 0) {
      Error failure = socket_error("follow " + wish->first, error);
      wishes_.erase(wish);
      return tl::unexpected(std::move(failure));
    }
  }
  ++wish->second;
  return {};
}

void Follower::unfollow(const Endpoint& endpoint) {
  const auto wish = wishes_.find(endpoint.to_string());
  if (wish == wishes_.end() || --wish->second > 0) return;
  [[maybe_unused]] const int error = sub_.disconnect(wish->first);  // whatever it says, it is no longer ours
  wishes_.erase(wish);
}

}  // namespace evmesh::transport
