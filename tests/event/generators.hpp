#pragma once

#include <rapidcheck.h>

#include <evmesh/mailbox.hpp>

/// Any mailbox event that `check_mailbox_event` lets through, for property tests.
namespace evmesh::test {

[[nodiscard]] rc::Gen<mailbox::MailboxEvent> any_mailbox_event();

}  // namespace evmesh::test
