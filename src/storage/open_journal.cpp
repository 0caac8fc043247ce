#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "storage/anchor.hpp"
#include "storage/file_journal.hpp"
#include "storage/journal.hpp"
#include "storage/log_recovery.hpp"
#include "storage/segment_pool.hpp"

namespace evmesh::storage {

namespace {

Result<void> check_options(const JournalOptions& options) {
  const bool possible = options.segment_bytes >= limits::journal_segment_bytes_min &&
                        options.segment_bytes <= limits::journal_segment_bytes_max;
  if (possible) return {};
  return fail(ErrorCode::invalid_argument, "segments of " + std::to_string(options.segment_bytes) +
                                               " bytes; from " +
                                               std::to_string(limits::journal_segment_bytes_min) + " to " +
                                               std::to_string(limits::journal_segment_bytes_max) + " can be");
}

Result<std::unique_ptr<Anchor>> find_anchor(Disk& disk, const JournalFiles& files, const NodeId& owner) {
  if (!files.anchor && files.segments.empty() && files.spares.empty()) {
    const Tail first{0, first_chain_of(owner)};
    return Anchor::create(disk, {.owner = owner, .segment = 1, .begin = first, .tail = first});
  }
  if (!files.anchor) return damaged(disk, anchor_name, 0, "the file is missing, but there are segments");
  auto anchor = Anchor::open(disk);
  if (!anchor || (*anchor)->slot().owner == owner) return anchor;
  return damaged(disk, anchor_name, 0,
                 "the journal belongs to the node " + (*anchor)->slot().owner.to_string() + ", not to " +
                     owner.to_string());
}

/// Opening, step by step: all that only reads comes first, so that an error changes nothing.
class Opening {
 public:
  Opening(Disk& disk, const JournalOptions& options)
      : disk_(disk), options_(options), pool_(disk, options.owner, options.segment_bytes) {}

  Result<std::unique_ptr<Journal>> open() {
    auto done = check_options(options_);
    if (done) done = look();
    if (done) done = settle(disk_, log_, salt_of(options_.owner));
    if (done) done = anchor_end();
    if (done) done = remove_unfinished();
    if (done) done = keep_spares();
    if (done) done = keep_ready();
    if (done) done = disk_.sync_directory();
    if (!done) return tl::unexpected(done.error());
    return with_room(std::make_unique<FileJournal>(
        FileJournal::Parts{disk_, options_, std::move(anchor_), std::move(pool_), std::move(log_)}));
  }

 private:
  Result<void> look() {
    auto files = JournalFiles::list(disk_);
    if (!files) return tl::unexpected(files.error());
    files_ = std::move(*files);
    auto anchor = find_anchor(disk_, files_, options_.owner);
    if (!anchor) return tl::unexpected(anchor.error());
    anchor_ = std::move(*anchor);
    const auto kept =
        std::lower_bound(files_.segments.begin(), files_.segments.end(), anchor_->slot().segment);
    dropped_.assign(files_.segments.begin(), kept);
    auto log = find_log(disk_, anchor_->slot(), {kept, files_.segments.end()});
    if (!log) return tl::unexpected(log.error());
    log_ = std::move(*log);
    return {};
  }

  /// Also puts a damaged slot right.
  Result<void> anchor_end() {
    AnchorSlot slot = anchor_->slot();
    slot.tail = log_.end;
    return anchor_->write_both(slot);
  }

  Result<void> remove_unfinished() {
    // A first anchor that was not finished has been made again and has its name now.
    if (!files_.anchor) std::erase(files_.unfinished, unfinished_name(anchor_name));
    for (const auto& name : files_.unfinished) {
      if (auto removed = disk_.remove(name); !removed) return removed;
    }
    return {};
  }

  /// Those that were kept, and those that the anchor has given up but that kept their name in a crash.
  Result<void> keep_spares() {
    for (const auto& name : files_.spares) {
      if (auto adopted = pool_.adopt_spare(name); !adopted) return adopted;
    }
    for (const std::uint64_t number : dropped_) {
      const auto file = disk_.open(segment_name(number), false);
      if (!file) return tl::unexpected(file.error());
      const auto size = (*file)->size();
      if (!size) return tl::unexpected(size.error());
      if (auto released = pool_.release(number, *size); !released) return released;
    }
    return {};
  }

  /// Ready segments of another size, from before an option was changed, would not hold every commit.
  Result<void> keep_ready() {
    const bool fit = std::all_of(log_.ready.begin(), log_.ready.end(), [this](const auto& segment) {
      return segment->bytes == options_.segment_bytes;
    });
    for (; !fit && !log_.ready.empty(); log_.ready.pop_back()) {
      // The highest goes first, and for good: a crash in between must not leave a hole.
      auto done = disk_.remove(log_.ready.back()->name);
      if (done) done = disk_.sync_directory();
      if (!done) return done;
    }
    const auto& last = log_.ready.empty() ? log_.live : log_.ready;
    const std::uint64_t next = last.empty() ? anchor_->slot().segment : last.back()->number + 1;
    pool_.begin(std::exchange(log_.ready, {}), next);
    return {};
  }

  Result<std::unique_ptr<Journal>> with_room(std::unique_ptr<Journal> journal) const {
    std::uint64_t before = 0;
    do {
      before = journal->room();
      journal->prepare();
    } while (journal->room() > before);
    return journal;
  }

  Disk& disk_;
  const JournalOptions& options_;
  JournalFiles files_;
  std::unique_ptr<Anchor> anchor_;
  std::vector<std::uint64_t> dropped_;
  FoundLog log_;
  SegmentPool pool_;
};

}  // namespace

Result<std::unique_ptr<Journal>> open_journal(Disk& disk, const JournalOptions& options) {
  return Opening(disk, options).open();
}

}  // namespace evmesh::storage
