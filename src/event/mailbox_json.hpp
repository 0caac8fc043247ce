#pragma once

#include <string>
#include <string_view>

#include <evmesh/mailbox/events.hpp>
#include <evmesh/result.hpp>

#include "event/json_text.hpp"

namespace evmesh::event {

/// Appends `{"Added":{...}}`. Text that is no UTF-8 is written with U+FFFD; `check_mailbox_event` finds it
/// first.
void append_mailbox_json(std::string& out, const mailbox::MailboxEvent& event);

/// The inner object of a mailbox event whose type is at `type_index` (below 12), as `decode_json` of
/// mailbox.hpp reads it. The view's whole text must have passed `check_json`.
[[nodiscard]] Result<mailbox::MailboxEvent> decode_mailbox_members(std::size_t type_index, JsonView members);

/// One whole text, `{"Added":{...}}`, of a known type.
[[nodiscard]] Result<mailbox::MailboxEvent> decode_mailbox_json(std::string_view text);

}  // namespace evmesh::event
