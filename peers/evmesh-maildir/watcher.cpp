#include "evmesh-maildir/watcher.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

namespace evmesh::maildir {
namespace {

constexpr std::uint32_t interesting = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
                                      IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK;

}  // namespace

peers::Outcome<Watcher> Watcher::open() {
  peers::Fd fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd.valid()) return Watcher(std::move(fd));
  const std::string why = peers::errno_text(errno);
  return peers::end_with(peers::ExitCode::io, "cannot watch directories: " + why +
                                                  "; raise the sysctl fs.inotify.max_user_instances");
}

Watcher::Watched Watcher::watch(const std::string& owner,
                                const std::vector<std::filesystem::path>& directories) {
  Watched watched;
  std::set<int> now;
  std::set<int>& before = watches_[owner];
  for (const std::filesystem::path& directory : directories) {
    const int watch = inotify_add_watch(fd_.get(), directory.c_str(), interesting);
    if (watch >= 0) {
      now.insert(watch);
      owners_[watch].insert(owner);
      watched.more = watched.more || !before.contains(watch);
    } else if (errno == ENOSPC || errno == ENOMEM) {
      watched.all = false;
      watched.complaint = "cannot watch " + directory.native() + ": " + peers::errno_text(errno) +
                          "; raise the sysctl fs.inotify.max_user_watches";
    }
  }
  for (const int watch : std::exchange(before, now)) {
    if (!now.contains(watch)) release(watch, owner);
  }
  return watched;
}

void Watcher::release(int watch, const std::string& owner) {
  const auto found = owners_.find(watch);
  if (found == owners_.end()) return;
  found->second.erase(owner);
  if (!found->second.empty()) return;
  owners_.erase(found);
  inotify_rm_watch(fd_.get(), watch);  // fails when the directory is gone, which ended the watch
}

Watcher::Changes Watcher::take() {
  Changes changes;
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return changes;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) changes.overflow = true;
      const auto found = owners_.find(event.wd);
      if (found == owners_.end()) continue;
      changes.owners.insert(found->second.begin(), found->second.end());
      if ((event.mask & IN_IGNORED) == 0) continue;
      for (const std::string& owner : found->second) watches_[owner].erase(event.wd);
      owners_.erase(found);
    }
  }
}

}  // namespace evmesh::maildir
