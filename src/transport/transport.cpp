#include "transport/transport.hpp"

#include <utility>

#include "transport/context.hpp"
#include "transport/impl.hpp"
#include "transport/message.hpp"

namespace evmesh::transport {

Result<std::unique_ptr<Transport>> Transport::open(const Options& options) {
  const Result<Addresses> addresses = read_addresses(options.listen, options.advertise);
  if (!addresses) return tl::unexpected(addresses.error());

  const Result<void*> context = options.zmq_context != nullptr ? options.zmq_context : process_context();
  if (!context) return tl::unexpected(context.error());
  Result<Poller> poller = Poller::open();
  if (!poller) return tl::unexpected(poller.error());

  auto impl = std::make_unique<Impl>(options, *context, std::move(*poller));
  if (const Result<void> bound = impl->bind(*addresses); !bound) return tl::unexpected(bound.error());
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transport::~Transport() = default;

const std::string& Transport::work_endpoint() const { return impl_->work_endpoint; }
const std::string& Transport::publish_endpoint() const { return impl_->publish_endpoint; }
const std::string& Transport::advertised_work_endpoint() const { return impl_->advertised_work_endpoint; }
const std::string& Transport::advertised_publish_endpoint() const {
  return impl_->advertised_publish_endpoint;
}

Result<void> Transport::dial(LinkId link, std::string_view endpoint) { return impl_->dial(link, endpoint); }
void Transport::hang_up(LinkId link) { impl_->hang_up(link); }
Result<void> Transport::follow(std::string_view publish_endpoint) { return impl_->follow(publish_endpoint); }
void Transport::unfollow(std::string_view publish_endpoint) { impl_->unfollow(publish_endpoint); }
void Transport::set_epoch(std::uint64_t epoch) { impl_->set_epoch(epoch); }

bool Transport::send(LinkId link, Class cls, std::string frame) {
  return impl_->send(link, cls, to_message(std::move(frame)));
}
bool Transport::send(LinkId link, Class cls, const wire::Buffer& frame) {
  return impl_->send(link, cls, to_message(frame));
}
std::size_t Transport::queued_bytes(LinkId link, Class cls) const { return impl_->queued_bytes(link, cls); }

bool Transport::answer(const ConnectionId& connection, std::string frame) {
  return impl_->answer(connection, to_message(std::move(frame)));
}
bool Transport::publish(std::string frame) { return impl_->publish(to_message(std::move(frame))); }
bool Transport::publish(const wire::Buffer& frame) { return impl_->publish(to_message(frame)); }

bool Transport::receive(Handler& handler, std::size_t messages_max) {
  return impl_->receive(handler, messages_max);
}
int Transport::wait_fd() const { return impl_->wait_fd(); }
bool Transport::ready() { return impl_->ready(); }
void Transport::close(std::chrono::milliseconds linger) { impl_->close(linger); }
std::map<std::string, std::uint64_t> Transport::counters() const { return impl_->tally().by_name(); }

}  // namespace evmesh::transport
