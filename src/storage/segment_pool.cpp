#include "storage/segment_pool.hpp"

#include <utility>

#include "base/limits.hpp"

namespace evmesh::storage {

SegmentPool::SegmentPool(Disk& disk, const NodeId& owner, std::uint64_t segment_bytes)
    : disk_(disk), owner_(owner), segment_bytes_(segment_bytes) {}

void SegmentPool::begin(std::deque<std::shared_ptr<Segment>> ready, std::uint64_t next) {
  ready_ = std::move(ready);
  next_ = next;
}

Result<void> SegmentPool::adopt_spare(const std::string& name) {
  const auto file = disk_.open(name, false);
  if (!file) return tl::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return tl::unexpected(size.error());
  if (*size != segment_bytes_ || spares_.size() == limits::journal_spares_max) return disk_.remove(name);
  spares_.push_back(name);
  return {};
}

Result<std::unique_ptr<File>> SegmentPool::blank_file(const std::string& name) const {
  auto file = disk_.open(name, true);
  if (!file) return file;
  if (auto reserved = (*file)->reserve(segment_bytes_); !reserved) {
    // What was reserved goes back to whoever needs it; the error that counts is the first one.
    static_cast<void>(disk_.remove(name));
    return tl::unexpected(reserved.error());
  }
  return file;
}

bool SegmentPool::make_blank() const { return blank_file(unfinished_name(spare_name(0))).has_value(); }

void SegmentPool::adopt_blank() { spares_.push_back(unfinished_name(spare_name(0))); }

Result<std::shared_ptr<Segment>> SegmentPool::furnish() {
  auto segment = std::make_shared<Segment>();
  segment->number = next_;
  segment->name = spares_.empty() ? unfinished_name(segment_name(next_)) : spares_.back();
  segment->bytes = segment_bytes_;
  auto file = spares_.empty() ? blank_file(segment->name) : disk_.open(segment->name, false);
  if (!file) return tl::unexpected(file.error());
  segment->file = std::move(*file);
  auto done = segment->file->write(0, encode(SegmentHeader{owner_, next_, segment_bytes_}));
  if (done) done = segment->file->sync();
  if (!done) return tl::unexpected(done.error());
  return segment;
}

Result<void> SegmentPool::publish(std::shared_ptr<Segment> segment) {
  const std::string from = std::exchange(segment->name, segment_name(segment->number));
  if (auto renamed = disk_.rename(from, segment->name); !renamed) return renamed;
  std::erase(spares_, from);
  if (auto synced = disk_.sync_directory(); !synced) return synced;
  // Once more, so that later errors name the file that is there.
  auto file = disk_.open(segment->name, false);
  if (!file) return tl::unexpected(file.error());
  segment->file = std::move(*file);
  ready_.push_back(std::move(segment));
  ++next_;
  return {};
}

std::shared_ptr<Segment> SegmentPool::take() {
  if (ready_.empty()) return nullptr;
  auto segment = std::move(ready_.front());
  ready_.pop_front();
  return segment;
}

Result<void> SegmentPool::release(std::uint64_t number, std::uint64_t bytes) {
  const std::string name = segment_name(number);
  if (bytes != segment_bytes_ || spares_.size() == limits::journal_spares_max) return disk_.remove(name);
  auto spare = spare_name(number);
  if (auto renamed = disk_.rename(name, spare); !renamed) return renamed;
  spares_.push_back(std::move(spare));
  return {};
}

}  // namespace evmesh::storage
