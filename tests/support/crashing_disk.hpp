#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "storage/disk.hpp"

namespace evmesh::support {

/// What the call that is told to fail does. A failed write or sync leaves any part of itself done; a failed
/// sync makes the disk forget what it still owed, as Linux does: what can be read afterwards is not what a
/// power cut leaves.
enum class DiskFault {
  input_output,  ///< EIO, once
  no_space,      ///< ENOSPC, once
  power,         ///< that call and all after it fail, until `crash`
};

/// A disk in memory that can lose what was not synced. Everything that chance decides comes from the seed.
/// Files of before a crash must not be used after it. Thread-safe.
class CrashingDisk final : public storage::Disk {
 public:
  /// What is in the files, by name.
  using Contents = std::map<std::string, std::string>;

  explicit CrashingDisk(std::uint64_t seed, const Contents& contents = {});

  [[nodiscard]] Result<std::unique_ptr<storage::File>> open(std::string_view name, bool create) override;
  [[nodiscard]] Result<std::vector<std::string>> list() const override;
  [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;
  [[nodiscard]] Result<void> remove(std::string_view name) override;
  [[nodiscard]] Result<void> sync_directory() override;
  [[nodiscard]] std::string path_of(std::string_view name) const override {
    return "disk/" + std::string(name);
  }

  /// Calls so far that change something: write, sync, reserve, creation, rename, remove, sync_directory.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

  /// Lets the call after the next `calls` such calls fail.
  void fail_after(std::uint64_t calls, DiskFault fault);

  /// Lets the read after the next `reads` ones fail with EIO, once.
  void fail_read_after(std::uint64_t reads) { read_fault_ = reads_ + reads; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }

  /// No file grows when all of them together would be longer than this.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

  /// Cuts the power and switches it on again. Of what was not synced, each sector of 512 bytes keeps any of
  /// the contents it had since its last sync, and each operation on the directory happened or did not.
  void crash();

  /// What a reader sees now.
  [[nodiscard]] Contents contents() const;

  /// Rot: one bit is another one from now on.
  void flip(const std::string& name, std::uint64_t offset, unsigned bit);

  /// One file; the disk's business, here for its files.
  struct Inode {
    std::string now;      // what a reader sees
    std::string durable;  // what was synced
    std::map<std::uint64_t, std::vector<std::string>>
        unsynced;  // contents of sectors since then, the oldest first
  };

 private:
  class OpenFile;
  friend class OpenFile;

  struct Operation {
    std::string unlinked;  // empty: none
    std::string linked;    // empty: none
    std::shared_ptr<Inode> inode;
  };

  [[nodiscard]] std::optional<Error> counted(std::string_view doing);
  [[nodiscard]] Result<void> do_operation(Operation operation, std::string_view doing);
  [[nodiscard]] Result<void> write(Inode& inode, std::uint64_t offset, std::string_view bytes,
                                   const std::string& name);
  [[nodiscard]] Result<std::size_t> read(const Inode& inode, std::uint64_t offset, std::span<char> to,
                                         const std::string& name);
  [[nodiscard]] Result<void> sync(Inode& inode, const std::string& name);
  [[nodiscard]] Result<void> reserve(Inode& inode, std::uint64_t bytes, const std::string& name);
  [[nodiscard]] bool fits(const Inode& inode, std::uint64_t bytes) const;
  [[nodiscard]] bool chance(unsigned percent);
  void keep_some(Inode& inode, unsigned percent);

  mutable std::mutex mutex_;
  base::SeededRandom random_;
  std::map<std::string, std::shared_ptr<Inode>> files_;
  std::map<std::string, std::shared_ptr<Inode>> durable_files_;
  std::vector<Operation> unsynced_;
  std::uint64_t capacity_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t calls_ = 0;
  std::uint64_t reads_ = 0;
  std::optional<std::uint64_t> fault_at_;
  std::optional<std::uint64_t> read_fault_;
  DiskFault fault_ = DiskFault::input_output;
  bool powered_ = true;
};

}  // namespace evmesh::support
