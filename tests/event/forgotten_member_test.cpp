// In every type of the family, and in what they are made of, a mandatory member that is left out does not
// compile. What the compiler says of it is looked at by forgotten_member_test.sh.
#include <catch2/catch.hpp>

#include <evmesh/mailbox.hpp>

using namespace evmesh::mailbox;

namespace stand_in {

/// Stand for values; nothing here is ever run.
extern const MailboxPath path;
extern const AclDiff diff;
extern const QuotaUsage usage;
extern const Messages messages;
extern const std::vector<UpdatedFlags> updates;
extern const std::vector<std::string> names;
extern const Flags flags;
extern const Instant when;

}  // namespace stand_in

using namespace stand_in;

#define COMPILES(Type, ...) \
  ([]<class T>(const T*) { return requires { T{__VA_ARGS__}; }; }(static_cast<const Type*>(nullptr)))

#define NONE_MAY_LACK_1(T, A) CHECK((COMPILES(T, A) && !COMPILES(T, )))
#define NONE_MAY_LACK_2(T, A, B) CHECK((COMPILES(T, A, B) && !COMPILES(T, B) && !COMPILES(T, A)))
#define NONE_MAY_LACK_4(T, A, B, C, D)                                                \
  CHECK((COMPILES(T, A, B, C, D) && !COMPILES(T, B, C, D) && !COMPILES(T, A, C, D) && \
         !COMPILES(T, A, B, D) && !COMPILES(T, A, B, C)))
#define NONE_MAY_LACK_5(T, A, B, C, D, E)                                                      \
  CHECK((COMPILES(T, A, B, C, D, E) && !COMPILES(T, B, C, D, E) && !COMPILES(T, A, C, D, E) && \
         !COMPILES(T, A, B, D, E) && !COMPILES(T, A, B, C, E) && !COMPILES(T, A, B, C, D)))
#define NONE_MAY_LACK_6(T, A, B, C, D, E, F)                                                            \
  CHECK((COMPILES(T, A, B, C, D, E, F) && !COMPILES(T, B, C, D, E, F) && !COMPILES(T, A, C, D, E, F) && \
         !COMPILES(T, A, B, D, E, F) && !COMPILES(T, A, B, C, E, F) && !COMPILES(T, A, B, C, D, F) &&   \
         !COMPILES(T, A, B, C, D, E)))
#define NONE_MAY_LACK_7(T, A, B, C, D, E, F, G)                                \
  CHECK((COMPILES(T, A, B, C, D, E, F, G) && !COMPILES(T, B, C, D, E, F, G) && \
         !COMPILES(T, A, C, D, E, F, G) && !COMPILES(T, A, B, D, E, F, G) &&   \
         !COMPILES(T, A, B, C, E, F, G) && !COMPILES(T, A, B, C, D, F, G) &&   \
         !COMPILES(T, A, B, C, D, E, G) && !COMPILES(T, A, B, C, D, E, F)))

TEST_CASE("no event of a mailbox compiles without a mandatory member", "[mailbox][required]") {
  NONE_MAY_LACK_4(MailboxAdded, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31");
  NONE_MAY_LACK_7(MailboxDeletion, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31",
                  .quota_root = "q", .deleted_message_count = 1, .total_deleted_size = 2);
  NONE_MAY_LACK_5(MailboxRenamed, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31",
                  .new_path = path);
  NONE_MAY_LACK_5(MailboxACLUpdated, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31",
                  .acl_diff = diff);
  NONE_MAY_LACK_4(MailboxSubscribed, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31");
  NONE_MAY_LACK_4(MailboxUnsubscribed, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31");
}

TEST_CASE("no event of messages compiles without a mandatory member", "[mailbox][required]") {
  NONE_MAY_LACK_5(Added, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31", .added = messages);
  NONE_MAY_LACK_5(Expunged, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31",
                  .expunged = messages);
  NONE_MAY_LACK_5(FlagsUpdated, .user = "a", .session_id = 7, .path = path, .mailbox_id = "31",
                  .updated_flags = updates);
  NONE_MAY_LACK_4(MessageMove, .user = "a", .previous_mailbox_ids = names, .target_mailbox_ids = names,
                  .message_ids = names);
  NONE_MAY_LACK_7(MessageContentDeletion, .user = "a", .mailbox_id = "31", .message_id = "m", .size = 1,
                  .internal_date = when, .has_attachments = true, .body_blob_id = "b");
  NONE_MAY_LACK_5(QuotaUsageUpdated, .user = "a", .quota_root = "q", .count_quota = usage,
                  .size_quota = usage, .time = when);
}

TEST_CASE("no part of an event compiles without a mandatory member", "[mailbox][required]") {
  NONE_MAY_LACK_1(MailboxPath, .name = "INBOX");
  NONE_MAY_LACK_6(MessageMetaData, .uid = 1, .mod_seq = 1, .flags = flags, .size = 1, .internal_date = when,
                  .message_id = "m");
  NONE_MAY_LACK_4(UpdatedFlags, .uid = 1, .mod_seq = 1, .old_flags = flags, .new_flags = flags);
  NONE_MAY_LACK_2(AclDiff, .old_acl = AclEntries(), .new_acl = AclEntries());
  NONE_MAY_LACK_1(QuotaUsage, .used = 1);
}
