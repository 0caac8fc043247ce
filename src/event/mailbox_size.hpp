#pragma once

#include <cstdint>

#include <evmesh/mailbox/events.hpp>

namespace evmesh::event {

/// No encoding of `event` has more bytes than this. Cheaper than encoding it, and generous: a text counts as
/// if every byte had to be escaped.
[[nodiscard]] std::uint64_t mailbox_bytes_max(const mailbox::MailboxEvent& event);

}  // namespace evmesh::event
