#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "evmesh-maildir/folder_state.hpp"

/// The steps that bring what was told up to what is there. Each is small enough for one dispatch and is told
/// as a whole.
namespace evmesh::maildir {

/// Messages in one step, and so in one event. Source: 256 messages with the longest names make three events
/// of less than 1 MiB together, which is what one batch may have.
inline constexpr std::size_t step_messages_max = 256;

using NamedMessage = std::pair<std::string, SeenMessage>;

/// The folder is another directory now (restored from a backup): kept, and nothing is told.
struct KeepIdentity {
  std::string folder;
  FolderIdentity identity;
};

struct RenameFolder {
  std::string folder;
  std::string new_name;
  FolderIdentity identity;
};

struct AddFolder {
  std::string folder;
  std::string name;
  FolderIdentity identity;
};

struct AddMessages {
  std::string folder;
  bool delivery = false;  ///< they lie in new/
  std::vector<NamedMessage> messages;
};

/// Each message under its old base name and as it is now.
struct MoveMessages {
  std::string from;
  std::string to;
  std::vector<std::pair<std::string, NamedMessage>> messages;
};

struct ReflagMessages {
  std::string folder;
  std::vector<std::pair<std::string, mailbox::SystemFlags>> messages;
};

struct ExpungeMessages {
  std::string folder;
  std::vector<std::string> messages;
};

struct DeleteFolder {
  std::string folder;
};

using Step = std::variant<KeepIdentity, RenameFolder, AddFolder, AddMessages, MoveMessages, ReflagMessages,
                          ExpungeMessages, DeleteFolder>;

/// In the order in which they must be told: folders before what is in them, moves before the loss of their
/// source. What is missing and not believed yet stays out, and so does what may be its new place. `new_id`
/// names new folders.
[[nodiscard]] std::vector<Step> plan(const UserState& state, const UserScan& scan, Patience& patience,
                                     const std::function<std::string()>& new_id);

}  // namespace evmesh::maildir
