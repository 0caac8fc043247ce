#include "bus/dispatch_rules.hpp"

#include <string>
#include <utility>

#include "base/limits.hpp"
#include "bus/outgoing_event.hpp"
#include "event/header_bytes.hpp"

namespace evmesh::bus {
namespace {

/// Bodies that are not encoded count nothing here.
Result<void> check_batch_bytes(std::span<const KeyedEvent> batch) {
  std::uint64_t bytes = 0;
  for (const KeyedEvent& keyed : batch) {
    bytes += keyed.event.payload().size() + event::header_bytes(keyed.event.headers());
  }
  // One event is no batch: its size is bounded by the event limit alone.
  if (batch.size() <= 1 || bytes <= limits::batch_bytes_max) return {};
  return fail(ErrorCode::batch_too_large, std::to_string(bytes) + " bytes in one batch; at most " +
                                              std::to_string(limits::batch_bytes_max) + " are possible");
}

}  // namespace

Result<void> DispatchRules::check(const Event& event, std::span<const RegistrationKey> keys) const {
  if (keys.size() > limits::dispatch_keys_max) {
    return fail(ErrorCode::too_many_keys, std::to_string(keys.size()) + " keys in one dispatch; at most " +
                                              std::to_string(limits::dispatch_keys_max) +
                                              " are possible, so dispatch to a coarser key");
  }
  return event.check(event_size_bytes_max_);
}

Result<void> DispatchRules::check(std::span<const KeyedEvent> batch) const {
  if (batch.size() > limits::batch_events_max) {
    return fail(ErrorCode::batch_too_large, std::to_string(batch.size()) + " events in one batch; at most " +
                                                std::to_string(limits::batch_events_max) + " are possible");
  }
  for (const KeyedEvent& keyed : batch) {
    if (auto checked = check(keyed.event, keyed.keys); !checked) return checked;
  }
  return check_batch_bytes(batch);
}

Result<const Event*> DispatchRules::measured(const Event& event, std::optional<Event>& made) const {
  const auto bytes = known_bytes_max(event);
  if (bytes && *bytes <= event_size_bytes_max_) return &event;
  return with_payload(event, payload_, event_size_bytes_max_, made);
}

Result<std::vector<KeyedEvent>> DispatchRules::measured(std::span<const KeyedEvent> events) const {
  std::vector<KeyedEvent> sent;
  sent.reserve(events.size());
  std::uint64_t bytes = 0;
  for (const KeyedEvent& keyed : events) {
    std::optional<Event> made;
    const auto event = measured(keyed.event, made);
    if (!event) return tl::unexpected(event.error());
    bytes += known_bytes_max(**event).value_or(0);
    sent.push_back({**event, keyed.keys});
  }
  if (events.size() <= 1 || bytes <= limits::batch_bytes_max) return sent;
  for (KeyedEvent& keyed : sent) {
    auto event = with_payload(keyed.event, payload_, event_size_bytes_max_);
    if (!event) return tl::unexpected(std::move(event.error()));
    keyed.event = std::move(*event);
  }
  if (auto checked = check_batch_bytes(sent); !checked) return tl::unexpected(std::move(checked.error()));
  return sent;
}

}  // namespace evmesh::bus
