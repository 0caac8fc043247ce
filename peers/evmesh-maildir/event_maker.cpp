#include "evmesh-maildir/event_maker.hpp"

#include <set>
#include <string_view>
#include <utility>

namespace evmesh::maildir {
namespace {

using mailbox::MailboxPath;

// Nobody's session caused what a look at the disk finds.
constexpr std::int64_t no_session = 0;

mailbox::Flags flags_of(mailbox::SystemFlags system) { return mailbox::Flags{.system = system}; }

mailbox::MessageMetaData metadata(const std::string& base, const MessageState& message) {
  return {.uid = message.uid,
          .mod_seq = message.mod_seq,
          .flags = flags_of(message.flags),
          .size = message.file.size,
          .internal_date = message.file.modified,
          .message_id = base};
}

class Maker {
 public:
  Maker(const UserState& state, const MakeContext& context) : state_(state), context_(context) {}

  void operator()(const KeepIdentity& step) {
    PutFolder change = put(state_.folders.at(step.folder));
    change.identity = step.identity;
    made_.changes.emplace_back(std::move(change));
  }

  void operator()(const RenameFolder& step) {
    const FolderState& folder = state_.folders.at(step.folder);
    tell(mailbox::MailboxRenamed{.user = context_.user,
                                 .session_id = no_session,
                                 .path = path_of(folder.name),
                                 .mailbox_id = folder.id,
                                 .new_path = path_of(step.new_name)},
         {folder.id}, {folder.name, step.new_name});
    PutFolder change = put(folder);
    change.name = step.new_name;
    change.identity = step.identity;
    made_.changes.emplace_back(std::move(change));
  }

  void operator()(const AddFolder& step) {
    tell(mailbox::MailboxAdded{.user = context_.user,
                               .session_id = no_session,
                               .path = path_of(step.name),
                               .mailbox_id = step.folder},
         {step.folder}, {step.name});
    made_.changes.emplace_back(PutFolder{.id = step.folder,
                                         .name = step.name,
                                         .identity = step.identity,
                                         .uid_validity = context_.uid_validity});
  }

  void operator()(const AddMessages& step) {
    const FolderState& folder = state_.folders.at(step.folder);
    tell(mailbox::Added{.user = context_.user,
                        .session_id = no_session,
                        .path = path_of(folder.name),
                        .mailbox_id = folder.id,
                        .added = add_to(folder, step.messages),
                        .is_delivery = step.delivery,
                        .is_appended = !step.delivery},
         {folder.id}, {folder.name});
  }

  void operator()(const MoveMessages& step) {
    const FolderState& from = state_.folders.at(step.from);
    const FolderState& to = state_.folders.at(step.to);
    std::vector<NamedMessage> arrived;
    std::vector<std::string> left;
    std::vector<std::string> ids;
    for (const auto& [old_base, message] : step.messages) {
      left.push_back(old_base);
      arrived.push_back(message);
      ids.push_back(message.first);
    }
    tell(mailbox::Added{.user = context_.user,
                        .session_id = no_session,
                        .path = path_of(to.name),
                        .mailbox_id = to.id,
                        .added = add_to(to, arrived),
                        .is_delivery = false,
                        .is_appended = false,
                        .moved_from_mailbox_id = from.id},
         {to.id}, {to.name});
    tell(mailbox::Expunged{.user = context_.user,
                           .session_id = no_session,
                           .path = path_of(from.name),
                           .mailbox_id = from.id,
                           .expunged = take_from(from, left),
                           .moved_to_mailbox_id = to.id},
         {from.id}, {from.name});
    tell(mailbox::MessageMove{.user = context_.user,
                              .previous_mailbox_ids = std::vector{from.id},
                              .target_mailbox_ids = std::vector{to.id},
                              .message_ids = ids},
         {from.id, to.id}, {from.name, to.name});
  }

  void operator()(const ReflagMessages& step) {
    const FolderState& folder = state_.folders.at(step.folder);
    std::uint64_t mod_seq = folder.last_mod_seq;
    std::vector<mailbox::UpdatedFlags> updated;
    for (const auto& [base, flags] : step.messages) {
      MessageState message = folder.messages.at(base);
      updated.push_back({.uid = message.uid,
                         .mod_seq = ++mod_seq,
                         .old_flags = flags_of(message.flags),
                         .new_flags = flags_of(flags),
                         .message_id = base,
                         .internal_date = message.file.modified});
      message.mod_seq = mod_seq;
      message.flags = flags;
      made_.changes.emplace_back(PutMessage{folder.id, base, message});
    }
    tell(mailbox::FlagsUpdated{.user = context_.user,
                               .session_id = no_session,
                               .path = path_of(folder.name),
                               .mailbox_id = folder.id,
                               .updated_flags = std::move(updated)},
         {folder.id}, {folder.name});
  }

  void operator()(const ExpungeMessages& step) {
    const FolderState& folder = state_.folders.at(step.folder);
    tell(mailbox::Expunged{.user = context_.user,
                           .session_id = no_session,
                           .path = path_of(folder.name),
                           .mailbox_id = folder.id,
                           .expunged = take_from(folder, step.messages)},
         {folder.id}, {folder.name});
  }

  void operator()(const DeleteFolder& step) {
    const FolderState& folder = state_.folders.at(step.folder);
    std::uint64_t bytes = 0;
    for (const auto& [base, message] : folder.messages) bytes += message.file.size;
    tell(mailbox::MailboxDeletion{.user = context_.user,
                                  .session_id = no_session,
                                  .path = path_of(folder.name),
                                  .mailbox_id = folder.id,
                                  .quota_root = "#private&" + context_.user,
                                  .deleted_message_count = std::uint64_t{folder.messages.size()},
                                  .total_deleted_size = bytes},
         {folder.id}, {folder.name});
    made_.changes.emplace_back(DropFolder{folder.id});
  }

  Made made() { return std::move(made_); }

 private:
  MailboxPath path_of(const std::string& folder) const {
    return MailboxPath::personal(context_.user, folder);
  }

  /// `messages` as new ones of `folder`, with the next numbers.
  mailbox::Messages add_to(const FolderState& folder, const std::vector<NamedMessage>& messages) {
    std::vector<mailbox::MessageMetaData> added;
    MessageState message{.uid = folder.last_uid, .mod_seq = folder.last_mod_seq, .flags = {}, .file = {}};
    for (const auto& [base, seen] : messages) {
      ++message.uid;
      ++message.mod_seq;
      message.flags = seen.flags;
      message.file = seen.file;
      added.push_back(metadata(base, message));
      made_.changes.emplace_back(PutMessage{folder.id, base, message});
    }
    return mailbox::by_uid(std::move(added));
  }

  /// `messages` as they were, each with the mod-seq of its going.
  mailbox::Messages take_from(const FolderState& folder, const std::vector<std::string>& messages) {
    std::vector<mailbox::MessageMetaData> expunged;
    std::uint64_t mod_seq = folder.last_mod_seq;
    for (const std::string& base : messages) {
      MessageState message = folder.messages.at(base);
      message.mod_seq = ++mod_seq;
      expunged.push_back(metadata(base, message));
      made_.changes.emplace_back(DropMessage{folder.id, base, mod_seq});
    }
    return mailbox::by_uid(std::move(expunged));
  }

  void tell(mailbox::MailboxEvent event, const std::vector<std::string>& ids,
            const std::vector<std::string>& folders) {
    std::vector<RegistrationKey> keys;
    for (const std::string& id : ids) add_key(keys, "MailboxId", id);
    for (const std::string& folder : folders) add_key(keys, "MailboxPath", context_.user + '/' + folder);
    add_key(keys, "User", context_.user);
    made_.events.push_back({mailbox::make_event(std::move(event)), std::move(keys)});
  }

  void add_key(std::vector<RegistrationKey>& keys, std::string_view type, const std::string& value) {
    if (auto key = RegistrationKey::make(type, value)) {
      keys.push_back(std::move(*key));
    } else {
      ++made_.keys_left_out;
    }
  }

  const UserState& state_;
  const MakeContext& context_;
  Made made_;
};

}  // namespace

Made make(const Step& step, const UserState& state, const MakeContext& context) {
  Maker maker(state, context);
  std::visit(maker, step);
  return maker.made();
}

}  // namespace evmesh::maildir
