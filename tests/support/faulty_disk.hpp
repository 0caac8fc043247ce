#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/disk.hpp"

namespace evmesh::support {

/// The real disk of a directory, with a hand on it: syncs of files can be held and made to fail, and it can
/// be full: no file is made or grows then. Thread-safe.
class FaultyDisk final : public storage::Disk {
 public:
  explicit FaultyDisk(const std::filesystem::path& directory)
      : disk_(storage::open_disk(directory).value()) {}

  /// From now on whoever syncs a file waits until `release`.
  void hold_syncs() {
    const std::lock_guard lock(hands_.mutex);
    hands_.holding = true;
  }
  void release() {
    const std::lock_guard lock(hands_.mutex);
    hands_.holding = false;
    hands_.changed.notify_all();
  }
  [[nodiscard]] bool wait_held(std::chrono::milliseconds timeout) {
    std::unique_lock lock(hands_.mutex);
    return hands_.changed.wait_for(lock, timeout, [this] { return hands_.held > 0; });
  }

  /// From now on no sync succeeds, also of those that are held.
  void break_syncs() {
    const std::lock_guard lock(hands_.mutex);
    hands_.broken = true;
  }
  void set_full(bool full) {
    const std::lock_guard lock(hands_.mutex);
    hands_.full = full;
  }

  [[nodiscard]] Result<std::unique_ptr<storage::File>> open(std::string_view name, bool create) override {
    if (create && hands_.is_full()) return tl::unexpected(storage::no_space_error("create " + path_of(name)));
    auto file = disk_->open(name, create);
    if (!file) return file;
    return std::unique_ptr<storage::File>(new Held(std::move(*file), hands_, path_of(name)));
  }
  [[nodiscard]] Result<std::vector<std::string>> list() const override { return disk_->list(); }
  [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override {
    return disk_->rename(from, to);
  }
  [[nodiscard]] Result<void> remove(std::string_view name) override { return disk_->remove(name); }
  [[nodiscard]] Result<void> sync_directory() override { return disk_->sync_directory(); }
  [[nodiscard]] std::string path_of(std::string_view name) const override { return disk_->path_of(name); }

 private:
  struct Hands {
    std::mutex mutex;  // guards all below
    std::condition_variable changed;
    bool holding = false;
    bool broken = false;
    bool full = false;
    int held = 0;

    [[nodiscard]] bool is_full() {
      const std::lock_guard lock(mutex);
      return full;
    }
  };

  class Held final : public storage::File {
   public:
    Held(std::unique_ptr<storage::File> file, Hands& hands, std::string path)
        : file_(std::move(file)), hands_(hands), path_(std::move(path)) {}

    [[nodiscard]] Result<void> write(std::uint64_t offset, std::string_view bytes) override {
      return file_->write(offset, bytes);
    }
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<char> to) const override {
      return file_->read(offset, to);
    }
    [[nodiscard]] Result<void> sync() override {
      std::unique_lock lock(hands_.mutex);
      ++hands_.held;
      hands_.changed.notify_all();
      hands_.changed.wait(lock, [this] { return !hands_.holding; });
      --hands_.held;
      if (hands_.broken) return fail(ErrorCode::storage, "cannot sync " + path_ + ": broken by the test");
      lock.unlock();
      return file_->sync();
    }
    [[nodiscard]] Result<std::uint64_t> size() const override { return file_->size(); }
    [[nodiscard]] Result<void> reserve(std::uint64_t bytes) override {
      if (hands_.is_full()) return tl::unexpected(storage::no_space_error("reserve " + path_));
      return file_->reserve(bytes);
    }

   private:
    const std::unique_ptr<storage::File> file_;
    Hands& hands_;
    const std::string path_;
  };

  const std::unique_ptr<storage::Disk> disk_;
  Hands hands_;
};

}  // namespace evmesh::support
