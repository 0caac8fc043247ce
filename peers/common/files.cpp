#include "common/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.hpp"

namespace evmesh::peers {
namespace {

constexpr int mode_private_file = 0600;

std::string quoted_path(const std::filesystem::path& path) {
  return '"' + base::escaped(path.native(), 4096) + '"';
}

int sync_fd(int fd) { return fsync(fd) == 0 ? 0 : errno; }

int write_synced(const std::filesystem::path& file, std::string_view bytes) {
  const Fd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode_private_file));
  if (!fd.valid()) return errno;
  if (const int error = write_fully(fd.get(), bytes); error != 0) return error;
  return sync_fd(fd.get());
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this == &other) return *this;
  if (valid()) close(fd_);
  fd_ = other.release();
  return *this;
}

Fd::~Fd() {
  if (valid()) close(fd_);
}

int Fd::release() { return std::exchange(fd_, -1); }

void open_standard_streams() {
  for (;;) {
    // The lowest free number is given, so all below it are open.
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO) close(fd);
    if (fd < 0 || fd > STDERR_FILENO) return;
  }
}

std::string errno_text(int number) { return std::generic_category().message(number); }

Failure io_failure(std::string_view what, const std::filesystem::path& file, int number) {
  std::string message = "cannot " + std::string(what) + ' ' + quoted_path(file) + ": " + errno_text(number);
  if (number == ENOSPC || number == EDQUOT) message += "; make room on that file system";
  return {ExitCode::io, std::move(message)};
}

int write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Outcome<std::string> read_file(const std::filesystem::path& file) {
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return tl::unexpected(io_failure("read", file, errno));
  std::string bytes;
  std::array<char, 65536> piece;
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(io_failure("read", file, errno));
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
}

Outcome<void> replace_file(const std::filesystem::path& file, std::string_view bytes) {
  const std::filesystem::path temporary = file.native() + ".tmp";
  int error = write_synced(temporary, bytes);
  if (error == 0 && std::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    return tl::unexpected(io_failure("write", file, error));
  }
  return sync_directory(file.has_parent_path() ? file.parent_path() : ".");
}

Outcome<void> sync_directory(const std::filesystem::path& directory) {
  const Fd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int error = fd.valid() ? sync_fd(fd.get()) : errno;
  if (error != 0) return tl::unexpected(io_failure("sync", directory, error));
  return {};
}

Outcome<void> make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(directory, error);
  if (!error && created) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return end_with(ExitCode::cannot_create,
                    "cannot make the directory " + quoted_path(directory) + ": " + error.message());
  }
  return {};
}

Outcome<Fd> lock_directory(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "lock";
  Fd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode_private_file));
  if (!fd.valid()) {
    return end_with(ExitCode::cannot_create, "cannot open " + quoted_path(file) + ": " + errno_text(errno));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    const ssize_t length = ::pread(fd.get(), holder.data(), holder.size() - 1, 0);
    const std::string pid =
        length > 0 ? std::string(holder.data(), std::strcspn(holder.data(), "\n")) : "unknown";
    return end_with(ExitCode::cannot_create, "directory " + quoted_path(directory) +
                                                 " is in use by process " + pid +
                                                 "; end it, or use another directory");
  }
  // The number is for people; a full disk must not keep the program from starting.
  const std::string pid = std::to_string(getpid()) + '\n';
  if (ftruncate(fd.get(), 0) == 0) (void)write_fully(fd.get(), pid);
  return fd;
}

}  // namespace evmesh::peers
