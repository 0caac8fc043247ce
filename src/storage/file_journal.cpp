#include "storage/file_journal.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.hpp"
#include "storage/commit_reader.hpp"

namespace evmesh::storage {

FileJournal::FileJournal(Parts parts)
    : disk_(parts.disk),
      options_(parts.options),
      salt_(salt_of(parts.anchor->slot().owner)),
      anchor_(std::move(parts.anchor)),
      pool_(std::move(parts.pool)),
      scrubbed_(parts.log.begin),
      live_(std::move(parts.log.live)),
      begin_(parts.log.begin),
      end_(parts.log.end),
      synced_(parts.log.end) {}

Position FileJournal::begin() const { return begin_.position; }

Result<void> FileJournal::alive() const {
  const std::lock_guard lock(mutex_);
  if (failed_) return tl::unexpected(*failed_);
  return {};
}

Result<void> FileJournal::stop(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!failed_) failed_ = error;
  return tl::unexpected(*failed_);
}

Result<void> FileJournal::refusal_of(const Commit& commit) const {
  const std::uint64_t size = commit.bytes().size();
  if (commit.empty()) return fail(ErrorCode::invalid_argument, "a commit without records");
  if (commit.begin() != end_.position) {
    return fail(ErrorCode::invalid_argument, "a commit built for position " + std::to_string(commit.begin()) +
                                                 ", but the journal ends at " +
                                                 std::to_string(end_.position));
  }
  if (size > largest_commit()) {
    return fail(ErrorCode::invalid_argument, "a commit of " + std::to_string(size) +
                                                 " bytes; the largest has " +
                                                 std::to_string(largest_commit()));
  }
  if (size > room()) {
    return fail(ErrorCode::busy, "no room for a commit of " + std::to_string(size) + " bytes in " +
                                     disk_.path_of("") + "; free some space on the disk");
  }
  return {};
}

Result<void> FileJournal::append(Commit& commit) {
  if (auto living = alive(); !living) return living;
  if (auto fits = refusal_of(commit); !fits) return fits;
  if (live_.empty() || live_.back()->left() < commit.bytes().size()) {
    if (auto rolled = roll(); !rolled) return rolled;
  }
  Segment& segment = *live_.back();
  const Tail after{commit.end(), commit.seal({end_.chain, tail().position, salt_})};
  if (auto written = segment.file->write(segment.used, commit.bytes()); !written)
    return stop(written.error());
  segment.used += commit.bytes().size();
  const std::lock_guard lock(mutex_);
  end_ = after;
  return {};
}

/// The segment that is left is synced first, so that a commit in a later one proves all before it.
Result<void> FileJournal::roll() {
  if (auto synced = sync(); !synced) return synced;
  auto segment = pool_.take();
  assert(segment != nullptr);
  segment->begin = end_;
  const std::lock_guard lock(mutex_);
  live_.push_back(std::move(segment));
  return {};
}

/// What is appended meanwhile may be on the disk then, or not: it is not counted. One sync at a time: of two
/// that run at once, the kernel tells only one that pages were lost, and the other would take them for
/// written.
Result<void> FileJournal::sync() {
  const std::lock_guard one(sync_mutex_);
  Tail written;
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return tl::unexpected(*failed_);
    if (synced_ == end_) return {};
    written = end_;
    segment = live_.back();
  }
  if (auto synced = segment->file->sync(); !synced) return stop(synced.error());
  const std::lock_guard lock(mutex_);
  if (written.position > synced_.position) synced_ = written;
  return {};
}

Tail FileJournal::tail() const {
  const std::lock_guard lock(mutex_);
  return synced_;
}

AnchorSlot FileJournal::anchor_slot() const {
  AnchorSlot slot = anchor_->slot();
  slot.tail = tail();
  return slot;
}

Result<void> FileJournal::anchor() {
  if (auto living = alive(); !living) return living;
  if (anchor_->slot().tail == tail()) return {};
  if (auto written = anchor_->write(anchor_slot()); !written) return stop(written.error());
  return {};
}

Result<void> FileJournal::drop(Position keep) {
  if (keep > end_.position) {
    return fail(ErrorCode::invalid_argument, "cannot drop before " + std::to_string(keep) +
                                                 ": the journal ends at " + std::to_string(end_.position));
  }
  if (auto living = alive(); !living) return living;
  if (live_.size() < 2 || live_[1]->begin.position > keep) return {};
  if (auto synced = sync(); !synced) return synced;
  if (auto dropped = give_up_before(keep); !dropped) return stop(dropped.error());
  return {};
}

/// Both slots of the anchor say so before the first file goes: whichever of them survives, no file is missed.
Result<void> FileJournal::give_up_before(Position keep) {
  std::size_t count = 1;
  while (count + 1 < live_.size() && live_[count + 1]->begin.position <= keep) ++count;
  AnchorSlot slot = anchor_slot();
  slot.segment = live_[count]->number;
  slot.begin = live_[count]->begin;
  if (auto written = anchor_->write_both(slot); !written) return written;
  for (; count > 0; --count) {
    const auto segment = live_.front();
    {
      const std::lock_guard lock(mutex_);
      live_.pop_front();
      begin_ = live_.front()->begin;
    }
    if (auto released = pool_.release(segment->number, segment->bytes); !released) return released;
  }
  return disk_.sync_directory();
}

std::uint64_t FileJournal::room() const {
  // What is left of the current segment counts while a commit can use it: alone, or as one of several.
  return pool_.room() + (live_.empty() ? 0 : live_.back()->left());
}

void FileJournal::prepare() {
  if (!alive()) return;
  const std::uint64_t wanted = (full_ ? 2 : 1) * options_.reserve_bytes;
  full_ = full_ && room() < wanted;
  // What another thread is making need not be made twice, as long as there is enough to go on with.
  if (room() >= wanted || (stock_is_coming() && room() >= options_.reserve_bytes / 2)) return;
  make_ready();
}

/// Also takes over what has come.
bool FileJournal::stock_is_coming() {
  const std::lock_guard lock(mutex_);
  if (stock_ == Stock::there) {
    pool_.adopt_blank();
    stock_ = Stock::none;
  }
  return stock_ == Stock::coming;
}

void FileJournal::make_ready() {
  auto segment = pool_.furnish();
  if (segment) {
    const auto published = pool_.publish(std::move(*segment));
    // Nobody knows then under which name the file will be found.
    if (!published && !is_no_space(published.error())) static_cast<void>(stop(published.error()));
    full_ = full_ || !published;
  } else {
    full_ = true;
  }
}

bool FileJournal::wants_stock() const {
  const std::lock_guard lock(mutex_);
  return stock_ == Stock::none && !failed_ && !full_ && pool_.spares() == 0 &&
         room() < options_.reserve_bytes + options_.segment_bytes / 2;
}

void FileJournal::stock() {
  {
    const std::lock_guard lock(mutex_);
    if (stock_ != Stock::none || failed_) return;
    stock_ = Stock::coming;
  }
  const bool made = pool_.make_blank();
  const std::lock_guard lock(mutex_);
  stock_ = made ? Stock::there : Stock::none;
}

Result<void> FileJournal::replay(const Visit& visit) const {
  if (auto living = alive(); !living) return living;
  for (const auto& segment : live_) {
    if (auto visited = visit_segment(*segment, visit); !visited) return visited;
  }
  return {};
}

Result<void> FileJournal::visit_segment(const Segment& segment, const Visit& visit) const {
  CommitReader reader(segment, salt_, block_bytes, segment.begin);
  while (reader.offset() < segment.used) {
    const auto more = reader.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return damaged(disk_, segment.name, reader.offset(), reader.fault());
    RecordWalk records = reader.records();
    while (const auto record = records.next()) {
      if (auto visited = visit(record->position, record->bytes); !visited) return visited;
    }
  }
  return {};
}

}  // namespace evmesh::storage
