#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <evmesh/mailbox/events.hpp>

#include "event/blank.hpp"

namespace evmesh::event {

/// The discriminators of James in the order of `MailboxEvent`; position + 1 is the type's number in the
/// binary form. New types go to the end.
inline constexpr std::array<std::string_view, 12> mailbox_type_names = {
    "MailboxAdded",
    "MailboxDeletion",
    "MailboxRenamed",
    "MailboxACLUpdated",
    "MailboxSubscribedEvent",
    "MailboxUnSubscribedEvent",
    "Added",
    "Expunged",
    "FlagsUpdated",
    "MessageMoveEvent",
    "QuotaUsageUpdatedEvent",
    "MessageContentDeletionEvent",
};
static_assert(mailbox_type_names.size() == std::variant_size_v<mailbox::MailboxEvent>);

/// Position of a discriminator; nothing for other types.
[[nodiscard]] std::optional<std::size_t> mailbox_type_index(std::string_view type);

/// An event of the type at `index` (below 12) with nothing in it yet.
[[nodiscard]] mailbox::MailboxEvent blank_mailbox_event(std::size_t index);

/// User names compare without case in James. ASCII letters only: other scripts have no one rule.
void lower_case_user(std::string& user);
inline void lower_case_user(mailbox::Required<std::string>& user) { lower_case_user(user.get()); }
inline void lower_case_user(std::optional<std::string>& user) {
  if (user) lower_case_user(*user);
}

}  // namespace evmesh::event
