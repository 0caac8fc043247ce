#pragma once

#include <concepts>
#include <type_traits>

#include <evmesh/mailbox/events.hpp>
#include <evmesh/mailbox/values.hpp>

/// The members of every mailbox type, each named once: both codecs and the check walk this list. A visitor
/// has `member` (mandatory), `user` (mandatory or optional, a user name), `optional`, `nullable` (mandatory,
/// null for none) and `extras`, which comes last. The names are the JSON names of James; the order is that of
/// the binary form, which must never change within a format version.
namespace evmesh::event {

template <class Self, class Type>
concept Is = std::same_as<std::remove_const_t<Self>, Type>;

template <class Self, class... Types>
concept OneOf = (Is<Self, Types> || ...);

/// Everything that is written as an object with members: the whole list of what may stand on the wire beside
/// the scalars and containers that the codecs spell out.
template <class T>
concept Described =
    OneOf<T, mailbox::MailboxPath, mailbox::Flags, mailbox::MessageMetaData, mailbox::UpdatedFlags,
          mailbox::MailboxAcl, mailbox::AclDiff, mailbox::QuotaUsage, mailbox::MailboxAdded,
          mailbox::MailboxDeletion, mailbox::MailboxRenamed, mailbox::MailboxACLUpdated,
          mailbox::MailboxSubscribed, mailbox::MailboxUnsubscribed, mailbox::Added, mailbox::Expunged,
          mailbox::FlagsUpdated, mailbox::MessageMove, mailbox::QuotaUsageUpdated,
          mailbox::MessageContentDeletion>;

template <class Visitor, Is<mailbox::MailboxPath> Self>
void describe(Visitor& visit, Self& self) {
  visit.optional("namespace", self.name_space);
  visit.user("user", self.user);
  visit.member("name", self.name);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::Flags> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("systemFlags", self.system);
  visit.member("userFlags", self.user);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MessageMetaData> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("uid", self.uid);
  visit.member("modSeq", self.mod_seq);
  visit.member("flags", self.flags);
  visit.member("size", self.size);
  visit.member("internalDate", self.internal_date);
  visit.optional("saveDate", self.save_date);
  visit.member("messageId", self.message_id);
  visit.optional("threadId", self.thread_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::UpdatedFlags> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("uid", self.uid);
  visit.optional("messageId", self.message_id);
  visit.member("modSeq", self.mod_seq);
  visit.member("oldFlags", self.old_flags);
  visit.member("newFlags", self.new_flags);
  visit.optional("internalDate", self.internal_date);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MailboxAcl> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("entries", self.entries);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::AclDiff> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("oldACL", self.old_acl);
  visit.member("newACL", self.new_acl);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::QuotaUsage> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("used", self.used);
  visit.nullable("limit", self.limit);
  visit.member("limits", self.limits);
  visit.extras(self.extras);
}

/// What all events of a session begin with.
template <class Visitor, class Self>
void describe_head(Visitor& visit, Self& self) {
  visit.member("eventId", self.event_id);
  visit.member("sessionId", self.session_id);
  visit.user("user", self.user);
}

template <class Visitor, class Self>
requires OneOf<Self, mailbox::MailboxAdded, mailbox::MailboxSubscribed, mailbox::MailboxUnsubscribed>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("mailboxPath", self.path);
  visit.member("mailboxId", self.mailbox_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MailboxDeletion> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("path", self.path);
  visit.optional("mailboxACL", self.acl);
  visit.member("quotaRoot", self.quota_root);
  visit.member("deletedMessageCount", self.deleted_message_count);
  visit.member("totalDeletedSize", self.total_deleted_size);
  visit.member("mailboxId", self.mailbox_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MailboxRenamed> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("path", self.path);
  visit.member("mailboxId", self.mailbox_id);
  visit.member("newPath", self.new_path);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MailboxACLUpdated> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("mailboxPath", self.path);
  visit.member("aclDiff", self.acl_diff);
  visit.member("mailboxId", self.mailbox_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::Added> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("path", self.path);
  visit.member("mailboxId", self.mailbox_id);
  visit.member("added", self.added);
  visit.optional("isDelivery", self.is_delivery);
  visit.optional("isAppended", self.is_appended);
  visit.optional("movedFromMailboxId", self.moved_from_mailbox_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::Expunged> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("path", self.path);
  visit.member("mailboxId", self.mailbox_id);
  visit.member("expunged", self.expunged);
  visit.optional("movedToMailboxId", self.moved_to_mailbox_id);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::FlagsUpdated> Self>
void describe(Visitor& visit, Self& self) {
  describe_head(visit, self);
  visit.member("path", self.path);
  visit.member("mailboxId", self.mailbox_id);
  visit.member("updatedFlags", self.updated_flags);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::MessageMove> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("eventId", self.event_id);
  visit.user("user", self.user);
  visit.member("previousMailboxIds", self.previous_mailbox_ids);
  visit.member("targetMailboxIds", self.target_mailbox_ids);
  visit.member("messageIds", self.message_ids);
  visit.extras(self.extras);
}

template <class Visitor, Is<mailbox::QuotaUsageUpdated> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("eventId", self.event_id);
  visit.user("user", self.user);
  visit.member("quotaRoot", self.quota_root);
  visit.member("countQuota", self.count_quota);
  visit.member("sizeQuota", self.size_quota);
  visit.member("time", self.time);
  visit.extras(self.extras);
}

/// The one event whose user stands under "username".
template <class Visitor, Is<mailbox::MessageContentDeletion> Self>
void describe(Visitor& visit, Self& self) {
  visit.member("eventId", self.event_id);
  visit.user("username", self.user);
  visit.member("mailboxId", self.mailbox_id);
  visit.optional("mailboxACL", self.acl);
  visit.member("messageId", self.message_id);
  visit.member("size", self.size);
  visit.member("internalDate", self.internal_date);
  visit.optional("flags", self.flags);
  visit.member("hasAttachments", self.has_attachments);
  visit.optional("headerBlobId", self.header_blob_id);
  visit.optional("headerContent", self.header_content);
  visit.member("bodyBlobId", self.body_blob_id);
  visit.optional("mailboxPath", self.mailbox_path);
  visit.extras(self.extras);
}

}  // namespace evmesh::event
