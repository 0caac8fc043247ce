#include "bus/bus_downlink.hpp"

#include <array>
#include <memory_resource>
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

BusDownlink::Frame::Frame(std::shared_ptr<const routing::Arrivals> arrived)
    : arrivals(std::move(arrived)),
      events(std::make_unique<std::optional<delivery::InboundEvent>[]>(arrivals->events().size())) {
  for (std::size_t at = 0; at < arrivals->events().size(); ++at) {
    events[at].emplace(arrivals->origin(at), arrivals->keys(at), nullptr, arrivals->events()[at].bytes, decode);
  }
}

void BusDownlink::match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const {
  std::array<std::byte, 2048> memory;  // enough for a few dozen listeners without an allocation
  std::pmr::monotonic_buffer_resource arena(memory.data(), memory.size());
  registry::Matches matches(&arena);
  bus_->match(keys, matches);
  for (const registry::Match& match : matches) {
    const bool by_key = match.key != registry::no_key;
    out.push_back(
        {match.listener, match.version, by_key ? std::optional(match.key) : std::nullopt, match.holder});
  }
}

void BusDownlink::everyone(std::vector<routing::Match>& out) const {
  for (const Bus::Audience& member : bus_->audience())
    out.push_back({member.listener, member.version, std::nullopt, 0});
}

void BusDownlink::deliver(const routing::Deliver& events) {
  if (!last_frame_ || last_frame_->arrivals != events.arrivals) {
    last_frame_ = std::make_shared<Frame>(events.arrivals);
  }
  std::vector<Bus::Arrival> arrivals;
  arrivals.reserve(events.items.size());
  for (const routing::Deliver::Item& item : events.items) {
    arrivals.push_back({{last_frame_, &*last_frame_->events[item.event]}, item.registration, item.key});
  }
  bus_->offer(events.listener, arrivals);
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
