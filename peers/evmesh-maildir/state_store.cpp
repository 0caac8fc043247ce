#include "evmesh-maildir/state_store.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.hpp"

namespace evmesh::maildir {
namespace {

using peers::ExitCode;
using peers::Outcome;

constexpr std::string_view suffix = ".state";
constexpr std::uint64_t appended_bytes_min =
    256 * 1024;  // below this a new snapshot is not worth its writing

bool stands_bare(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '@' || c == '.';
}

std::string file_name(std::string_view user) {
  std::string name;
  for (const char c : user) {
    const auto byte = static_cast<unsigned char>(c);
    name += stands_bare(byte) ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return name.append(suffix);
}

/// The user whose file has this name; nothing for other files.
std::optional<std::string> user_of(std::string_view name) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  std::string user;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      user += name[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = name.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
    user += static_cast<char>(value);
    i += 2;
  }
  return user.empty() ? std::nullopt : std::optional(user);
}

peers::Failure damaged(const std::filesystem::path& file, const std::string& user, const std::string& why) {
  return {ExitCode::data,
          "state file \"" + base::escaped(file.native(), 4096) + "\" is damaged, " + why +
              "; start once with --reset " + base::escaped(user) +
              " to put it aside and tell all of this user's mail again under new mailbox ids"};
}

}  // namespace

Outcome<UserLog> UserLog::open(std::filesystem::path file, std::string user, LoadedState& loaded) {
  UserLog log(std::move(file), user);
  loaded = {};
  std::error_code error;
  if (!std::filesystem::exists(log.file_, error) && !error) return log;
  auto bytes = peers::read_file(log.file_);
  if (!bytes) return tl::unexpected(bytes.error());
  auto read = read_state_log(*bytes, log.writer_);
  if (!read) return tl::unexpected(damaged(log.file_, user, read.error().message));
  loaded = std::move(*read);
  log.whole_ = !loaded.torn;
  log.appended_bytes_ = bytes->size();
  return log;
}

Outcome<void> UserLog::record(const UserState& state, const Batch& batch) {
  const bool worth_rewriting = appended_bytes_ > std::max(appended_bytes_min, 2 * snapshot_bytes_);
  return whole_ && !worth_rewriting ? append(writer_.batch(batch), true) : rewrite(state, batch);
}

Outcome<void> UserLog::settle(std::uint64_t number) {
  if (!whole_) return {};  // the next record writes a file without the batch
  return append(writer_.done(number), false);
}

Outcome<void> UserLog::remove() {
  fd_ = peers::Fd();
  whole_ = false;
  if (unlink(file_.c_str()) != 0 && errno != ENOENT)
    return tl::unexpected(peers::io_failure("remove", file_, errno));
  return peers::sync_directory(file_.parent_path());
}

Outcome<void> UserLog::append(std::string_view line, bool sync) {
  if (!fd_.valid()) fd_ = peers::Fd(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  int error = fd_.valid() ? peers::write_fully(fd_.get(), line) : errno;
  // After a failed sync nobody knows what is on the disk, so nothing is ever appended behind it.
  if (error == 0 && sync && fdatasync(fd_.get()) != 0) error = errno;
  if (error != 0) {
    whole_ = false;
    fd_ = peers::Fd();
    return tl::unexpected(peers::io_failure("write", file_, error));
  }
  appended_bytes_ += line.size();
  return {};
}

Outcome<void> UserLog::rewrite(const UserState& state, const Batch& pending) {
  const std::string bytes = writer_.snapshot(state, &pending, pending.number);
  fd_ = peers::Fd();
  whole_ = false;
  if (auto written = peers::replace_file(file_, bytes); !written) return written;
  whole_ = true;
  snapshot_bytes_ = bytes.size();
  appended_bytes_ = 0;
  return {};
}

Outcome<StateStore> StateStore::open(std::filesystem::path directory) {
  if (auto made = peers::make_directory(directory); !made) return tl::unexpected(made.error());
  auto lock = peers::lock_directory(directory);
  if (!lock) return tl::unexpected(lock.error());
  return StateStore(std::move(directory), std::move(*lock));
}

Outcome<std::vector<std::string>> StateStore::users() const {
  std::vector<std::string> users;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (auto user = user_of(entry->path().filename().native())) users.push_back(std::move(*user));
  }
  if (error) return tl::unexpected(peers::io_failure("read", directory_, error.value()));
  std::sort(users.begin(), users.end());
  return users;
}

Outcome<UserLog> StateStore::open_user(const std::string& user, LoadedState& loaded) const {
  return UserLog::open(file_of(user), user, loaded);
}

Outcome<void> StateStore::reset(const std::string& user) const {
  const std::filesystem::path file = file_of(user);
  const std::filesystem::path aside = file.native() + ".reset";
  if (std::rename(file.c_str(), aside.c_str()) != 0) {
    if (errno != ENOENT) return tl::unexpected(peers::io_failure("rename", file, errno));
    return peers::end_with(ExitCode::data, "user " + base::quoted(user) + " has no state in \"" +
                                               base::escaped(directory_.native(), 4096) +
                                               "\"; nothing to reset");
  }
  return peers::sync_directory(directory_);
}

std::filesystem::path StateStore::file_of(const std::string& user) const {
  return directory_ / file_name(user);
}

}  // namespace evmesh::maildir
