#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/mailbox/events.hpp>
#include <evmesh/mailbox/required.hpp>
#include <evmesh/mailbox/values.hpp>
#include <evmesh/result.hpp>

/// The mailbox event family: from values to events, from events to values, and the JSON of the James event
/// bus. All functions are thread-safe and keep no reference to their arguments.
namespace evmesh::mailbox {

/// The name on the wire, which is James's: "MailboxUnSubscribedEvent", "MessageMoveEvent", "Added" and so on.
[[nodiscard]] std::string_view type_name(const MailboxEvent& event);

/// True for the twelve names above.
[[nodiscard]] bool is_mailbox_type(std::string_view type);

/// True when nothing happened; the rule stands at each type.
[[nodiscard]] bool noop(const MailboxEvent& event);

/// The keys James dispatches the event to: `MailboxId:ID`; for a move every mailbox the messages were added
/// to or removed from, sorted, once each; none for quota and content deletion. `invalid_argument` when an id
/// makes no key.
[[nodiscard]] Result<std::vector<RegistrationKey>> registration_keys(const MailboxEvent& event);

/// What an event carries beside the mailbox event itself.
struct Envelope {
  Timestamp time{};  ///< zero: now; a quota event gives its own
  Headers headers{};
};

/// The event to dispatch: a nil `event_id` becomes a fresh one, user names become lower case (ASCII). It is
/// encoded only when somebody outside this process needs it. Text that is no UTF-8 is refused later, by
/// `Event::check`.
[[nodiscard]] Event make_event(MailboxEvent event, Envelope envelope = {});

/// The mailbox event in `event`: the one it was made from, or its payload decoded. `undecodable` naming what
/// is wrong, or the type when it is not of this family.
[[nodiscard]] Result<MailboxEvent> from_event(const Event& event);

/// The mailbox event that `event` was made from in this process, without copying it; null when there is only
/// a payload. Lives as long as any copy of `event`.
[[nodiscard]] const MailboxEvent* peek(const Event& event);

/// One James object, `{"Added":{...}}`, or an array of them. An object of an unknown type becomes an event of
/// that type with the object as its JSON payload; unknown members are kept. The other leniencies are those of
/// James. `undecodable` names the member, or the byte where the text is no JSON (nested deeper than 32, a
/// member named twice).
[[nodiscard]] Result<std::vector<Event>> decode_json(std::string_view text);

/// The James object of a mailbox event, or the payload of any other event that has a JSON payload, as it is.
/// `not_supported` for other payloads; `undecodable` when the payload is not what the type says;
/// `invalid_argument` when a text in it is no UTF-8.
[[nodiscard]] Result<std::string> encode_json(const Event& event);

}  // namespace evmesh::mailbox
