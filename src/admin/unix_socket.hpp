#pragma once

#include <filesystem>
#include <memory>

#include <evmesh/result.hpp>

namespace evmesh::admin {

/// A listening UNIX socket that only its owner may use (mode 0600). The file goes away with the object.
/// Thread-bound.
class UnixSocket {
 public:
  /// Takes the place of a socket file that nobody listens on. Errors: `invalid_argument` for a path over 107
  /// bytes, `cannot_bind` when somebody listens there, something else is in the way, or the directory
  /// refuses.
  [[nodiscard]] static Result<std::unique_ptr<UnixSocket>> listen(const std::filesystem::path& path);

  ~UnixSocket();
  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  /// Gives the descriptor away: whoever takes it closes it. The file still goes away with this object.
  [[nodiscard]] int release();

 private:
  UnixSocket(int fd, std::filesystem::path path);

  int fd_;
  std::filesystem::path path_;
  unsigned long inode_ = 0;  // only our own file is removed at the end
};

}  // namespace evmesh::admin
