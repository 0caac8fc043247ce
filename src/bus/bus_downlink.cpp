#include "bus/bus_downlink.hpp"

#include <utility>

#include "wire/event_codec.hpp"

namespace evmesh::bus {

namespace {

constexpr std::chrono::milliseconds patience{100};

Result<delivery::InboundEvent::Decoded> decode(std::string_view bytes) {
  auto event = wire::decode_event(bytes);
  if (!event)
    return fail(ErrorCode::undecodable,
                "event cannot be read: " + std::string(wire::to_string(event.error())));
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
  for (const Bus::Audience& member : bus_->audience())
    out.push_back({member.listener, member.version, std::nullopt});
}

void BusDownlink::deliver(routing::ListenerHandle listener,
                          const std::shared_ptr<const routing::Arrived>& event, std::optional<std::size_t>) {
  if (last_arrived_.lock() != event) {
    last_arrived_ = event;
    last_event_ = std::make_shared<delivery::InboundEvent>(event->origin, event->keys, event->frame.owner,
                                                           event->bytes, decode);
  }
  bus_->offer(listener, last_event_);
}

bool BusDownlink::crowded() const {
  const bool before = std::exchange(crowded_before_, bus_->crowding().any());
  if (!crowded_before_) return false;
  const std::uint64_t taken = std::exchange(taken_, bus_->crowding().taken());
  if (!before || taken != taken_) taken_at_ = clock_.now();
  // Who has not taken anything for so long is stuck, and nobody waits for him.
  return clock_.now() < taken_at_ + patience;
}

void BusDownlink::deliver_gap(routing::ListenerHandle listener, const Gap& gap) {
  bus_->offer_gap(listener, gap);
}

}  // namespace evmesh::bus
