#include "evmesh-maildir/scanner.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.hpp"

#include "common/files.hpp"
#include "evmesh-maildir/maildir_name.hpp"

namespace evmesh::maildir {
namespace {

using peers::errno_text;
using peers::Fd;

// The kernel stamps changes with a clock of 1 to 10 ms; a change within one tick of another leaves no trace.
constexpr std::int64_t settle_ns = 20'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t stamp_clock_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // the one that stamps files
  return nanoseconds(now);
}

std::string shown(const std::filesystem::path& path) {
  return '"' + base::escaped(path.native(), 4096) + '"';
}

bool is_missing(int error) { return error == ENOENT || error == ENOTDIR; }

Fd open_directory(const std::filesystem::path& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
}

FolderIdentity identity_of(int fd) {
  struct statx facts{};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &facts) != 0) return {};
  const bool has_birth = (facts.stx_mask & STATX_BTIME) != 0;
  return {facts.stx_ino, has_birth ? facts.stx_btime.tv_sec * 1'000'000'000 + facts.stx_btime.tv_nsec : 0};
}

/// Entry names without "." and ".."; nothing when reading fails, with the reason in errno.
std::optional<std::vector<std::string>> entries_of(int fd) {
  const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return std::nullopt;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(copy), &closedir);
  if (!directory) {
    close(copy);
    return std::nullopt;
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return std::nullopt;
  std::sort(names.begin(), names.end());
  return names;
}

/// The file's facts. Nothing when it is no regular file, a link to nowhere, or has gone meanwhile, with errno
/// 0, and when it cannot be looked at, with the reason in errno: that must not pass for a message that is
/// gone.
std::optional<FileFacts> facts_of(int directory, const std::string& name) {
  struct stat facts{};
  errno = 0;
  if (fstatat(directory, name.c_str(), &facts, 0) != 0) {
    if (errno == ENOENT || errno == ELOOP) errno = 0;
    return std::nullopt;
  }
  if (!S_ISREG(facts.st_mode)) return std::nullopt;
  return FileFacts{facts.st_ino, static_cast<std::uint64_t>(facts.st_size),
                   mailbox::Instant{std::chrono::nanoseconds{nanoseconds(facts.st_mtim)}}};
}

}  // namespace

Scanner::Scanner(std::filesystem::path maildir, std::filesystem::path base)
    : maildir_(std::move(maildir)), base_(std::move(base)) {}

ScanReport Scanner::scan() {
  ScanReport report;
  visits_.clear();
  previous_ = std::exchange(listings_, {});

  SeenFolder top{.name = std::string(inbox), .identity = {}, .messages = {}};
  switch (read_folder(maildir_, top, report)) {
    case Read::missing: return without_maildir(ENOENT);
    case Read::failed: return without_maildir(errno);
    case Read::ok: break;
  }
  report.scan.folders.push_back(std::move(top));
  for (const std::string& entry : folder_directories(report)) add_subfolder(entry, report);

  std::sort(report.scan.folders.begin(), report.scan.folders.end(),
            [](const SeenFolder& a, const SeenFolder& b) { return a.name < b.name; });
  report.scan.quiet = report.scan.quiet && unchanged();
  previous_.clear();
  return report;
}

void Scanner::visit(const std::filesystem::path& directory, std::int64_t changed_ns, ScanReport& report) {
  // A time of change in the future comes from another clock, and waiting until it is over would help nobody.
  if (std::abs(stamp_clock_now() - changed_ns) < settle_ns) report.scan.quiet = false;
  visits_.push_back({directory, changed_ns});
  report.directories.push_back(directory);
}

std::vector<std::string> Scanner::folder_directories(ScanReport& report) {
  const Fd fd = open_directory(maildir_);
  struct stat facts{};
  std::optional<std::vector<std::string>> entries;
  if (fd.valid() && fstat(fd.get(), &facts) == 0) {
    visit(maildir_, nanoseconds(facts.st_mtim), report);
    entries = entries_of(fd.get());
  }
  if (!entries) {
    report.found = ScanReport::Found::unknown;
    report.error = "cannot read " + shown(maildir_) + ": " + errno_text(errno);
    return {};
  }
  std::erase_if(*entries, [](const std::string& name) { return name.front() != '.' || name.size() < 2; });
  return std::move(*entries);
}

void Scanner::add_subfolder(const std::string& entry, ScanReport& report) {
  const std::filesystem::path directory = maildir_ / entry;
  auto name = parse_folder_name(entry);
  SeenFolder folder{.name = name.value_or(std::string()), .identity = {}, .messages = {}};
  if (!name) {
    // Only what is a folder is worth a word.
    struct stat facts{};
    if (stat((directory / "cur").c_str(), &facts) == 0) report.left_out.push_back(name.error().message);
    return;
  }
  const auto& folders = report.scan.folders;
  if (std::any_of(folders.begin(), folders.end(),
                  [&](const SeenFolder& other) { return other.name == *name; })) {
    report.left_out.push_back("folder " + base::quoted(entry) + " has the name of another one, " +
                              base::quoted(*name) + ", and is left out; rename it");
    return;
  }
  switch (read_folder(directory, folder, report)) {
    case Read::missing: return;
    case Read::failed:
      report.unreadable.push_back("cannot read folder " + shown(directory) + ": " + errno_text(errno));
      folder.readable = false;
      folder.messages.clear();
      break;
    case Read::ok: break;
  }
  report.scan.folders.push_back(std::move(folder));
}

Scanner::Read Scanner::read_folder(const std::filesystem::path& directory, SeenFolder& folder,
                                   ScanReport& report) {
  struct statx facts{};
  if (statx(AT_FDCWD, directory.c_str(), 0, STATX_TYPE, &facts) != 0) {
    if (!is_missing(errno)) return Read::failed;
    report.scan.quiet = false;  // it was listed a moment ago
    return Read::missing;
  }
  if (!S_ISDIR(facts.stx_mode)) return Read::missing;
  // O_PATH needs no right to read, so that an unreadable folder still has its identity.
  const Fd fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return is_missing(errno) ? Read::missing : Read::failed;
  folder.identity = identity_of(fd.get());
  report.directories.push_back(directory);
  // new/ first: a message that goes from there to cur/ meanwhile is then seen twice and not missed.
  for (const auto& [part, recent] : {std::pair("new", true), std::pair("cur", false)}) {
    const Read read = read_messages(directory / part, recent, folder, report);
    if (read != Read::ok) return read;
  }
  return Read::ok;
}

Scanner::Read Scanner::read_messages(const std::filesystem::path& directory, bool recent, SeenFolder& folder,
                                     ScanReport& report) {
  const Fd fd = open_directory(directory);
  if (!fd.valid()) return is_missing(errno) ? Read::missing : Read::failed;
  struct stat facts{};
  if (fstat(fd.get(), &facts) != 0) return Read::failed;

  Listing& listing = listings_[directory];
  listing.inode = facts.st_ino;
  listing.changed_ns = nanoseconds(facts.st_mtim);
  listing.settled = stamp_clock_now() - listing.changed_ns >= settle_ns;
  visit(directory, listing.changed_ns, report);

  const auto before = previous_.find(directory);
  const Listing* known = before == previous_.end() ? nullptr : &before->second;
  const bool same = known != nullptr && known->settled && known->inode == listing.inode &&
                    known->changed_ns == listing.changed_ns;
  if (same) {
    listing = std::move(before->second);
  } else {
    errno = 0;
    list(fd.get(), recent, known, listing);
    if (errno != 0) {
      listings_.erase(directory);
      return Read::failed;
    }
  }
  report.left_out.insert(report.left_out.end(), listing.left_out.begin(), listing.left_out.end());
  for (const auto& [base, message] : listing.messages) folder.messages[base] = message;
  return Read::ok;
}

/// Fills `listing`; errno tells a failure. Files known from `before` are not looked at again: they never
/// change.
void Scanner::list(int fd, bool recent, const Listing* before, Listing& listing) {
  const auto names = entries_of(fd);
  if (!names) return;
  for (const std::string& file : *names) {
    auto parsed = parse_message_name(file);
    if (!parsed) {
      listing.left_out.push_back(parsed.error().message);
      continue;
    }
    if (!*parsed) continue;
    MessageName& name = **parsed;
    std::optional<FileFacts> facts;
    if (before != nullptr && before->messages.contains(name.base))
      facts = before->messages.at(name.base).file;
    if (!facts) facts = facts_of(fd, file);
    if (!facts && errno != 0) return;
    if (!facts) continue;
    if (recent) name.flags.insert(mailbox::SystemFlag::recent);
    listing.messages[name.base] = SeenMessage{name.flags, *facts};
  }
  errno = 0;
}

bool Scanner::unchanged() const {
  return std::all_of(visits_.begin(), visits_.end(), [](const Visit& visited) {
    struct stat facts{};
    return stat(visited.path.c_str(), &facts) == 0 && nanoseconds(facts.st_mtim) == visited.changed_ns;
  });
}

/// The Maildir, or its new/ or cur/, is missing or cannot be read. A mount point without its file system is
/// empty, and must not be taken for mail that was deleted.
ScanReport Scanner::without_maildir(int error) const {
  ScanReport report;
  report.scan.quiet = false;
  report.found = ScanReport::Found::unknown;
  std::error_code ignored;
  if (!is_missing(error)) {
    report.error = "cannot read " + shown(maildir_) + ": " + errno_text(error);
    return report;
  }
  if (std::filesystem::exists(std::filesystem::symlink_status(maildir_, ignored))) {
    report.error = shown(maildir_) + " has no new/ and cur/";
    report.directories.push_back(maildir_);  // they may be made next
    return report;
  }
  std::filesystem::path above = maildir_.parent_path();
  while (above != base_ && !std::filesystem::is_directory(above, ignored)) above = above.parent_path();
  const Fd fd = open_directory(above);
  const auto entries = fd.valid() ? entries_of(fd.get()) : std::nullopt;
  if (!entries || entries->empty()) {
    report.error = shown(above) +
                   (entries ? " is empty; is its file system mounted?" : " is not there or cannot be read");
    return report;
  }
  report.found = ScanReport::Found::gone;
  return report;
}

}  // namespace evmesh::maildir
