#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/anchor.hpp"
#include "storage/journal.hpp"
#include "storage/log_recovery.hpp"
#include "storage/segment_pool.hpp"

namespace evmesh::storage {

/// The journal in segment files (README.md).
class FileJournal final : public Journal {
 public:
  struct Parts {
    Disk& disk;
    JournalOptions options;
    std::unique_ptr<Anchor> anchor;
    SegmentPool pool;
    FoundLog log;  ///< settled
  };
  explicit FileJournal(Parts parts);

  [[nodiscard]] Position begin() const override;
  [[nodiscard]] Position end() const override { return end_.position; }
  [[nodiscard]] Result<void> append(Commit& commit) override;
  [[nodiscard]] Result<void> sync() override;
  [[nodiscard]] Result<std::string> read(Position record) const override;
  [[nodiscard]] Result<void> replay(const Visit& visit) const override;
  [[nodiscard]] Result<void> drop(Position keep) override;
  [[nodiscard]] std::uint64_t room() const override;
  [[nodiscard]] std::uint64_t largest_commit() const override { return pool_.largest_commit(); }
  void prepare() override;
  [[nodiscard]] bool full() const override { return full_; }
  void stock() override;
  [[nodiscard]] bool wants_stock() const override;
  [[nodiscard]] Result<void> scrub(std::uint64_t bytes) override;
  [[nodiscard]] Tail tail() const override;
  [[nodiscard]] Result<void> anchor() override;

 private:
  /// A segment, and the position before which it may be read.
  struct Place {
    std::shared_ptr<const Segment> segment;
    Position end = 0;
  };

  [[nodiscard]] Result<void> alive() const;
  [[nodiscard]] Result<void> stop(const Error& error);
  [[nodiscard]] Result<void> refusal_of(const Commit& commit) const;
  [[nodiscard]] Result<void> roll();
  [[nodiscard]] bool stock_is_coming();
  void make_ready();
  [[nodiscard]] AnchorSlot anchor_slot() const;
  [[nodiscard]] Result<void> give_up_before(Position keep);
  [[nodiscard]] Result<Place> place_of(Position record) const;
  [[nodiscard]] Result<std::string> read_at(const Place& place, Position record) const;
  [[nodiscard]] Result<void> visit_segment(const Segment& segment, const Visit& visit) const;
  [[nodiscard]] Result<std::uint64_t> scrub_some(std::uint64_t bytes);
  [[nodiscard]] Result<void> scrub_begin(const Segment& segment) const;

  Disk& disk_;
  const JournalOptions options_;
  const std::uint32_t salt_;
  const std::unique_ptr<Anchor> anchor_;
  SegmentPool pool_;
  bool full_ = false;
  Tail scrubbed_;  // where the next `scrub` goes on

  enum class Stock : std::uint8_t { none, coming, there };

  std::mutex sync_mutex_;  // held while the disk syncs; taken before the other one

  // What `read` and `sync` need, from other threads; but for the tail it is changed by the owner's thread
  // alone, under the mutex.
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Segment>> live_;
  Tail begin_;
  Tail end_;
  Tail synced_;
  std::optional<Error> failed_;
  Stock stock_ = Stock::none;
};

}  // namespace evmesh::storage
