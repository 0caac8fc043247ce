#include "storage/line_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace evmesh::storage {

namespace {

/// A file descriptor that is closed.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

auto failed(const std::filesystem::path& file, std::string_view doing) {
  return fail(ErrorCode::storage,
              "cannot " + std::string(doing) + " " + file.string() + ": " + std::strerror(errno));
}

/// Behind the last line end; -1 after an error.
off_t end_of_lines(int fd) {
  std::array<char, 4096> piece{};
  for (off_t end = ::lseek(fd, 0, SEEK_END); end > 0;) {
    const auto size = std::min<off_t>(end, piece.size());
    if (::pread(fd, piece.data(), static_cast<std::size_t>(size), end - size) != size) return -1;
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(size));
    const auto found = bytes.rfind('\n');
    if (found != std::string_view::npos) return end - size + static_cast<off_t>(found) + 1;
    end -= size;
  }
  return 0;
}

bool write_all(int fd, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return true;
}

}  // namespace

Result<void> append_lines(const std::filesystem::path& file, std::string_view lines) {
  const Descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (opened.get() < 0) return failed(file, "open");
  const off_t end = end_of_lines(opened.get());
  if (end < 0) return failed(file, "read");
  if (::ftruncate(opened.get(), end) != 0 || !write_all(opened.get(), lines, end)) return failed(file, "write");
  if (::fsync(opened.get()) != 0) return failed(file, "sync");
  const Descriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return failed(file.parent_path(), "sync");
  return {};
}

}  // namespace evmesh::storage
