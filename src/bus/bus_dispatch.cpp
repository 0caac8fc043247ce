#include <algorithm>
#include <array>
#include <memory_resource>
#include <utility>

#include "bus/bus.hpp"
#include "bus/outgoing_event.hpp"
#include "delivery/side_by_side.hpp"

namespace evmesh::bus {

using delivery::Activity;
using delivery::InboundEvent;

Result<Receipt> Bus::dispatch(const Event& event, std::span<const RegistrationKey> keys) {
  if (closed_) return tl::unexpected(closed_error());
  const Activity::Use use(activity_);
  // Asked again: what begins to count after the bus was closed would not be waited for.
  if (closed_) return tl::unexpected(closed_error());
  return dispatch_now(event, keys);
}

Result<Receipt> Bus::dispatch(std::span<const KeyedEvent> batch) {
  if (closed_) return tl::unexpected(closed_error());
  const Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  return dispatch_now(batch);
}

tl::unexpected<Error> Bus::refused(Error error) {
  refused_.add(error);
  return tl::unexpected(std::move(error));
}

Result<Uplink::Published> Bus::publish(std::span<const KeyedEvent> events) {
  const unsigned depth = runner_.depth();
  if (depth > limits::nesting_depth_max) {
    return fail(ErrorCode::too_deep, "dispatch inside a listener inside a dispatch, more than " +
                                         std::to_string(limits::nesting_depth_max) +
                                         " deep; use dispatch_async to break the chain");
  }
  if (settings_.uplink == nullptr) return Uplink::Published{};
  return settings_.uplink->publish(events, depth > 0);
}

/// Whether nothing happened in `event`, so that it goes nowhere.
Result<bool> Bus::leave_out(const Event& event) {
  const auto noop = noop_of(event);
  if (!noop || !*noop) return noop;
  noops_.add();
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  return true;
}

Result<Receipt> Bus::dispatch_now(const Event& event, std::span<const RegistrationKey> keys) {
  if (const auto checked = rules_.check(event, keys); !checked) return refused(checked.error());
  const auto left_out = leave_out(event);
  if (!left_out) return refused(left_out.error());
  if (*left_out) return Receipt{.event_id = event.id(), .noop = true};
  // The mesh first: it is the only one that can still refuse, and a refused event reaches nobody.
  Result<Uplink::Published> published;
  if (settings_.uplink == nullptr) {
    published = publish({});
  } else {
    const auto sent = rules_.measured(event);
    if (!sent) return refused(sent.error());
    const std::array keyed{KeyedEvent{*sent, {keys.begin(), keys.end()}}};
    published = publish(keyed);
  }
  if (!published) return refused(published.error());
  dispatched_.add();
  Receipt receipt{.event_id = event.id(), .seq = published->seq, .first_seq = published->seq};
  receipt.interested = published->interested;
  receipt.listeners = deliver_here(event, keys, published->seq);
  return receipt;
}

Result<Receipt> Bus::dispatch_now(std::span<const KeyedEvent> batch) {
  if (const auto checked = rules_.check(batch); !checked) return refused(checked.error());
  Receipt receipt{.noop = true};
  if (!batch.empty()) receipt.event_id = batch.front().event.id();
  std::vector<KeyedEvent> events;
  for (const KeyedEvent& keyed : batch) {
    const auto left_out = leave_out(keyed.event);
    if (!left_out) return refused(left_out.error());
    if (!*left_out) events.push_back(keyed);
  }
  if (events.empty()) return receipt;

  Result<Uplink::Published> published;
  if (settings_.uplink == nullptr) {
    published = publish({});
  } else {
    const auto sent = rules_.measured(events);
    if (!sent) return refused(sent.error());
    published = publish(*sent);
  }
  if (!published) return refused(published.error());
  dispatched_.add(events.size());
  receipt.noop = false;
  receipt.seq = published->seq;
  // The numbers of a batch follow each other.
  receipt.first_seq = published->seq - (settings_.uplink != nullptr ? events.size() - 1 : 0);
  receipt.interested = published->interested;
  std::uint64_t seq = receipt.first_seq;
  for (const KeyedEvent& keyed : events) receipt.listeners += deliver_here(keyed.event, keyed.keys, seq++);
  return receipt;
}

bool Bus::queued(const delivery::Strand& strand) const {
  if (strand.serial() || settings_.delivery == DeliveryModel::asynchronous) return true;
  return settings_.delivery == DeliveryModel::mixed && strand.mode() == ExecutionMode::asynchronous;
}

std::uint32_t Bus::deliver_here(const Event& event, std::span<const RegistrationKey> keys,
                                std::uint64_t seq) {
  std::array<std::byte, 2048> memory;  // enough for a few dozen listeners without an allocation
  std::pmr::monotonic_buffer_resource arena(memory.data(), memory.size());
  Calls calls(&arena);
  const auto groups = find_audience(keys, calls);
  const auto listeners = static_cast<std::uint32_t>(calls.size());
  queue_calls(event, keys, seq, calls);
  for (const auto& work : *groups) {
    if (awaited(*work)) {
      calls.push_back({nullptr, work, nullptr});
    } else {
      work->queue(event, keys);
    }
  }
  run_calls(event, keys, calls);
  return listeners;
}

/// Appends the key and each-node listeners of this node, and returns the groups as they are now.
std::shared_ptr<const Bus::Groups> Bus::find_audience(std::span<const RegistrationKey> keys,
                                                      Calls& calls) const {
  registry::Matches matches(calls.get_allocator());
  const std::shared_lock lock(mutex_);
  registry_.match_with_each_node(keys, matches);
  calls.reserve(matches.size() + groups_->size());
  for (const registry::Match& match : matches) {
    calls.push_back({places_.find(match.registration)->second, nullptr,
                     match.key == registry::no_key ? nullptr : &keys[match.key]});
  }
  return groups_;
}

/// Takes those calls out that dispatch does not make itself.
void Bus::queue_calls(const Event& event, std::span<const RegistrationKey> keys, std::uint64_t seq,
                      Calls& calls) {
  std::shared_ptr<InboundEvent> inbound;  // one for all strands
  std::erase_if(calls, [&](const Call& call) {
    if (!queued(*call.place->strand)) return false;
    if (!inbound) {
      const std::uint64_t number = settings_.uplink != nullptr ? seq : ++local_number_;
      inbound = std::make_shared<InboundEvent>(Origin{settings_.self, settings_.epoch, number}, event,
                                               std::vector(keys.begin(), keys.end()));
    }
    call.place->strand->offer(inbound);
    return true;
  });
}

void Bus::run_calls(const Event& event, std::span<const RegistrationKey> keys, const Calls& calls) {
  const unsigned depth = runner_.depth() + 1;
  if (settings_.delivery == DeliveryModel::mixed && calls.size() > 1) {
    delivery::run_side_by_side(services_.pool, calls.size(), limits::mixed_parallel_max,
                               [&](std::size_t index) { run_call(event, keys, calls[index], depth); });
    return;
  }
  for (const Call& call : calls) run_call(event, keys, call, depth);
}

void Bus::run_call(const Event& event, std::span<const RegistrationKey> keys, const Call& call,
                   unsigned depth) {
  if (call.work) {
    call.work->run_now(event, keys, depth);
    return;
  }
  std::shared_ptr<delivery::Place> place = call.place;
  const RegistrationKey* key = call.key;
  if (!place->gate.enter()) {
    // Unregistered a moment ago; the listener may have another registration that matches.
    std::vector<std::string_view> texts;
    for (const RegistrationKey& each : keys) texts.emplace_back(each.to_string());
    const auto entered = place->strand->enter(texts);
    if (!entered) return;
    place = entered->place;
    key = entered->key ? &keys[*entered->key] : nullptr;
  }
  Delivery delivery{.event = event};
  delivery.key = key;
  static_cast<void>(runner_.run(place->strand->listener(), delivery, depth));
  place->gate.leave();
}

}  // namespace evmesh::bus
