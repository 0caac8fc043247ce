#include <algorithm>
#include <array>
#include <memory_resource>
#include <utility>

#include "bus/bus.hpp"
#include "bus/outgoing_event.hpp"
#include "delivery/side_by_side.hpp"

namespace evmesh::bus {
namespace {

/// A disk that has not synced by then is broken; what was accepted is owed all the same.
constexpr std::chrono::seconds sync_wait{30};

}  // namespace

using delivery::Activity;
using delivery::InboundEvent;

Result<Receipt> Bus::dispatch(const Event& event, std::span<const RegistrationKey> keys) {
  if (closed_) return tl::unexpected(closed_error());
  const Activity::Use use(activity_);
  // Asked again: what begins to count after the bus was closed would not be waited for.
  if (closed_) return tl::unexpected(closed_error());
  return wait_for_level(dispatch_now(event, keys));
}

Result<Receipt> Bus::dispatch(std::span<const KeyedEvent> batch) {
  if (closed_) return tl::unexpected(closed_error());
  const Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  return wait_for_level(dispatch_now(batch));
}

/// What the groups are owed is where the node promised it to be when this returns.
Result<Receipt> Bus::wait_for_level(Result<Done> done) {
  if (!done) return tl::unexpected(std::move(done.error()));
  if (done->end == 0 || settings_.level == Level::memory) return done->receipt;
  return answer_of(done->receipt, services_.work.wait_safe(done->end, sync_wait));
}

/// Who does not get the receipt can ask by the dispatch id.
Result<Receipt> Bus::answer_of(Receipt receipt, Result<work::Safety> safety) {
  if (safety) {
    receipt.copies = safety->copies;
    receipt.degraded = safety->degraded;
    return receipt;
  }
  safety.error().message = "dispatch " + receipt.dispatch.to_string() + ": " + safety.error().message;
  return tl::unexpected(std::move(safety.error()));
}

tl::unexpected<Error> Bus::refused(Error error) {
  refused_.add(error);
  return tl::unexpected(std::move(error));
}

Result<Uplink::Published> Bus::publish(std::span<const Uplink::Outgoing> events, std::span<std::uint32_t> each) {
  const unsigned depth = runner_.depth();
  if (depth > limits::nesting_depth_max) {
    return fail(ErrorCode::too_deep, "dispatch inside a listener inside a dispatch, more than " +
                                         std::to_string(limits::nesting_depth_max) +
                                         " deep; use dispatch_async to break the chain");
  }
  if (settings_.uplink == nullptr) return Uplink::Published{};
  return settings_.uplink->publish(events, depth > 0, each);
}

/// Whether nothing happened in `event`, so that it goes nowhere.
Result<bool> Bus::leave_out(const Event& event) {
  const auto noop = noop_of(event);
  if (!noop || !*noop) return noop;
  noops_.add();
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  return true;
}

Result<Bus::Done> Bus::dispatch_now(const Event& event, std::span<const RegistrationKey> keys) {
  if (const auto checked = rules_.check(event, keys); !checked) return refused(checked.error());
  const auto left_out = leave_out(event);
  if (!left_out) return refused(left_out.error());
  if (*left_out) return Done{Receipt{.event_id = event.id(), .noop = true}};
  if (undecoded(event)) return dispatch_now(services_.decoders->decoded(event), keys);
  // Whatever can refuse comes first: a refused event reaches nobody.
  const auto owing = owe(event, keys);
  if (!owing) return refused(owing.error());
  if (const auto fits = check_backlog({&*owing, 1}); !fits) return refused(fits.error());
  Result<Uplink::Published> published;
  if (settings_.uplink == nullptr) {
    published = publish({});
  } else {
    std::optional<Event> made;
    const auto sent = rules_.measured(event, made);
    if (!sent) return refused(sent.error());
    const Uplink::Outgoing outgoing{*sent, keys};
    published = publish({&outgoing, 1});
  }
  if (!published) return refused(published.error());
  auto done = deliver_here(event, keys, published->seq, *owing);
  if (!done) return refused(done.error());
  dispatched_.add();
  Receipt& receipt = done->receipt;
  receipt.event_id = event.id();
  receipt.seq = receipt.first_seq = published->seq;
  receipt.interested = published->interested;
  return done;
}

Result<Bus::Done> Bus::dispatch_now(std::span<const KeyedEvent> batch) {
  if (const auto checked = rules_.check(batch); !checked) return refused(checked.error());
  Done all{Receipt{.noop = true}};
  if (!batch.empty()) all.receipt.event_id = batch.front().event.id();
  std::vector<KeyedEvent> events;
  std::vector<Owing> owing;
  for (const KeyedEvent& keyed : batch) {
    const auto left_out = leave_out(keyed.event);
    if (!left_out) return refused(left_out.error());
    if (*left_out) continue;
    events.push_back(keyed);
    if (undecoded(keyed.event)) events.back().event = services_.decoders->decoded(keyed.event);
  }
  if (events.empty()) return all;
  for (const KeyedEvent& keyed : events) {
    auto each = owe(keyed.event, keyed.keys);
    if (!each) return refused(each.error());
    owing.push_back(std::move(*each));
  }
  if (const auto fits = check_backlog(owing); !fits) return refused(fits.error());

  Result<Uplink::Published> published;
  if (settings_.uplink == nullptr) {
    published = publish({});
  } else {
    const auto sent = rules_.measured(events);
    if (!sent) return refused(sent.error());
    std::vector<Uplink::Outgoing> outgoing;
    for (const KeyedEvent& keyed : *sent) outgoing.push_back({&keyed.event, keyed.keys});
    published = publish(outgoing);
  }
  if (!published) return refused(published.error());
  // The numbers of a batch follow each other.
  all.receipt.first_seq = published->seq - (settings_.uplink != nullptr ? events.size() - 1 : 0);
  for (std::size_t at = 0; at < events.size(); ++at) {
    const auto done = deliver_here(events[at].event, events[at].keys, all.receipt.first_seq + at, owing[at]);
    if (!done) return refused(done.error());
    all.end = std::max(all.end, done->end);
    all.receipt.listeners += done->receipt.listeners;
    all.receipt.groups += done->receipt.groups;
    if (done->receipt.groups > 0) all.receipt.dispatch = done->receipt.dispatch;
  }
  dispatched_.add(events.size());
  all.receipt.noop = false;
  all.receipt.seq = published->seq;
  all.receipt.interested = published->interested;
  return all;
}

bool Bus::queued(const delivery::Strand& strand) const {
  if (strand.serial() || settings_.delivery == DeliveryModel::asynchronous) return true;
  return settings_.delivery == DeliveryModel::mixed && strand.mode() == ExecutionMode::asynchronous;
}

/// Takes on what groups are owed, and runs or queues all that concerns this node.
Result<Bus::Done> Bus::deliver_here(const Event& event, std::span<const RegistrationKey> keys,
                                    std::uint64_t seq, const Owing& owing) {
  if (!listens_ && !owing.parcel) return Done{};
  std::array<std::byte, 2048> memory;  // enough for a few dozen listeners without an allocation
  std::pmr::monotonic_buffer_resource arena(memory.data(), memory.size());
  Calls calls(&arena);
  find_audience(keys, calls);
  Done done;
  done.receipt.listeners = static_cast<std::uint32_t>(calls.size());
  if (owing.parcel) {
    const auto accepted = accept(owing, calls);
    if (!accepted) return tl::unexpected(accepted.error());
    done.end = accepted->end;
    done.receipt.dispatch = accepted->id;
    done.receipt.groups = static_cast<std::uint32_t>(owing.groups->size());
  }
  queue_calls(event, keys, seq, calls);
  run_calls(event, keys, calls);
  return done;
}

/// Appends the key and each-node listeners of this node.
void Bus::find_audience(std::span<const RegistrationKey> keys, Calls& calls) const {
  if (!listens_) return;
  registry::Matches matches(calls.get_allocator());
  const std::shared_lock lock(mutex_);
  registry_.match_with_each_node(keys, matches);
  calls.reserve(matches.size() + groups_->size());
  for (const registry::Match& match : matches) {
    calls.push_back({places_.find(match.registration)->second,
                     nullptr,
                     match.key == registry::no_key ? nullptr : &keys[match.key],
                     {}});
  }
}

/// Takes those calls out that dispatch does not make itself.
void Bus::queue_calls(const Event& event, std::span<const RegistrationKey> keys, std::uint64_t seq,
                      Calls& calls) {
  std::shared_ptr<InboundEvent> inbound;  // one for all strands
  std::erase_if(calls, [&](const Call& call) {
    if (call.runner || !queued(*call.place->strand)) return false;
    if (!inbound) {
      const std::uint64_t number = settings_.uplink != nullptr ? seq : ++local_number_;
      inbound = std::make_shared<InboundEvent>(Origin{settings_.self, settings_.epoch, number}, event,
                                               std::vector(keys.begin(), keys.end()));
    }
    call.place->strand->offer({inbound});
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
  if (call.runner) {
    call.runner->run_claimed(call.job, event, depth > 1, depth);
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
