#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "transport/endpoint.hpp"
#include "transport/monitor.hpp"
#include "transport/poller.hpp"
#include "transport/send_queue.hpp"
#include "transport/socket.hpp"
#include "transport/tally.hpp"

namespace evmesh::transport {

struct LinkOptions {
  std::string routing_id;
  Endpoint endpoint;
  std::uint64_t event_size_bytes_max = 0;
};

/// What became of a frame that was to be sent on a link.
enum class Sending : std::uint8_t {
  sent,     ///< in the DEALER
  queued,   ///< waits in front of it
  dropped,  ///< its class was full; counted
  failed,   ///< the socket is of no use any more
};

/// A connection this node opened: a DEALER, its monitor, and what waits to be sent on it. Thread-bound; the
/// poller and the tally outlive it. What waits is dropped with it.
class Link {
 public:
  /// Begins to connect. Errors: busy, node_failed.
  [[nodiscard]] static Result<std::unique_ptr<Link>> open(void* context, Poller& poller, Tally& tally,
                                                          const LinkOptions& options);

  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  /// Sends at once when nothing as urgent waits and the DEALER takes it, otherwise queues. Never waits.
  [[nodiscard]] Sending send(Class cls, zmq::message_t&& message);

  /// Hands the DEALER what waits, as far as it takes it. True when something went.
  [[nodiscard]] bool flush();

  [[nodiscard]] Outcome receive(Message& message) { return dealer_.receive(message); }
  [[nodiscard]] std::optional<LinkEvent> next_event(base::MonoTime now);

  [[nodiscard]] std::size_t queued_bytes(Class cls) const { return queue_.bytes(cls); }
  [[nodiscard]] bool touched() { return dealer_.touched() || monitor_->events().touched(); }

  /// Something can be done: an answer or an event is there, or what waits can go on. Reads the sockets'
  /// events.
  [[nodiscard]] bool ready();

  /// How long ZeroMQ goes on sending what is in the DEALER after this object is gone. Tries once more to put
  /// in what waits.
  void linger(std::chrono::milliseconds time);

 private:
  Link(Poller& poller, Tally& tally, Socket dealer)
      : poller_(poller), tally_(tally), dealer_(std::move(dealer)) {}
  [[nodiscard]] Outcome hand_over(zmq::message_t& message);

  Poller& poller_;
  Tally& tally_;
  Socket dealer_;
  std::optional<Monitor> monitor_;  // empty only while `open` runs
  SendQueue queue_;
};

}  // namespace evmesh::transport
