#include "admin/unix_socket.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::admin {
namespace {

constexpr int backlog = 64;

std::string reason(int number) { return std::generic_category().message(number); }

tl::unexpected<Error> cannot(const std::filesystem::path& path, const std::string& why) {
  return fail(ErrorCode::cannot_bind, "admin socket " + base::quoted(path.native()) + ": " + why);
}

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

/// The socket API takes every address type through a pointer to the general one.
const sockaddr* general(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

bool somebody_listens(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool connected = ::connect(probe, general(address), sizeof address) == 0 || errno == EAGAIN;
  ::close(probe);
  return connected;
}

Result<void> clear_the_place(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) return cannot(path, "a file that is no socket is in the way; remove it");
  if (somebody_listens(address)) {
    return cannot(path, "another node listens there; stop it, or choose another admin.socket");
  }
  if (::unlink(path.c_str()) != 0) return cannot(path, reason(errno));
  return {};
}

}  // namespace

UnixSocket::UnixSocket(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {
  struct stat made {};
  if (::lstat(path_.c_str(), &made) == 0) inode_ = made.st_ino;
}

UnixSocket::~UnixSocket() {
  if (fd_ >= 0) ::close(fd_);
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && found.st_ino == inode_) ::unlink(path_.c_str());
}

int UnixSocket::release() { return std::exchange(fd_, -1); }

Result<std::unique_ptr<UnixSocket>> UnixSocket::listen(const std::filesystem::path& path) {
  const std::size_t bytes = path.native().size();
  if (bytes == 0 || bytes > limits::unix_path_bytes_max) {
    return fail(ErrorCode::invalid_argument, "admin socket path " + base::quoted(path.native()) + " has " +
                                                 std::to_string(bytes) + " bytes; it must have 1 to " +
                                                 std::to_string(limits::unix_path_bytes_max) +
                                                 "; set admin.socket to a shorter one");
  }
  const sockaddr_un address = address_of(path);
  if (auto cleared = clear_the_place(path, address); !cleared) return tl::unexpected(cleared.error());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return cannot(path, reason(errno));
  // The mode is set before bind, so that there is no moment in which others could connect.
  ::fchmod(fd, S_IRUSR | S_IWUSR);
  if (::bind(fd, general(address), sizeof address) != 0 || ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 ||
      ::listen(fd, backlog) != 0) {
    const std::string why = reason(errno);
    ::close(fd);
    return cannot(path, why);
  }
  return std::unique_ptr<UnixSocket>(new UnixSocket(fd, path));
}

}  // namespace evmesh::admin
