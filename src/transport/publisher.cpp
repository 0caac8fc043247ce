#include "transport/publisher.hpp"

#include <utility>

#include "transport/names.hpp"
#include "transport/options.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {

std::optional<Subscription> Subscriptions::read(std::string_view message, Tally& tally) {
  const bool active = message.starts_with('\x01');
  if (!active && !message.starts_with('\x00')) {
    ++tally.frames_malformed;
    return std::nullopt;
  }
  const std::string_view topic = message.substr(1);
  if (!parse_barrier_topic(topic)) return std::nullopt;

  const auto known = connections_.find(topic);
  if (!active) {
    if (known == connections_.end() || --known->second > 0) return std::nullopt;
    connections_.erase(known);
    return Subscription{topic, false};
  }
  if (known != connections_.end()) {
    ++known->second;
  } else if (connections_.size() < followers_max) {
    connections_.emplace(topic, 1);
  } else {
    ++tally.subscriptions_ignored;
    return std::nullopt;
  }
  return Subscription{topic, true};
}

Result<std::unique_ptr<Publisher>> Publisher::open(void* context, Poller& poller, const Endpoint& endpoint,
                                                   std::uint64_t event_size_bytes_max) {
  Result<Socket> xpub = open_socket(context, Role::publisher, event_size_bytes_max);
  if (!xpub) return tl::unexpected(xpub.error());
  if (const int error = xpub->bind(endpoint.to_string()); error != 0) {
    return tl::unexpected(bind_error("the notification socket", endpoint.to_string(), error));
  }
  std::unique_ptr<Publisher> publisher(new Publisher(poller, std::move(*xpub)));
  if (const int error = poller.add(publisher->xpub_); error != 0) {
    return tl::unexpected(socket_error("watch a socket", error));
  }
  return publisher;
}

Publisher::~Publisher() { poller_.remove(xpub_); }

}  // namespace evmesh::transport
