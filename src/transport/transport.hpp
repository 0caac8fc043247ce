#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

#include "base/limits.hpp"
#include "membership/membership.hpp"
#include "wire/frames.hpp"

namespace evmesh::transport {

using membership::ConnectionId;
using membership::LinkEvent;
using membership::LinkId;
using wire::Class;

struct Options {
  std::string listen;  ///< tcp://ADDRESS:PORT of the work socket; the notification socket takes PORT + 1, or
                       ///< a free one when PORT is 0 or *
  std::string
      advertise;  ///< tcp://HOST:PORT that peers dial instead, PORT 0 for the bound one; empty: as `listen`
  wire::Life self;
  std::uint64_t event_size_bytes_max =
      limits::event_size_bytes_default;  ///< longer frames than this and 66 KiB cut the connection
  void* zmq_context = nullptr;  ///< the host's, which outlives the transport; null: that of the process
};

/// Takes what arrives. Called by `Transport::receive` only, and may call the transport back, `hang_up` and
/// `close` included.
class Handler {
 public:
  virtual ~Handler() = default;

  /// A frame on a connection somebody opened to us. Whoever is there has proven nothing yet: not even that it
  /// is a node.
  virtual void on_router(const ConnectionId& from, wire::Buffer frame) = 0;

  /// A frame that came back on a link we opened.
  virtual void on_answer(LinkId link, wire::Buffer frame) = 0;

  /// Something a peer published: begins with `data_topic`, or with our own barrier topic.
  virtual void on_published(wire::Buffer frame) = 0;

  /// A follower's subscriptions to our publisher are in force (again), or are no longer. `topic` is a barrier
  /// topic
  /// (`parse_barrier_topic` tells the life), valid during the call.
  virtual void on_subscription(std::string_view topic, bool active) = 0;

  /// `connected` when both ends have shaken hands. `refused` comes once until the link was connected again.
  /// Hints only.
  virtual void on_link(LinkId link, LinkEvent event) = 0;

  /// Some of what waited on this link has gone: look at `queued_bytes` and send on.
  virtual void on_writable(LinkId link) = 0;

  /// The host terminated its ZeroMQ context. Called once; all sockets are closed, all calls do nothing from
  /// now on.
  virtual void on_failed(const Error& error) = 0;
};

/// All sockets of a node: a ROUTER that peers' links arrive at, an XPUB for our notifications, a SUB for
/// everybody else's, a DEALER per link. Nothing here waits or throws, and no frame is looked into.
/// Thread-bound: one thread at a time, with a lock around that moves between threads (the engine's).
///
/// A loop around it looks like this; without `ready` frames stall, because a ZeroMQ descriptor tells each
/// piece of news once and every call may swallow one:
///
///   do { transport.receive(handler); ...; } while (transport.ready());
///   wait until wait_fd() is readable
class Transport {
 public:
  /// Binds both sockets. Errors: invalid_argument (`read_addresses`), cannot_bind naming the endpoint and the
  /// cure, busy (out of descriptors), node_failed.
  [[nodiscard]] static Result<std::unique_ptr<Transport>> open(const Options& options);

  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();

  /// What is bound, with the real ports. Stays the same after `close`.
  [[nodiscard]] const std::string& work_endpoint() const;
  [[nodiscard]] const std::string& publish_endpoint() const;
  /// What peers are to be told: the same with the advertised host and port.
  [[nodiscard]] const std::string& advertised_work_endpoint() const;
  [[nodiscard]] const std::string& advertised_publish_endpoint() const;

  /// Begins to connect `link` to `endpoint`; goes on trying until `hang_up`. Errors: invalid_argument (the
  /// endpoint cannot be dialled, the link is open), busy (out of descriptors), closed.
  [[nodiscard]] Result<void> dial(LinkId link, std::string_view endpoint);

  /// Closes the link and drops what waits on it; what is in its DEALER may still arrive. Nothing of this link
  /// is told any more. Nothing happens when it is not open.
  void hang_up(LinkId link);

  /// Follows a peer's publisher until as many `unfollow`s of the same endpoint. Errors: invalid_argument,
  /// busy, closed.
  [[nodiscard]] Result<void> follow(std::string_view publish_endpoint);
  void unfollow(std::string_view publish_endpoint);

  /// The epoch for links dialled from now on, and of our barrier. Open links keep theirs.
  void set_epoch(std::uint64_t epoch);

  /// Sends on `link`, a more urgent class first, within a class in order; what the DEALER does not take
  /// waits. False: dropped and counted, because that class of the link holds `queue_bytes_max`
  /// (send_queue.hpp), or the link is not open.
  bool send(LinkId link, Class cls, std::string frame);
  /// The same bytes can go to many links without a copy each. They must never change again.
  bool send(LinkId link, Class cls, const wire::Buffer& frame);

  /// How much of this class waits in front of the link's DEALER, which itself holds at most 8 frames.
  [[nodiscard]] std::size_t queued_bytes(LinkId link, Class cls) const;

  /// Answers on the connection a frame came from. False: dropped and counted, because it is gone or does not
  /// read.
  bool answer(const ConnectionId& connection, std::string frame);

  /// To all followers; ZeroMQ drops it for those that are 128 frames behind. `frame` begins with `data_topic`
  /// to reach anybody.
  bool publish(std::string frame);
  bool publish(const wire::Buffer& frame);

  /// Hands `handler` what has arrived, at most `messages_max` per socket, and sends on what waits. True:
  /// there may be more.
  bool receive(Handler& handler, std::size_t messages_max = limits::socket_messages_per_turn);

  /// Readable when there is news, for an epoll of the caller's own; -1 never. Belongs to the transport.
  [[nodiscard]] int wait_fd() const;

  /// Ask before waiting on `wait_fd`: true when `receive` has something to do already.
  [[nodiscard]] bool ready();

  /// Closes all sockets. What is in them already goes on being sent for `linger` at most (so that a goodbye
  /// is heard), in the background; what still waits in front of them is dropped after one more try. Both
  /// ports are free again on return. From a handler it takes effect when the handler returns. Idempotent; the
  /// destructor does it with no linger.
  void close(std::chrono::milliseconds linger = std::chrono::milliseconds{0});

  /// What happened so far, by name (tally.hpp).
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;

 private:
  class Impl;
  explicit Transport(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::transport
