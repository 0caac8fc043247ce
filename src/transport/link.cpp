#include "transport/link.hpp"

#include <utility>

#include "transport/options.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {

Result<std::unique_ptr<Link>> Link::open(void* context, Poller& poller, Tally& tally,
                                         const LinkOptions& options) {
  Result<Socket> dealer = open_socket(context, Role::link, options.event_size_bytes_max);
  if (!dealer) return tl::unexpected(dealer.error());

  // Where it stands from here on: the monitor and the poller remember the place.
  std::unique_ptr<Link> link(new Link(poller, tally, std::move(*dealer)));
  Result<Monitor> monitor = Monitor::open(context, link->dealer_);
  if (!monitor) return tl::unexpected(monitor.error());
  link->monitor_.emplace(std::move(*monitor));

  int error = link->dealer_.set(ZMQ_ROUTING_ID, std::string_view(options.routing_id));
  if (error == 0) error = poller.add(link->dealer_);
  if (error == 0) error = poller.add(link->monitor_->events());
  if (error == 0) error = link->dealer_.connect(options.endpoint.to_string());
  if (error != 0) return tl::unexpected(socket_error("dial " + options.endpoint.to_string(), error));
  return link;
}

Link::~Link() {
  poller_.remove(dealer_);
  if (monitor_) poller_.remove(monitor_->events());
}

Outcome Link::hand_over(zmq::message_t& message) {
  const std::size_t bytes = message.size();
  const Outcome outcome = dealer_.send(message);
  if (outcome == Outcome::done) {
    ++tally_.frames_sent;
    tally_.bytes_sent += bytes;
  }
  return outcome;
}

Sending Link::send(Class cls, zmq::message_t&& message) {
  if (!queue_.occupied_for(cls)) {
    const Outcome outcome = hand_over(message);
    if (outcome == Outcome::done) return Sending::sent;
    if (outcome != Outcome::again) return Sending::failed;
  }
  if (queue_.push(cls, std::move(message))) return Sending::queued;
  ++tally_.frames_dropped_link_queue;
  return Sending::dropped;
}

bool Link::flush() {
  bool progress = false;
  while (zmq::message_t* const next = queue_.front()) {
    const std::size_t bytes = next->size();
    if (hand_over(*next) != Outcome::done) break;
    queue_.pop(bytes);
    progress = true;
  }
  return progress;
}

std::optional<LinkEvent> Link::next_event(base::MonoTime now) {
  return monitor_->next(now, tally_.handshakes_failed);
}

bool Link::ready() {
  const int writable = queue_.empty() ? 0 : ZMQ_POLLOUT;
  return dealer_.ready(ZMQ_POLLIN | writable) || monitor_->events().ready(ZMQ_POLLIN);
}

void Link::linger(std::chrono::milliseconds time) {
  if (dealer_.set(ZMQ_LINGER, static_cast<int>(time.count())) == 0) static_cast<void>(flush());
}

}  // namespace evmesh::transport
