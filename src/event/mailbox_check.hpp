#pragma once

#include <evmesh/mailbox/events.hpp>
#include <evmesh/result.hpp>

namespace evmesh::event {

/// What the types of a mailbox event cannot promise: texts are UTF-8, access lists hold names and RFC 4314
/// rights, extras are JSON members of other names than ours. What passes can be encoded in both formats and
/// decoded again. `invalid_argument` naming the type and the member.
[[nodiscard]] Result<void> check_mailbox_event(const mailbox::MailboxEvent& event);

}  // namespace evmesh::event
