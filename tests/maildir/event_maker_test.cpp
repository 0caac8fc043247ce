#include "evmesh-maildir/event_maker.hpp"

#include <chrono>
#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::maildir;
using mailbox::SystemFlag;

namespace {

const MakeContext alice{.user = "alice", .uid_validity = 77};

UserState two_folders() {
  UserState state;
  apply_changes(
      state, {PutFolder{.id = "i1", .name = "INBOX", .identity = {}},
              PutFolder{.id = "w2", .name = "Work", .identity = {}},
              PutMessage{"i1", "m", MessageState{.uid = 5, .mod_seq = 9, .flags = {}, .file = {3, 12, {}}}}});
  return state;
}

std::set<std::string> keys_of(const KeyedEvent& event) {
  std::set<std::string> keys;
  for (const RegistrationKey& key : event.keys) keys.insert(key.to_string());
  return keys;
}

template <class T>
T body_of(const KeyedEvent& event) {
  return std::get<T>(*mailbox::from_event(event.event));
}

}  // namespace

TEST_CASE("new messages get the next uids and mod-seqs of their folder", "[maildir][make]") {
  const SeenMessage seen{.flags = {SystemFlag::recent},
                         .file = {1, 2048, mailbox::Instant{std::chrono::seconds{4}}}};

  const Made made = make(AddMessages{"i1", true, {{"n1", seen}, {"n2", seen}}}, two_folders(), alice);

  REQUIRE(made.events.size() == 1);
  const auto added = body_of<mailbox::Added>(made.events[0]);
  CHECK(added.is_delivery == true);
  CHECK(added.is_appended == false);
  CHECK(added.added->at(6).message_id == std::string("n1"));
  CHECK(added.added->at(7).mod_seq == std::uint64_t{11});
  CHECK(added.added->at(7).size == std::uint64_t{2048});
  CHECK(added.path->user == "alice");
  CHECK(keys_of(made.events[0]) ==
        std::set<std::string>{"MailboxId:i1", "MailboxPath:alice/INBOX", "User:alice"});
  CHECK(made.changes.size() == 2);
}

TEST_CASE("a move is three events that name both mailboxes", "[maildir][make]") {
  const Made made = make(MoveMessages{"i1", "w2", {{"m", {"m", SeenMessage{}}}}}, two_folders(), alice);

  REQUIRE(made.events.size() == 3);
  CHECK(body_of<mailbox::Added>(made.events[0]).moved_from_mailbox_id == "i1");
  CHECK(body_of<mailbox::Added>(made.events[0]).added->contains(1));
  CHECK(body_of<mailbox::Expunged>(made.events[1]).moved_to_mailbox_id == "w2");
  CHECK(body_of<mailbox::Expunged>(made.events[1]).expunged->contains(5));
  CHECK(body_of<mailbox::MessageMove>(made.events[2]).message_ids == std::vector<std::string>{"m"});
  CHECK(keys_of(made.events[2]) == std::set<std::string>{"MailboxId:i1", "MailboxId:w2",
                                                         "MailboxPath:alice/INBOX", "MailboxPath:alice/Work",
                                                         "User:alice"});
}

TEST_CASE("flags are told before and after", "[maildir][make]") {
  const Made made = make(ReflagMessages{"i1", {{"m", {SystemFlag::seen}}}}, two_folders(), alice);

  const auto updated = body_of<mailbox::FlagsUpdated>(made.events.at(0)).updated_flags->at(0);
  CHECK(updated.uid == std::uint64_t{5});
  CHECK(updated.mod_seq == std::uint64_t{10});
  CHECK(updated.old_flags->system == mailbox::SystemFlags{});
  CHECK(updated.new_flags->system == mailbox::SystemFlags{SystemFlag::seen});
}

TEST_CASE("a renamed folder is told under both paths", "[maildir][make]") {
  const Made made = make(RenameFolder{"w2", "Play", {}}, two_folders(), alice);

  const auto renamed = body_of<mailbox::MailboxRenamed>(made.events.at(0));
  CHECK(renamed.path->name == std::string("Work"));
  CHECK(renamed.new_path->name == std::string("Play"));
  CHECK(keys_of(made.events[0]) == std::set<std::string>{"MailboxId:w2", "MailboxPath:alice/Play",
                                                         "MailboxPath:alice/Work", "User:alice"});
}

TEST_CASE("a deleted folder is told with count, size and quota root", "[maildir][make]") {
  const Made made = make(DeleteFolder{"i1"}, two_folders(), alice);

  const auto deletion = body_of<mailbox::MailboxDeletion>(made.events.at(0));
  CHECK(deletion.quota_root == std::string("#private&alice"));
  CHECK(deletion.deleted_message_count == std::uint64_t{1});
  CHECK(deletion.total_deleted_size == std::uint64_t{12});
  CHECK(made.changes == std::vector<Change>{DropFolder{"i1"}});
}

TEST_CASE("a path too long for a key is left out and counted, the event is made all the same",
          "[maildir][make]") {
  const Made made = make(AddFolder{"f", std::string(250, 'x'), {}}, {}, alice);

  CHECK(keys_of(made.events.at(0)) == std::set<std::string>{"MailboxId:f", "User:alice"});
  CHECK(made.keys_left_out == 1);
}

TEST_CASE("an identity that changed is kept and not told", "[maildir][make]") {
  const Made made = make(KeepIdentity{"w2", {42, 43}}, two_folders(), alice);

  CHECK(made.events.empty());
  CHECK(std::get<PutFolder>(made.changes.at(0)).identity == FolderIdentity{42, 43});
}
