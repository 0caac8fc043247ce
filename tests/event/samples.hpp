#pragma once

#include <string>
#include <vector>

#include <evmesh/mailbox.hpp>

namespace evmesh::test {

inline constexpr char sample_id[] = "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01";

inline EventId id() { return *EventId::parse(sample_id); }

inline mailbox::MailboxPath inbox() { return mailbox::MailboxPath::personal("alice", "INBOX"); }

inline mailbox::Instant instant(std::int64_t seconds, std::int64_t nanoseconds = 0) {
  return mailbox::Instant(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

inline mailbox::MessageMetaData message(mailbox::Uid uid) {
  return {.uid = uid,
          .mod_seq = 101,
          .flags = mailbox::Flags{.system = {mailbox::SystemFlag::recent}, .user = {"$Label1"}},
          .size = 2048,
          .internal_date = instant(1'709'285'400, 250'000'000),
          .message_id = "m-" + std::to_string(uid)};
}

inline mailbox::UpdatedFlags update(mailbox::Flags before, mailbox::Flags after) {
  return {.uid = 12, .mod_seq = 103, .old_flags = std::move(before), .new_flags = std::move(after)};
}

inline mailbox::MailboxAdded mailbox_added() {
  return {.user = "alice", .session_id = 7, .path = inbox(), .mailbox_id = "31", .event_id = id()};
}

inline mailbox::Added added(mailbox::Messages messages) {
  return {.user = "alice",
          .session_id = 7,
          .path = inbox(),
          .mailbox_id = "30",
          .added = std::move(messages),
          .event_id = id()};
}

inline mailbox::MessageMove move(std::vector<std::string> from, std::vector<std::string> to,
                                 std::vector<std::string> messages = {"m-11"}) {
  return {.user = "alice",
          .previous_mailbox_ids = std::move(from),
          .target_mailbox_ids = std::move(to),
          .message_ids = std::move(messages),
          .event_id = id()};
}

inline mailbox::QuotaUsageUpdated quota() {
  return {.user = "alice",
          .quota_root = "#private&alice",
          .count_quota =
              mailbox::QuotaUsage{.used = 12, .limit = 100, .limits = {{mailbox::QuotaScope::domain, 100}}},
          .size_quota = mailbox::QuotaUsage{.used = 1234},
          .time = instant(1'709'285'460),
          .event_id = id()};
}

inline mailbox::MessageContentDeletion content_deletion() {
  return {.user = "alice",
          .mailbox_id = "30",
          .message_id = "m-11",
          .size = 2048,
          .internal_date = instant(1'709'285'400),
          .has_attachments = true,
          .body_blob_id = "b-11",
          .event_id = id()};
}

/// An event as it arrives: bytes and no body.
inline Event received(const std::string& type, PayloadFormat format, std::string payload) {
  EventFields fields;
  fields.id = id();
  fields.type = type;
  fields.format = format;
  fields.payload = std::move(payload);
  return Event(std::move(fields));
}

}  // namespace evmesh::test
