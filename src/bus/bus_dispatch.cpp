#include <algorithm>
#include <array>
#include <memory_resource>
#include <utility>

#include "bus/bus.hpp"
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

Result<void> Bus::check(const Event& event, std::span<const RegistrationKey> keys) const {
  if (keys.size() > limits::dispatch_keys_max) {
    return fail(ErrorCode::too_many_keys, std::to_string(keys.size()) + " keys in one dispatch; at most " +
                                              std::to_string(limits::dispatch_keys_max) +
                                              " are possible, so dispatch to a coarser key");
  }
  return event.check(settings_.event_size_bytes_max);
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

Result<Receipt> Bus::dispatch_now(const Event& event, std::span<const RegistrationKey> keys) {
  if (const auto checked = check(event, keys); !checked) {
    refused_.add();
    return tl::unexpected(checked.error());
  }
  if (event.noop()) {
    noops_.add();
    return Receipt{.event_id = event.id(), .noop = true};
  }
  // The mesh first: it is the only one that can still refuse, and a refused event reaches nobody.
  Result<Uplink::Published> published;
  if (settings_.uplink == nullptr) {
    published = publish({});
  } else {
    const std::array keyed{KeyedEvent{event, {keys.begin(), keys.end()}}};
    published = publish(keyed);
  }
  if (!published) {
    refused_.add();
    return tl::unexpected(published.error());
  }
  dispatched_.add();
  Receipt receipt{.event_id = event.id(), .seq = published->seq, .interested = published->interested};
  receipt.listeners = deliver_here(event, keys, published->seq);
  return receipt;
}

Result<void> Bus::check_batch(std::span<const KeyedEvent> batch) const {
  if (batch.size() > limits::batch_events_max) {
    return fail(ErrorCode::batch_too_large, std::to_string(batch.size()) + " events in one batch; at most " +
                                                std::to_string(limits::batch_events_max) + " are possible");
  }
  std::uint64_t bytes = 0;
  for (const KeyedEvent& keyed : batch) {
    if (auto checked = check(keyed.event, keyed.keys); !checked) return checked;
    bytes += keyed.event.payload().size();
    for (const auto& [name, value] : keyed.event.headers()) bytes += name.size() + value.size();
  }
  // One event is no batch: its size is bounded by the event limit alone.
  if (batch.size() <= 1 || bytes <= limits::batch_bytes_max) return {};
  return fail(ErrorCode::batch_too_large, std::to_string(bytes) + " bytes in one batch; at most " +
                                              std::to_string(limits::batch_bytes_max) + " are possible");
}

Result<Receipt> Bus::dispatch_now(std::span<const KeyedEvent> batch) {
  if (const auto checked = check_batch(batch); !checked) {
    refused_.add();
    return tl::unexpected(checked.error());
  }
  Receipt receipt{.noop = true};
  if (!batch.empty()) receipt.event_id = batch.front().event.id();
  std::vector<KeyedEvent> events;
  std::ranges::copy_if(batch, std::back_inserter(events),
                       [](const KeyedEvent& keyed) { return !keyed.event.noop(); });
  noops_.add(batch.size() - events.size());
  if (events.empty()) return receipt;

  const auto published = publish(events);
  if (!published) {
    refused_.add();
    return tl::unexpected(published.error());
  }
  dispatched_.add(events.size());
  receipt.noop = false;
  receipt.seq = published->seq;
  receipt.interested = published->interested;
  // The numbers of a batch follow each other.
  std::uint64_t seq = published->seq - (settings_.uplink != nullptr ? events.size() - 1 : 0);
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
