#pragma once

#include <cstdint>
#include <optional>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/result.hpp>

namespace evmesh::bus {

/// What the limits on events and batches count without encoding anything: headers, and the payload or what
/// the body says it takes at most. Empty: the body does not say, or it threw.
[[nodiscard]] std::optional<std::uint64_t> known_bytes_max(const Event& event);

/// `event` with its body encoded as payload, in `preferred` where it can be; an event without a body as it
/// is. The bytes are what other nodes get. Errors: invalid_argument (the body threw), event_too_large.
[[nodiscard]] Result<Event> with_payload(const Event& event, PayloadFormat preferred,
                                         std::uint64_t size_bytes_max);

/// The same without a copy: `event` itself where it has no body, else what is put into `made`, which must stay.
[[nodiscard]] Result<const Event*> with_payload(const Event& event, PayloadFormat preferred, std::uint64_t size_bytes_max,
                                                std::optional<Event>& made);

/// Whether nothing happened. Errors: invalid_argument (the body threw).
[[nodiscard]] Result<bool> noop_of(const Event& event);

}  // namespace evmesh::bus
