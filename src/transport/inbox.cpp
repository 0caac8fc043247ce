#include "transport/inbox.hpp"

#include <utility>

#include "transport/options.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {

Result<std::unique_ptr<Inbox>> Inbox::open(void* context, Poller& poller, Tally& tally,
                                           const Endpoint& endpoint, std::uint64_t event_size_bytes_max) {
  Result<Socket> router = open_socket(context, Role::inbox, event_size_bytes_max);
  if (!router) return tl::unexpected(router.error());
  if (const int error = router->bind(endpoint.to_string()); error != 0) {
    return tl::unexpected(bind_error("the work socket", endpoint.to_string(), error));
  }
  std::unique_ptr<Inbox> inbox(new Inbox(poller, tally, std::move(*router)));
  if (const int error = poller.add(inbox->router_); error != 0) {
    return tl::unexpected(socket_error("watch a socket", error));
  }
  return inbox;
}

Inbox::~Inbox() { poller_.remove(router_); }

Outcome Inbox::answer(std::string_view connection, zmq::message_t&& message) {
  zmq::message_t name(connection.data(), connection.size());
  // Once the name went, the rest must follow: the ROUTER would take the next name for it.
  Outcome outcome = router_.send(name, true);
  if (outcome == Outcome::done) outcome = router_.send(message);
  if (outcome == Outcome::done) ++tally_.answers_sent;
  if (outcome == Outcome::unreachable) ++tally_.answers_unroutable;
  if (outcome == Outcome::again) ++tally_.answers_dropped;
  return outcome;
}

}  // namespace evmesh::transport
