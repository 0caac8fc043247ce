#pragma once

#include <string>

#include <evmesh/event.hpp>

namespace evmesh {

/// Payload bytes with their format.
using EncodedPayload = EventBody::Encoded;

/// The payload of `event` in `preferred` where it can be had in that form, otherwise as it is: the same call
/// serves an event of this process, which may have a body, and one of another node, which has bytes only. A
/// body is encoded; a mailbox event received in one format is rewritten in the other; raw bytes and unknown
/// types pass through untouched, whatever is asked for. Errors: `undecodable` when the bytes claim a known
/// type and do not hold it, `invalid_argument` when a body throws. Thread-safe.
[[nodiscard]] Result<EncodedPayload> payload_as(const Event& event, PayloadFormat preferred);

}  // namespace evmesh
