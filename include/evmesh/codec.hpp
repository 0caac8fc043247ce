#pragma once

#include <functional>
#include <map>
#include <memory>
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

/// Makes the object of an event from its payload (`Event::format` says how that is to be read). Called at most once
/// for an event that came over the mesh as a notification or is dispatched here as bytes, and once for each attempt of
/// group work that came from another node or was read back, on the thread that is about to call the listeners; at the
/// same time for different events, so it is thread-safe. The payload comes from anybody in the mesh: an error, an
/// exception or null is what `Event::undecodable` shows to the listeners.
using BodyDecoder = std::function<Result<std::shared_ptr<const EventBody>>(const Event& event)>;

/// By the type of the event.
using BodyDecoders = std::map<std::string, BodyDecoder>;

/// `event` with the object that `decoder` makes of its payload, as listeners of a node with that decoder get it. An
/// event that has a body stays as it is. Never throws: what the decoder throws, or null, is `Event::undecodable`, with
/// the code `undecodable`. Thread-safe as the decoder.
[[nodiscard]] Event decoded(const Event& event, const BodyDecoder& decoder);

}  // namespace evmesh
