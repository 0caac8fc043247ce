#include <algorithm>
#include <deque>
#include <limits>
#include <mutex>

#include "base/limits.hpp"
#include "storage/journal.hpp"

namespace evmesh::storage {

namespace {

/// Sealed commits in a queue.
class MemoryJournal final : public Journal {
 public:
  [[nodiscard]] Position begin() const override {
    return kept_.empty() ? end_.position : kept_.front().begin;
  }
  [[nodiscard]] Position end() const override { return end_.position; }

  [[nodiscard]] Result<void> append(Commit& commit) override {
    if (commit.empty()) return fail(ErrorCode::invalid_argument, "a commit without records");
    if (commit.begin() != end_.position) {
      return fail(ErrorCode::invalid_argument,
                  "a commit built for position " + std::to_string(commit.begin()) +
                      ", but the journal ends at " + std::to_string(end_.position));
    }
    const Tail after{commit.end(), commit.seal({.chain = end_.chain, .synced = tail().position})};
    const std::lock_guard lock(mutex_);
    kept_.push_back({commit.begin(), std::string(commit.bytes())});
    end_ = after;
    return {};
  }

  [[nodiscard]] Result<void> sync() override {
    const std::lock_guard lock(mutex_);
    synced_ = end_;
    return {};
  }

  [[nodiscard]] Result<std::string> read(Position record) const override {
    const std::lock_guard lock(mutex_);
    const auto later =
        std::upper_bound(kept_.begin(), kept_.end(), record,
                         [](Position position, const Kept& kept) { return position < kept.begin; });
    if (later == kept_.begin() || record >= end_.position) return none(record);
    RecordWalk records = std::prev(later)->records();
    while (const auto found = records.next()) {
      if (found->position == record) return std::string(found->bytes);
    }
    return none(record);
  }

  [[nodiscard]] Result<void> replay(const Visit& visit) const override {
    for (const auto& kept : kept_) {
      RecordWalk records = kept.records();
      while (const auto record = records.next()) {
        if (auto visited = visit(record->position, record->bytes); !visited) return visited;
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> drop(Position keep) override {
    if (keep > end_.position) {
      return fail(ErrorCode::invalid_argument, "cannot drop before " + std::to_string(keep) +
                                                   ": the journal ends at " + std::to_string(end_.position));
    }
    const std::lock_guard lock(mutex_);
    while (!kept_.empty() && kept_.front().end() <= keep) kept_.pop_front();
    return {};
  }

  [[nodiscard]] std::uint64_t room() const override { return std::numeric_limits<std::uint64_t>::max(); }
  [[nodiscard]] std::uint64_t largest_commit() const override { return limits::journal_segment_bytes_max; }
  void prepare() override {}
  [[nodiscard]] bool full() const override { return false; }
  void stock() override {}
  [[nodiscard]] bool wants_stock() const override { return false; }
  [[nodiscard]] Result<void> scrub(std::uint64_t) override { return {}; }
  [[nodiscard]] Tail tail() const override {
    const std::lock_guard lock(mutex_);
    return synced_;
  }
  [[nodiscard]] Result<void> anchor() override { return {}; }

 private:
  struct Kept {
    Position begin = 0;
    std::string bytes;

    [[nodiscard]] Position end() const { return begin + bytes.size(); }
    [[nodiscard]] RecordWalk records() const {
      return {std::string_view(bytes).substr(commit_header_bytes), begin + commit_header_bytes};
    }
  };

  static tl::unexpected<Error> none(Position record) {
    return fail(ErrorCode::storage,
                "there is no record at position " + std::to_string(record) + ", or it was dropped");
  }

  // What `read` and `sync` need, from other threads.
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;
  Tail end_;
  Tail synced_;
};

}  // namespace

std::unique_ptr<Journal> memory_journal() { return std::make_unique<MemoryJournal>(); }

}  // namespace evmesh::storage
