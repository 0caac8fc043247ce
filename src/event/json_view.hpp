#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/result.hpp>

namespace evmesh::event {

/// Any event as one line of JSON for people and tools: id, type, user, time, headers, and its content as
/// - "payload": JSON, for JSON payloads and mailbox events (the James object);
/// - "text": other payloads that are UTF-8;
/// - "data_base64": the rest.
/// A payload that is not what its type or format says is shown as text or data. Never fails; header bytes
/// that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json_view(const Event& event);

/// An event that a tool handed in, with the keys to dispatch it to.
struct PostedEvent {
  Event event;
  std::vector<RegistrationKey> keys;
};

/// Reads what tools post: one object or an array, each element either
/// - `{"type":T, "user":U, "id":UUID, "time":ISO, "keys":["Type:value"], "headers":{}, "payload":any |
/// "text":"" | "data_base64":""}`
///   of which only "type" is mandatory; what `to_json_view` writes is read back as an equal event; or
/// - a James object, `{"Added":{...}}`.
/// A mailbox event without "keys" gets those of `mailbox::registration_keys`. For a mailbox type "payload" is
/// the James object or what stands in it; an "id" or "user" beside it must agree with it. Every event has
/// passed `Event::check` with the highest size. `invalid_argument` or `undecodable`, naming the member and,
/// in an array, the event.
[[nodiscard]] Result<std::vector<PostedEvent>> from_json_view(std::string_view text);

}  // namespace evmesh::event
