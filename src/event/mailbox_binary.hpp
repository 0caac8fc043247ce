#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/mailbox/events.hpp>
#include <evmesh/result.hpp>

namespace evmesh::event {

/// First byte of every binary payload.
inline constexpr std::uint8_t binary_version = 1;

/// Appends format version, type number (position in `mailbox_type_names` + 1) and the members as cereal's
/// portable binary.
void append_mailbox_binary(std::string& out, const mailbox::MailboxEvent& event);

/// Takes bytes from anywhere: allocates at most 8 bytes per byte and 64 KiB. `undecodable` saying what is
/// wrong; a newer format or an unknown type number is named.
[[nodiscard]] Result<mailbox::MailboxEvent> decode_mailbox_binary(std::string_view bytes);

}  // namespace evmesh::event
