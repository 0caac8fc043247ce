#include "evmesh-maildir/user_state.hpp"

#include <algorithm>

namespace evmesh::maildir {
namespace {

struct Applier {
  UserState& state;

  void operator()(const PutFolder& change) const {
    FolderState& folder = state.folders[change.id];
    folder.id = change.id;
    folder.name = change.name;
    folder.identity = change.identity;
    folder.uid_validity = change.uid_validity;
    folder.last_uid = std::max(folder.last_uid, change.last_uid);
    folder.last_mod_seq = std::max(folder.last_mod_seq, change.last_mod_seq);
  }

  void operator()(const DropFolder& change) const { state.folders.erase(change.id); }

  void operator()(const PutMessage& change) const {
    const auto found = state.folders.find(change.folder);
    if (found == state.folders.end()) return;
    FolderState& folder = found->second;
    folder.messages[change.base] = change.message;
    folder.last_uid = std::max(folder.last_uid, change.message.uid);
    folder.last_mod_seq = std::max(folder.last_mod_seq, change.message.mod_seq);
  }

  void operator()(const DropMessage& change) const {
    const auto found = state.folders.find(change.folder);
    if (found == state.folders.end()) return;
    found->second.messages.erase(change.base);
    found->second.last_mod_seq = std::max(found->second.last_mod_seq, change.mod_seq);
  }
};

}  // namespace

void apply_change(UserState& state, const Change& change) { std::visit(Applier{state}, change); }

void apply_changes(UserState& state, const std::vector<Change>& changes) {
  for (const Change& change : changes) apply_change(state, change);
}

PutFolder put(const FolderState& folder) {
  return {folder.id, folder.name, folder.identity, folder.uid_validity, folder.last_uid, folder.last_mod_seq};
}

}  // namespace evmesh::maildir
