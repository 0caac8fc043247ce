// Compiled by forgotten_member_test.sh, once as it stands and once per member with that member left out.
#include <evmesh/mailbox.hpp>

using namespace evmesh::mailbox;

#define MEMBER_user .user = "alice",
#define MEMBER_session_id .session_id = 7,
#define MEMBER_path .path = MailboxPath{PATH_name.user = "alice"},
#define MEMBER_mailbox_id .mailbox_id = "31",
#define MEMBER_added .added = Messages{},
#define PATH_name .name = "INBOX",

#ifdef FORGET_user
#undef MEMBER_user
#define MEMBER_user
#endif
#ifdef FORGET_session_id
#undef MEMBER_session_id
#define MEMBER_session_id
#endif
#ifdef FORGET_path
#undef MEMBER_path
#define MEMBER_path
#endif
#ifdef FORGET_path_name
#undef PATH_name
#define PATH_name
#endif
#ifdef FORGET_mailbox_id
#undef MEMBER_mailbox_id
#define MEMBER_mailbox_id
#endif
#ifdef FORGET_added
#undef MEMBER_added
#define MEMBER_added
#endif

evmesh::Event event() {
  return make_event(
      Added{MEMBER_user MEMBER_session_id MEMBER_path MEMBER_mailbox_id MEMBER_added.is_delivery = true});
}
