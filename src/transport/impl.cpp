#include "transport/impl.hpp"

#include <utility>

#include "transport/names.hpp"
#include "transport/unbind.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

/// Far above what it takes (under a millisecond).
constexpr std::chrono::milliseconds unbind_patience{250};

tl::unexpected<Error> closed_error() { return fail(ErrorCode::closed, "the transport is closed"); }

}  // namespace

Transport::Impl::Impl(const Options& options, void* context, Poller poller)
    : context_(context),
      self_(options.self),
      event_size_bytes_max_(options.event_size_bytes_max),
      poller_(std::move(poller)) {}

Result<void> Transport::Impl::bind(const Addresses& addresses) {
  const Endpoint& listen = addresses.listen;
  Result<std::unique_ptr<Inbox>> inbox =
      Inbox::open(context_, poller_, tally_, listen, event_size_bytes_max_);
  if (!inbox) return tl::unexpected(inbox.error());

  Endpoint beside = listen;
  if (beside.port != 0) ++beside.port;
  Result<std::unique_ptr<Publisher>> publisher =
      Publisher::open(context_, poller_, beside, event_size_bytes_max_);
  if (!publisher) return tl::unexpected(publisher.error());
  Result<std::unique_ptr<Follower>> follower =
      Follower::open(context_, poller_, self_, event_size_bytes_max_);
  if (!follower) return tl::unexpected(follower.error());

  inbox_ = std::move(*inbox);
  publisher_ = std::move(*publisher);
  follower_ = std::move(*follower);
  const auto with_port = [](const std::string& host, std::uint16_t port) {
    return Endpoint{host, port}.to_string();
  };
  const std::uint16_t advertised = addresses.advertise.port;
  work_endpoint = with_port(listen.host, inbox_->port());
  publish_endpoint = with_port(listen.host, publisher_->port());
  const std::string& host = addresses.advertise.host;
  advertised_work_endpoint = with_port(host, advertised != 0 ? advertised : inbox_->port());
  advertised_publish_endpoint =
      with_port(host, advertised != 0 ? static_cast<std::uint16_t>(advertised + 1) : publisher_->port());
  return {};
}

Link* Transport::Impl::find(LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second.get();
}

Result<void> Transport::Impl::dial(LinkId id, std::string_view endpoint) {
  if (!open()) return closed_error();
  if (links_.contains(id)) {
    return fail(ErrorCode::invalid_argument, "link " + std::to_string(id) + " is open already");
  }
  const Result<Endpoint> where = parse_dial(endpoint);
  if (!where) return tl::unexpected(where.error());
  Result<std::unique_ptr<Link>> link =
      Link::open(context_, poller_, tally_, {routing_id(self_, id), *where, event_size_bytes_max_});
  if (!link) return tl::unexpected(link.error());
  links_.emplace(id, std::move(*link));
  return {};
}

Result<void> Transport::Impl::follow(std::string_view endpoint) {
  if (!open()) return closed_error();
  const Result<Endpoint> where = parse_dial(endpoint);
  if (!where) return tl::unexpected(where.error());
  return follower_->follow(*where);
}

void Transport::Impl::unfollow(std::string_view endpoint) {
  const Result<Endpoint> where = parse_dial(endpoint);
  if (open() && where) follower_->unfollow(*where);
}

void Transport::Impl::set_epoch(std::uint64_t epoch) {
  self_.epoch = epoch;
  if (open() && follower_->become(self_) != 0) broke();
}

bool Transport::Impl::send(LinkId id, Class cls, zmq::message_t&& message) {
  Link* const link = open() ? find(id) : nullptr;
  if (link == nullptr) {
    ++tally_.frames_dropped_no_link;
    return false;
  }
  const Sending sending = link->send(cls, std::move(message));
  if (sending == Sending::failed) broke();
  return sending == Sending::sent || sending == Sending::queued;
}

std::size_t Transport::Impl::queued_bytes(LinkId id, Class cls) const {
  const auto found = links_.find(id);
  return found == links_.end() ? 0 : found->second->queued_bytes(cls);
}

bool Transport::Impl::answer(const ConnectionId& connection, zmq::message_t&& message) {
  return open() && succeeded(inbox_->answer(connection, std::move(message)));
}

bool Transport::Impl::publish(zmq::message_t&& message) {
  if (!open()) return false;
  const std::size_t bytes = message.size();
  if (!succeeded(publisher_->publish(std::move(message)))) return false;
  ++tally_.frames_published;
  tally_.bytes_published += bytes;
  return true;
}

bool Transport::Impl::succeeded(Outcome outcome) {
  if (outcome == Outcome::failed) broke();
  return outcome == Outcome::done;
}

void Transport::Impl::broke() {
  if (!failure_) failure_ = socket_error("use the sockets of this node", zmq_errno());
}

bool Transport::Impl::ready() {
  if (inbox_ == nullptr) return false;
  if (failure_) return true;
  if (inbox_->socket().ready(ZMQ_POLLIN) || publisher_->socket().ready(ZMQ_POLLIN) ||
      follower_->socket().ready(ZMQ_POLLIN)) {
    return true;
  }
  for (const auto& [id, link] : links_) {
    if (link->ready()) return true;
  }
  return false;
}

void Transport::Impl::close(std::chrono::milliseconds linger) {
  if (inbox_ == nullptr || closing_) return;
  if (receiving_) {
    closing_ = linger;  // a handler's call: the sockets are in use
  } else {
    close_now(linger);
  }
}

void Transport::Impl::close_now(std::chrono::milliseconds linger) {
  for (const auto& [id, link] : links_) link->linger(linger);
  release(inbox_->socket(), linger);
  release(publisher_->socket(), linger);
  links_.clear();
  follower_.reset();
  publisher_.reset();
  inbox_.reset();
}

void Transport::Impl::release(Socket& bound, std::chrono::milliseconds linger) {
  if (failure_) return;
  [[maybe_unused]] const int error = bound.set(ZMQ_LINGER, static_cast<int>(linger.count()));
  unbind(context_, bound, unbind_patience);
}

}  // namespace evmesh::transport
