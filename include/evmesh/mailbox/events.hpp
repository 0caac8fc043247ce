#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/mailbox/required.hpp>
#include <evmesh/mailbox/values.hpp>

/// The mailbox events of James, as values. What is `Required` must be given; the rest has a default:
///
///     mailbox::make_event(mailbox::MailboxAdded{
///         .user = "alice", .session_id = 7, .path = mailbox::MailboxPath::personal("alice", "INBOX"),
///         .mailbox_id = "31"})
///
/// In all of them `user` is who caused the event, `session_id` the session it was caused in, `event_id` nil
/// until `make_event` gives a fresh one, and equality compares every member.
namespace evmesh::mailbox {

/// A mailbox was created.
struct MailboxAdded {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxAdded&) const = default;
};

/// A mailbox was deleted, with all that was in it.
struct MailboxDeletion {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  Required<std::string> quota_root;  ///< for example #private&alice@example.org
  Required<std::uint64_t> deleted_message_count;
  Required<std::uint64_t> total_deleted_size;  ///< bytes
  std::optional<MailboxAcl> acl{};             ///< old events lack it, which means an empty one
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxDeletion&) const = default;
};

/// A mailbox got another path. A no-op when both are the same.
struct MailboxRenamed {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;  ///< the old one
  Required<std::string> mailbox_id;
  Required<MailboxPath> new_path;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxRenamed&) const = default;
};

/// The rights on a mailbox changed. A no-op when both lists are the same.
struct MailboxACLUpdated {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  Required<AclDiff> acl_diff;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxACLUpdated&) const = default;
};

/// A user subscribed to a mailbox.
struct MailboxSubscribed {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxSubscribed&) const = default;
};

/// A user ended the subscription to a mailbox.
struct MailboxUnsubscribed {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MailboxUnsubscribed&) const = default;
};

/// Messages came into a mailbox. A no-op when there are none.
struct Added {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  Required<Messages> added;
  std::optional<bool> is_delivery{};  ///< old events lack it, which means false
  std::optional<bool> is_appended{};  ///< old events lack it, which means true
  std::optional<std::string> moved_from_mailbox_id{};
  EventId event_id{};
  Extras extras{};

  [[nodiscard]] bool delivery() const { return is_delivery.value_or(false); }
  [[nodiscard]] bool appended() const { return is_appended.value_or(true); }

  bool operator==(const Added&) const = default;
};

/// Messages left a mailbox. A no-op when there are none.
struct Expunged {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  Required<Messages> expunged;
  std::optional<std::string> moved_to_mailbox_id{};
  EventId event_id{};
  Extras extras{};

  bool operator==(const Expunged&) const = default;
};

/// Flags of messages were stored. A no-op when the list is empty or no message's flags changed.
struct FlagsUpdated {
  Required<std::string> user;
  Required<std::int64_t> session_id;
  Required<MailboxPath> path;
  Required<std::string> mailbox_id;
  Required<std::vector<UpdatedFlags>> updated_flags;
  EventId event_id{};
  Extras extras{};

  bool operator==(const FlagsUpdated&) const = default;
};

/// Messages are in other mailboxes than before; concerns the account, not one mailbox. A no-op without
/// messages.
struct MessageMove {
  Required<std::string> user;
  Required<std::vector<std::string>> previous_mailbox_ids;
  Required<std::vector<std::string>> target_mailbox_ids;
  Required<std::vector<std::string>> message_ids;
  EventId event_id{};
  Extras extras{};

  bool operator==(const MessageMove&) const = default;
};

/// What is used of a quota root changed.
struct QuotaUsageUpdated {
  Required<std::string> user;
  Required<std::string> quota_root;
  Required<QuotaUsage> count_quota;  ///< messages
  Required<QuotaUsage> size_quota;   ///< bytes
  Required<Instant> time;
  EventId event_id{};
  Extras extras{};

  bool operator==(const QuotaUsageUpdated&) const = default;
};

/// The last reference to a message's content went away.
struct MessageContentDeletion {
  Required<std::string> user;
  Required<std::string> mailbox_id;
  Required<std::string> message_id;
  Required<std::uint64_t> size;  ///< bytes
  Required<Instant> internal_date;
  Required<bool> has_attachments;
  Required<std::string> body_blob_id;
  std::optional<MailboxAcl> acl{};  ///< absent means an empty one
  std::optional<Flags> flags{};     ///< absent means none
  std::optional<std::string> header_blob_id{};
  std::optional<std::string> header_content{};
  std::optional<std::string> mailbox_path{};  ///< flat text, for example #private:alice:INBOX
  EventId event_id{};
  Extras extras{};

  bool operator==(const MessageContentDeletion&) const = default;
};

/// Any event of the family.
using MailboxEvent = std::variant<MailboxAdded, MailboxDeletion, MailboxRenamed, MailboxACLUpdated,
                                  MailboxSubscribed, MailboxUnsubscribed, Added, Expunged, FlagsUpdated,
                                  MessageMove, QuotaUsageUpdated, MessageContentDeletion>;

}  // namespace evmesh::mailbox
