#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/exit_code.hpp"

namespace evmesh::peers {

/// Owns a file descriptor. Movable, not copyable.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

  /// Gives the descriptor away.
  [[nodiscard]] int release();

 private:
  int fd_ = -1;
};

/// Opens /dev/null for standard input, output and error where they are closed: a file or socket that is
/// opened later must not get their numbers. To be called before anything is opened.
void open_standard_streams();

/// The text of an errno value, for example "No space left on device". Thread-safe.
[[nodiscard]] std::string errno_text(int number);

/// `io` naming the file and the reason, with a cure for a full disk.
[[nodiscard]] Failure io_failure(std::string_view what, const std::filesystem::path& file, int number);

/// Writes all of `bytes` at the descriptor's place; 0 or the errno. Tries again after EINTR.
[[nodiscard]] int write_fully(int fd, std::string_view bytes);

/// The whole file. `io` when it cannot be read.
[[nodiscard]] Outcome<std::string> read_file(const std::filesystem::path& file);

/// Makes `file` hold exactly `bytes`, or what it held before: a temporary file beside it, synced, renamed
/// over it, and the directory synced. Mode 0600. `io` when a step fails; the temporary file is taken away
/// then.
[[nodiscard]] Outcome<void> replace_file(const std::filesystem::path& file, std::string_view bytes);

/// Makes renames and removals in `directory` last through a power cut.
[[nodiscard]] Outcome<void> sync_directory(const std::filesystem::path& directory);

/// Makes `directory` (mode 0700, parents too) when it is missing. `cannot_create` naming it.
[[nodiscard]] Outcome<void> make_directory(const std::filesystem::path& directory);

/// Holds `directory` for this process: a lock on its file `lock`, which also names the holder. Released with
/// the value and by the end of the process, however it ends. `cannot_create` naming the pid of the other
/// process.
[[nodiscard]] Outcome<Fd> lock_directory(const std::filesystem::path& directory);

}  // namespace evmesh::peers
