#include "delivery/inbound_event.hpp"

#include <utility>

#include "event/header_bytes.hpp"

namespace evmesh::delivery {
namespace {

constexpr std::uint64_t event_overhead_bytes = 256;
constexpr std::uint64_t body_bytes = 512;

}  // namespace

std::uint64_t memory_bytes(const Event& event) {
  return event_overhead_bytes + event.payload().size() + (event.body() ? body_bytes : 0) +
         event::header_bytes(event.headers());
}

InboundEvent::InboundEvent(const Origin& origin, std::span<const std::string_view> keys,
                           std::shared_ptr<const void> owner, std::string_view bytes, Decode decode)
    : place_(origin),
      local_(false),
      key_texts_(keys),
      owner_(std::move(owner)),
      bytes_(bytes),
      size_bytes_(event_overhead_bytes + bytes.size()),
      decode_(decode) {}

InboundEvent::InboundEvent(const Origin& place, Event event, std::vector<RegistrationKey> keys)
    : place_(place), local_(true), size_bytes_(memory_bytes(event)) {
  decoded_.emplace(std::move(event), std::move(keys));
  local_key_texts_.reserve(decoded_->keys.size());
  for (const RegistrationKey& key : decoded_->keys) local_key_texts_.emplace_back(key.to_string());
  key_texts_ = local_key_texts_;
}

const InboundEvent::Decoded* InboundEvent::open(const Runner& runner) {
  if (!local_ && !opened_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(opening_);
    if (!opened_.load(std::memory_order_relaxed)) decode(runner);
  }
  return decoded_ ? &*decoded_ : nullptr;
}

/// Under opening_.
void InboundEvent::decode(const Runner& runner) {
  Result<Decoded> result = decode_(bytes_);
  if (result) {
    result->event = runner.completed(std::move(result->event));
    decoded_.emplace(std::move(*result));
  } else {
    runner.undecodable(place_, result.error());
  }
  opened_.store(true, std::memory_order_release);
}

}  // namespace evmesh::delivery
