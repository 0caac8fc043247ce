#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

namespace evmesh::storage {

/// An open file. Thread-safe for reads; one writer at a time.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  /// Hands all of `bytes` to the kernel. Errors: storage (full, input/output), naming the file.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;

  /// As many bytes as there are, up to `to.size()`.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> to) const = 0;

  /// What was written is on the disk when this returns. After an error nobody knows what is: never ask again.
  [[nodiscard]] virtual Result<void> sync() = 0;

  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;

  /// Makes the file `bytes` long, its blocks written with zeros and synced, so that a later write can neither
  /// find the disk full nor change the file's length. Blocks for as long as the disk takes.
  [[nodiscard]] virtual Result<void> reserve(std::uint64_t bytes) = 0;
};

/// The files of one directory, by their plain names. Tests replace it by one that loses what was not synced.
class Disk {
 public:
  Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  virtual ~Disk() = default;

  /// Opens for reading and writing, never through a symbolic link; `create` makes an absent file (mode 0600).
  /// Errors: storage.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(std::string_view name, bool create) = 0;

  /// Sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list() const = 0;

  /// Replaces `to` when there is one.
  [[nodiscard]] virtual Result<void> rename(std::string_view from, std::string_view to) = 0;
  [[nodiscard]] virtual Result<void> remove(std::string_view name) = 0;

  /// Makes creations, renames and removals last.
  [[nodiscard]] virtual Result<void> sync_directory() = 0;

  /// For messages.
  [[nodiscard]] virtual std::string path_of(std::string_view name) const = 0;
};

/// The real one. Errors: storage when `directory` cannot be made (mode 0700) or opened.
[[nodiscard]] Result<std::unique_ptr<Disk>> open_disk(const std::filesystem::path& directory);

/// The real one, that can only be read: creates nothing, and works on a file system that is mounted
/// read-only.
[[nodiscard]] Result<std::unique_ptr<Disk>> open_disk_to_read(const std::filesystem::path& directory);

/// The error of a full disk (ENOSPC, EDQUOT), told apart from all others. `doing` is what failed: "write
/// /a/b".
[[nodiscard]] Error no_space_error(const std::string& doing);
[[nodiscard]] bool is_no_space(const Error& error);

}  // namespace evmesh::storage
