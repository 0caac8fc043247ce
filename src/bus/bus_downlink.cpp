#include "bus/bus_downlink.hpp"

#include <utility>

#include "wire/event_codec.hpp"

namespace evmesh::bus {

namespace {

Result<delivery::InboundEvent::Decoded> decode(std::string_view bytes) {
  auto event = wire::decode_event(bytes);
  if (!event) return fail(ErrorCode::undecodable, "event cannot be read: " + std::string(wire::to_string(event.error())));
  return delivery::InboundEvent::Decoded{std::move(event->event), std::move(event->keys)};
}

}  // namespace

void BusDownlink::match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const {
  registry::Matches matches;
  bus_->match(keys, matches);
  for (const registry::Match& match : matches) {
    const bool by_key = match.key != registry::no_key;
    out.push_back({match.listener, match.version, by_key ? std::optional(match.key) : std::nullopt});
  }
}

void BusDownlink::everyone(std::vector<routing::Match>& out) const {
  for (const Bus::Audience& member : bus_->audience()) out.push_back({member.listener, member.version, std::nullopt});
}

void BusDownlink::deliver(routing::ListenerHandle listener, const std::shared_ptr<const routing::Arrived>& event,
                          std::optional<std::size_t>) {
  if (last_arrived_.lock() != event) {
    last_arrived_ = event;
    last_event_ = std::make_shared<delivery::InboundEvent>(event->origin, event->keys, event->frame.owner, event->bytes, decode);
  }
  bus_->offer(listener, last_event_);
}

void BusDownlink::deliver_gap(routing::ListenerHandle listener, const Gap& gap) { bus_->offer_gap(listener, gap); }

}  // namespace evmesh::bus
