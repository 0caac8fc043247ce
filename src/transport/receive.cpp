#include <utility>

#include "transport/impl.hpp"
#include "transport/message.hpp"

namespace evmesh::transport {

bool Transport::Impl::receive(Handler& handler, std::size_t messages_max) {
  if (inbox_ == nullptr) return false;
  receiving_ = true;
  poller_.collect();
  bool more = false;
  if (open()) more |= receive_from_peers(handler, messages_max);
  if (open()) more |= receive_subscriptions(handler, messages_max);
  if (open()) more |= receive_published(handler, messages_max);
  if (open()) more |= receive_links(handler, messages_max);
  receiving_ = false;
  end_turn(handler);
  return more && inbox_ != nullptr;
}

void Transport::Impl::end_turn(Handler& handler) {
  if (closing_) {
    close_now(*std::exchange(closing_, std::nullopt));
  } else if (failure_) {
    close_now(std::chrono::milliseconds{0});
    handler.on_failed(*failure_);
  }
}

zmq::message_t* Transport::Impl::frame_in(Message& message, std::size_t parts) {
  if (message.count != parts || message.parts[parts - 1].size() == 0) {
    ++tally_.frames_malformed;
    return nullptr;
  }
  zmq::message_t& frame = message.parts[parts - 1];
  ++tally_.frames_received;
  tally_.bytes_received += frame.size();
  return &frame;
}

bool Transport::Impl::receive_from_peers(Handler& handler, std::size_t messages_max) {
  if (!inbox_->socket().touched()) return false;
  for (std::size_t i = 0; i < messages_max; ++i) {
    if (!open() || !succeeded(inbox_->receive(incoming_))) return false;
    zmq::message_t* const frame = frame_in(incoming_, 2);
    if (frame == nullptr) continue;
    from_.assign(incoming_.parts[0].data<char>(), incoming_.parts[0].size());
    handler.on_router(from_, to_buffer(std::move(*frame)));
  }
  return true;
}

bool Transport::Impl::receive_published(Handler& handler, std::size_t messages_max) {
  if (!follower_->socket().touched()) return false;
  for (std::size_t i = 0; i < messages_max; ++i) {
    if (!open() || !succeeded(follower_->receive(incoming_))) return false;
    if (zmq::message_t* const frame = frame_in(incoming_, 1))
      handler.on_published(to_buffer(std::move(*frame)));
  }
  return true;
}

bool Transport::Impl::receive_subscriptions(Handler& handler, std::size_t messages_max) {
  if (!publisher_->socket().touched()) return false;
  for (std::size_t i = 0; i < messages_max; ++i) {
    if (!open() || !succeeded(publisher_->receive(incoming_))) return false;
    if (incoming_.count != 1) {
      ++tally_.frames_malformed;
      continue;
    }
    const std::string_view text(incoming_.parts[0].data<char>(), incoming_.parts[0].size());
    const std::optional<Subscription> news = subscriptions_.read(text, tally_);
    if (news) handler.on_subscription(news->topic, news->active);
  }
  return true;
}

bool Transport::Impl::receive_links(Handler& handler, std::size_t messages_max) {
  turn_links_.clear();  // a handler may dial and hang up
  for (const auto& [id, link] : links_) {
    if (link->touched()) turn_links_.push_back(id);
  }
  if (turn_links_.empty()) return false;

  bool more = false;
  const base::MonoTime now = clock_.now();
  for (const LinkId id : turn_links_) {
    receive_events(handler, id, now);
    more |= receive_answers(handler, id, messages_max);
    Link* const link = open() ? find(id) : nullptr;
    if (link != nullptr && link->flush()) handler.on_writable(id);
  }
  return more;
}

void Transport::Impl::receive_events(Handler& handler, LinkId id, base::MonoTime now) {
  while (Link* const link = open() ? find(id) : nullptr) {
    const std::optional<LinkEvent> event = link->next_event(now);
    if (!event) return;
    handler.on_link(id, *event);
  }
}

bool Transport::Impl::receive_answers(Handler& handler, LinkId id, std::size_t messages_max) {
  for (std::size_t i = 0; i < messages_max; ++i) {
    Link* const link = open() ? find(id) : nullptr;
    if (link == nullptr || !succeeded(link->receive(incoming_))) return false;
    if (zmq::message_t* const frame = frame_in(incoming_, 1))
      handler.on_answer(id, to_buffer(std::move(*frame)));
  }
  return true;
}

}  // namespace evmesh::transport
