#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "evmesh-maildir/move_detection.hpp"
#include "evmesh-maildir/scan.hpp"
#include "evmesh-maildir/user_state.hpp"

/// What has changed between what was told of a user's mail and what is there.
namespace evmesh::maildir {

/// A folder found again, under its own name or another. `seen` belongs to the scan.
struct KnownFolder {
  std::string id;
  const SeenFolder* seen = nullptr;
};

/// Which folders of a scan are which of the state.
struct FolderMatches {
  std::vector<KnownFolder> known;        ///< in the order of the scan
  std::vector<const SeenFolder*> fresh;  ///< never seen before
  std::vector<std::string> gone;         ///< ids, sorted
};

/// A folder is found again by its identity, whatever it is called now (INBOX only as INBOX); failing that by
/// its name when it still holds a message that was told of (a restored backup has new inodes), or cannot be
/// read. `scan` must outlive the result.
[[nodiscard]] FolderMatches match_folders(const UserState& state, const UserScan& scan);

/// A message whose flags are not what was told.
struct Reflagged {
  std::string folder;  ///< id
  std::string base;
  mailbox::SystemFlags flags;  ///< the new ones

  bool operator==(const Reflagged&) const = default;
};

/// What the messages of known and gone folders have come to.
struct MessageDifferences {
  std::vector<Located> missing;  ///< sorted by folder and base name; those of gone folders too
  std::vector<Reflagged> reflagged;
};

[[nodiscard]] MessageDifferences compare_messages(const UserState& state, const FolderMatches& matches);

/// Messages of `folder` that `known` does not hold, oldest first, so that uids follow time.
[[nodiscard]] std::vector<std::pair<std::string, SeenMessage>> appeared_in(const SeenFolder& folder,
                                                                           const FolderState* known);

/// Decides when to believe that something is gone: at once after a quiet scan, otherwise after it was missing
/// in `believed_after` scans one after another. Thread-bound to its user.
class Patience {
 public:
  /// Folder id and base name; an empty base name is the folder itself.
  using Name = std::pair<std::string, std::string>;

  static constexpr unsigned believed_after = 5;

  /// Of what this scan misses, what is to be believed. Call once per scan with all of it, sorted or not.
  [[nodiscard]] std::vector<bool> believe(const std::vector<Name>& missing, bool quiet);

  /// True when something is missing that is not believed yet: scan again soon.
  [[nodiscard]] bool waiting() const { return waiting_; }

 private:
  std::map<Name, unsigned> missed_;
  bool waiting_ = false;
};

}  // namespace evmesh::maildir
