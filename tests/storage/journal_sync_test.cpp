// Two threads that sync at once: the kernel tells a failed write-back to one of them only.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

#include "storage/journal_support.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::testing;

namespace {

/// What the two threads do, and the test waits for.
struct Meeting {
  std::mutex mutex;
  std::condition_variable changed;
  bool armed = false;  // the next sync is the one that fails
  int inside = 0;      // syncs that were begun since then

  /// Whether this sync is to fail: the first one, which stays until a second one has come, or surely will
  /// not.
  bool fails() {
    std::unique_lock lock(mutex);
    if (!armed) return false;
    changed.notify_all();
    if (++inside > 1) return false;
    changed.wait_for(lock, std::chrono::milliseconds(300), [this] { return inside > 1; });
    return true;
  }

  void arm() {
    const std::lock_guard lock(mutex);
    armed = true;
  }

  void wait_for_first() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return inside > 0; });
  }
};

class MeetingFile final : public File {
 public:
  MeetingFile(std::unique_ptr<File> file, Meeting& meeting) : file_(std::move(file)), meeting_(meeting) {}

  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    return file_->write(offset, bytes);
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> to) const override {
    return file_->read(offset, to);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<void> reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  Result<void> sync() override {
    if (meeting_.fails()) return fail(ErrorCode::storage, "pages were lost");
    return file_->sync();
  }

 private:
  std::unique_ptr<File> file_;
  Meeting& meeting_;
};

class MeetingDisk final : public Disk {
 public:
  explicit MeetingDisk(Meeting& meeting) : meeting_(meeting) {}

  Result<std::unique_ptr<File>> open(std::string_view name, bool create) override {
    auto file = disk_.open(name, create);
    if (!file) return file;
    return std::make_unique<MeetingFile>(std::move(*file), meeting_);
  }
  Result<std::vector<std::string>> list() const override { return disk_.list(); }
  Result<void> rename(std::string_view from, std::string_view to) override { return disk_.rename(from, to); }
  Result<void> remove(std::string_view name) override { return disk_.remove(name); }
  Result<void> sync_directory() override { return disk_.sync_directory(); }
  std::string path_of(std::string_view name) const override { return disk_.path_of(name); }

 private:
  CrashingDisk disk_{1};
  Meeting& meeting_;
};

}  // namespace

TEST_CASE("of two syncs at once, none succeeds when one has failed", "[storage][journal][crash]") {
  Meeting meeting;
  MeetingDisk disk(meeting);
  const auto journal = opened(disk);
  append(*journal, {"one"});
  meeting.arm();

  Result<void> first;
  std::thread other([&] { first = journal->sync(); });
  meeting.wait_for_first();
  append(*journal, {"two"});
  const auto second = journal->sync();
  other.join();

  CHECK(first.error().message == "pages were lost");
  REQUIRE_FALSE(second);
  CHECK(second.error().message == "pages were lost");
  CHECK(journal->tail().position == 0);
}
