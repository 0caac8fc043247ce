#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "transport/endpoint.hpp"
#include "transport/follower.hpp"
#include "transport/inbox.hpp"
#include "transport/link.hpp"
#include "transport/poller.hpp"
#include "transport/publisher.hpp"
#include "transport/tally.hpp"
#include "transport/transport.hpp"

namespace evmesh::transport {

class Transport::Impl {
 public:
  Impl(const Options& options, void* context, Poller poller);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { close(std::chrono::milliseconds{0}); }

  [[nodiscard]] Result<void> bind(const Addresses& addresses);

  [[nodiscard]] Result<void> dial(LinkId id, std::string_view endpoint);
  void hang_up(LinkId id) { links_.erase(id); }
  [[nodiscard]] Result<void> follow(std::string_view endpoint);
  void unfollow(std::string_view endpoint);
  void set_epoch(std::uint64_t epoch);

  bool send(LinkId id, Class cls, zmq::message_t&& message);
  [[nodiscard]] std::size_t queued_bytes(LinkId id, Class cls) const;
  bool answer(const ConnectionId& connection, zmq::message_t&& message);
  bool publish(zmq::message_t&& message);

  bool receive(Handler& handler, std::size_t messages_max);
  [[nodiscard]] int wait_fd() const { return poller_.descriptor(); }
  [[nodiscard]] bool ready();
  void close(std::chrono::milliseconds linger);

  [[nodiscard]] const Tally& tally() const { return tally_; }

  std::string work_endpoint;
  std::string publish_endpoint;
  std::string advertised_work_endpoint;
  std::string advertised_publish_endpoint;

 private:
  [[nodiscard]] bool open() const { return inbox_ != nullptr && !closing_ && !failure_; }
  [[nodiscard]] Link* find(LinkId id);
  bool succeeded(Outcome outcome);
  void broke();
  void close_now(std::chrono::milliseconds linger);
  void release(Socket& bound, std::chrono::milliseconds linger);
  void end_turn(Handler& handler);

  // Each true when it stopped at `messages_max`.
  bool receive_from_peers(Handler& handler, std::size_t messages_max);
  bool receive_published(Handler& handler, std::size_t messages_max);
  bool receive_subscriptions(Handler& handler, std::size_t messages_max);
  bool receive_links(Handler& handler, std::size_t messages_max);
  bool receive_answers(Handler& handler, LinkId id, std::size_t messages_max);
  void receive_events(Handler& handler, LinkId id, base::MonoTime now);
  /// Counts the message; empty when it has not `parts` parts or says nothing, otherwise its last part.
  [[nodiscard]] zmq::message_t* frame_in(Message& message, std::size_t parts);

  base::SystemClock clock_;
  void* context_;
  wire::Life self_;
  std::uint64_t event_size_bytes_max_;

  // The sockets go before what they refer to.
  Tally tally_;
  Poller poller_;
  std::unique_ptr<Inbox> inbox_;  // null: closed
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Follower> follower_;
  std::map<LinkId, std::unique_ptr<Link>> links_;

  Subscriptions subscriptions_;

  bool receiving_ = false;                            // a handler may be running: sockets stay where they are
  std::optional<std::chrono::milliseconds> closing_;  // closed by a handler; done when the turn ends
  std::optional<Error> failure_;                      // to be told when the turn ends
  Message incoming_;
  ConnectionId from_;
  std::vector<LinkId> turn_links_;
};

}  // namespace evmesh::transport
