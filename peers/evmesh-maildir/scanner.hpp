#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "evmesh-maildir/scan.hpp"

namespace evmesh::maildir {

/// What a look at one Maildir gave.
struct ScanReport {
  enum class Found : std::uint8_t {
    maildir,  ///< `scan` holds it
    gone,     ///< the directory is not there, and what it stood in is
    unknown,  ///< it cannot be read, or may just not be mounted; `error` says why. Conclude nothing
  };
  Found found = Found::maildir;
  UserScan scan;
  std::vector<std::filesystem::path> directories;  ///< to be watched for changes
  std::vector<std::string> left_out;               ///< sentences about names that cannot stand in an event
  std::vector<std::string> unreadable;             ///< sentences about folders that cannot be read
  std::string error;
};

/// Reads one Maildir++ again and again, and never writes. Keeps what it learned of files and of directories
/// that have not changed since, so that a further scan reads little. Thread-bound to its user.
class Scanner {
 public:
  /// `base` is an ancestor of `maildir`: when it is empty or missing, so is the file system it belongs to,
  /// and nothing can be said of the Maildir.
  Scanner(std::filesystem::path maildir, std::filesystem::path base);

  [[nodiscard]] ScanReport scan();

 private:
  /// A new/ or cur/ as it was read last.
  struct Listing {
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;
    bool settled = false;  // nothing can have changed since without another time of change
    std::map<std::string, SeenMessage> messages;
    std::vector<std::string> left_out;
  };
  /// A directory that was read, and its time of change before that.
  struct Visit {
    std::filesystem::path path;
    std::int64_t changed_ns = 0;
  };
  enum class Read : std::uint8_t { ok, missing, failed };

  Read read_folder(const std::filesystem::path& directory, SeenFolder& folder, ScanReport& report);
  Read read_messages(const std::filesystem::path& directory, bool recent, SeenFolder& folder,
                     ScanReport& report);
  void list(int fd, bool recent, const Listing* before, Listing& listing);
  std::vector<std::string> folder_directories(ScanReport& report);
  void visit(const std::filesystem::path& directory, std::int64_t changed_ns, ScanReport& report);
  void add_subfolder(const std::string& entry, ScanReport& report);
  bool unchanged() const;
  ScanReport without_maildir(int error) const;

  std::filesystem::path maildir_;
  std::filesystem::path base_;
  std::map<std::filesystem::path, Listing> listings_;
  std::map<std::filesystem::path, Listing> previous_;
  std::vector<Visit> visits_;
};

}  // namespace evmesh::maildir
