#include "evmeshd/listeners/file_listener.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/stream.hpp"

namespace evmesh::daemon {
namespace {

using peers::Fd;

constexpr mode_t file_mode = 0600;  // events are mail, of others

/// Empty for what has no size: a pipe, a terminal.
std::optional<off_t> size_of(const Fd& fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status.st_size;
}

/// Syncs regular files; nothing else can be.
int sync(const Fd& fd) { return size_of(fd) && ::fdatasync(fd.get()) != 0 ? errno : 0; }

/// How many bytes were written, and the errno when that is not all.
std::pair<std::size_t, int> write_counted(const Fd& fd, std::string_view bytes) {
  std::size_t count = 0;
  while (count < bytes.size()) {
    const ssize_t now = ::write(fd.get(), bytes.data() + count, bytes.size() - count);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return {count, errno};
    count += static_cast<std::size_t>(now);
  }
  return {count, 0};
}

/// Takes the last `count` bytes off again, unless somebody else has written behind them.
bool take_back(const Fd& fd, std::optional<off_t> before, std::size_t count) {
  const auto now = size_of(fd);
  return before && now == *before + static_cast<off_t>(count) && ::ftruncate(fd.get(), *before) == 0;
}

}  // namespace

Outcome FileListener::handle(const Delivery& delivery) {
  // Without O_NONBLOCK a pipe that nobody reads would keep the thread for ever.
  const Fd fd(
      ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, file_mode));
  int error = fd.valid() ? append(fd, admin::stream_line(delivery, bus_) + '\n') : errno;
  if (error == 0 && delivery.group != nullptr) error = sync(fd);
  if (error == 0) return Outcome::done();
  return Outcome::retry_after(std::chrono::milliseconds{0},
                              peers::io_failure("append to", file_, error).message);
}

/// 0 or the errno.
int FileListener::append(const Fd& fd, std::string line) {
  const std::lock_guard lock(mutex_);
  if (torn_) line.insert(0, 1, '\n');
  const auto before = size_of(fd);
  const auto [written, error] = write_counted(fd, line);
  if (written == 0) return error;
  torn_ = written != line.size() && !take_back(fd, before, written);
  return error;
}

}  // namespace evmesh::daemon
