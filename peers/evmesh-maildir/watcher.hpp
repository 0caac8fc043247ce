#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/exit_code.hpp"
#include "common/files.hpp"

namespace evmesh::maildir {

/// Tells when something may have changed in directories, by inotify; what it was is for a scan to find out.
/// Thread-bound to its user.
class Watcher {
 public:
  /// `io` when the kernel gives no inotify instance, naming the limit to raise.
  [[nodiscard]] static peers::Outcome<Watcher> open();

  struct Watched {
    bool more =
        false;  ///< at least one was not watched before, so look again: it may have changed before it was
    bool all = true;        ///< false: the kernel has no watch left; changes of this owner must be polled for
    std::string complaint;  ///< why not all, with the limit to raise
  };

  /// From now on exactly `directories` are watched for `owner`. Those that are missing are left out. Watching
  /// goes with a directory and not with its name, so call it again after each scan.
  [[nodiscard]] Watched watch(const std::string& owner,
                              const std::vector<std::filesystem::path>& directories);

  struct Changes {
    std::set<std::string> owners;
    bool overflow = false;  ///< the kernel's queue was full: anything may have changed
  };

  /// What has come since the last call. Never blocks.
  [[nodiscard]] Changes take();

  /// Readable when there is something to take.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Watcher(peers::Fd fd) : fd_(std::move(fd)) {}
  void release(int watch, const std::string& owner);

  peers::Fd fd_;
  std::map<int, std::set<std::string>>
      owners_;  // by watch descriptor; two owners may reach one directory by links
  std::map<std::string, std::set<int>> watches_;  // by owner
};

}  // namespace evmesh::maildir
