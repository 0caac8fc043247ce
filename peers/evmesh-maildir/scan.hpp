#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <evmesh/mailbox.hpp>

/// What a look at a user's Maildir has found. All are values.
namespace evmesh::maildir {

/// A directory, whatever it is called: inode and time of birth. The birth tells a new directory from an old
/// one whose inode number it was given; it is 0 where the file system keeps none.
struct FolderIdentity {
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;

  auto operator<=>(const FolderIdentity&) const = default;
};

/// A file that does not change while it lives in a Maildir.
struct FileFacts {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;  ///< bytes
  mailbox::Instant modified{};

  bool operator==(const FileFacts&) const = default;
};

struct SeenMessage {
  mailbox::SystemFlags flags;  ///< with `recent` when it lies in new/
  FileFacts file;

  bool operator==(const SeenMessage&) const = default;
};

struct SeenFolder {
  std::string name;  ///< INBOX, or decoded
  FolderIdentity identity;
  /// False when it could not be read: then nothing is known of its messages, and nothing may be concluded.
  bool readable = true;
  std::map<std::string, SeenMessage> messages;  ///< by base name

  bool operator==(const SeenFolder&) const = default;
};

/// One user's Maildir. No folders at all: there is none (any more).
struct UserScan {
  std::vector<SeenFolder> folders;  ///< sorted by name
  /// No directory changed while it was read, so what is missing is not there. Otherwise it may have been
  /// renamed just then: readdir does not promise to show a file that is renamed meanwhile.
  bool quiet = true;
};

}  // namespace evmesh::maildir
