#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <evmesh/mailbox.hpp>

#include "evmesh-maildir/scan.hpp"

/// What has been told of a user's mail, kept over restarts. All are values.
namespace evmesh::maildir {

struct MessageState {
  mailbox::Uid uid = 0;
  std::uint64_t mod_seq = 0;
  mailbox::SystemFlags flags;
  FileFacts file;

  bool operator==(const MessageState&) const = default;
};

/// One mailbox with its own numbers. Numbers only grow: no uid is given twice within one id.
struct FolderState {
  std::string id;  ///< MailboxId: never given to another folder
  std::string name;
  FolderIdentity identity;
  std::uint64_t uid_validity = 0;  ///< seconds since 1970 when the folder was first seen
  std::uint64_t last_uid = 0;
  std::uint64_t last_mod_seq = 0;
  std::map<std::string, MessageState> messages;  ///< by base name

  bool operator==(const FolderState&) const = default;
};

struct UserState {
  std::map<std::string, FolderState> folders;  ///< by id

  bool operator==(const UserState&) const = default;
};

// Changes of a state. Applying the same one twice has the effect of once.

/// A new folder, or new values of a known one; its messages stay.
struct PutFolder {
  std::string id;
  std::string name;
  FolderIdentity identity;
  std::uint64_t uid_validity = 0;
  std::uint64_t last_uid = 0;
  std::uint64_t last_mod_seq = 0;

  bool operator==(const PutFolder&) const = default;
};

struct DropFolder {
  std::string id;

  bool operator==(const DropFolder&) const = default;
};

/// A new message, or new values of a known one.
struct PutMessage {
  std::string folder;  ///< id
  std::string base;
  MessageState message;

  bool operator==(const PutMessage&) const = default;
};

struct DropMessage {
  std::string folder;  ///< id
  std::string base;
  std::uint64_t mod_seq = 0;

  bool operator==(const DropMessage&) const = default;
};

using Change = std::variant<PutFolder, DropFolder, PutMessage, DropMessage>;

/// A change of a folder that is not there changes nothing.
void apply_change(UserState& state, const Change& change);
void apply_changes(UserState& state, const std::vector<Change>& changes);

/// The changes that make `folder`, without its messages, of nothing.
[[nodiscard]] PutFolder put(const FolderState& folder);

}  // namespace evmesh::maildir
