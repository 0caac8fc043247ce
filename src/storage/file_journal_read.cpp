// What verifies single records and goes round: `read` and `scrub` of the journal in segment files.
#include <algorithm>

#include "base/limits.hpp"
#include "storage/commit_reader.hpp"
#include "storage/file_journal.hpp"

namespace evmesh::storage {

namespace {

auto dropped(Position record) {
  return fail(ErrorCode::storage, "the record at position " + std::to_string(record) + " was dropped");
}

}  // namespace

Result<std::string> FileJournal::read(Position record) const {
  const auto place = place_of(record);
  if (!place) return tl::unexpected(place.error());
  auto bytes = read_at(*place, record);
  // The file may have been given up and used again meanwhile.
  if (!bytes && !place_of(record)) return dropped(record);
  return bytes;
}

Result<FileJournal::Place> FileJournal::place_of(Position record) const {
  const std::lock_guard lock(mutex_);
  if (failed_) return tl::unexpected(*failed_);
  if (record < begin_.position) return dropped(record);
  if (record >= end_.position) {
    return fail(ErrorCode::storage, "there is no record at position " + std::to_string(record) +
                                        ": the journal ends at " + std::to_string(end_.position));
  }
  const auto later = std::upper_bound(
      live_.begin(), live_.end(), record,
      [](Position position, const auto& segment) { return position < segment->begin.position; });
  return Place{*std::prev(later), later == live_.end() ? end_.position : (*later)->begin.position};
}

Result<std::string> FileJournal::read_at(const Place& place, Position record) const {
  const Segment& segment = *place.segment;
  const std::uint64_t offset = segment.offset_of(record);
  char header[record_header_bytes];
  const auto head = segment.file->read(offset, header);
  if (!head) return tl::unexpected(head.error());
  const std::string_view frame(header, *head);
  const std::uint64_t left = place.end - record;
  const std::uint64_t length = frame.size() < record_header_bytes ? 0 : record_length(frame);
  if (length == 0 || length > limits::journal_record_bytes_max || length + record_header_bytes > left) {
    return damaged(disk_, segment.name, offset, "no record stands here");
  }
  std::string bytes(length, '\0');
  const auto count = segment.file->read(offset + record_header_bytes, bytes);
  if (!count) return tl::unexpected(count.error());
  bytes.resize(*count);
  if (bytes.size() != length || !record_sound(frame, bytes, record)) {
    return damaged(disk_, segment.name, offset, "the record's checksum does not fit");
  }
  return bytes;
}

Result<void> FileJournal::scrub(std::uint64_t bytes) {
  if (auto living = alive(); !living) return living;
  std::uint64_t around = end_.position - begin_.position;  // no byte twice in one call
  bytes = std::min(bytes, around);
  while (bytes > 0) {
    const auto done = scrub_some(bytes);
    if (!done) return tl::unexpected(done.error());
    bytes -= std::min(bytes, *done);
  }
  return {};
}

/// Goes on in one segment; how many bytes it read.
Result<std::uint64_t> FileJournal::scrub_some(std::uint64_t bytes) {
  if (scrubbed_.position < begin_.position || scrubbed_.position >= end_.position) {
    scrubbed_ = begin_;
    if (auto sound = anchor_->check(); !sound) return tl::unexpected(sound.error());
  }
  const auto place = place_of(scrubbed_.position);
  if (!place) return tl::unexpected(place.error());
  const Segment& segment = *place->segment;
  const Position from = scrubbed_.position;
  if (from == segment.begin.position) {
    if (auto sound = check_header(disk_, options_.owner, segment); !sound)
      return tl::unexpected(sound.error());
  }
  CommitReader reader(segment, salt_, segment.offset_of(from), scrubbed_);
  while (scrubbed_.position < place->end && scrubbed_.position - from < bytes) {
    const auto more = reader.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return damaged(disk_, segment.name, reader.offset(), reader.fault());
    scrubbed_ = reader.tail();
  }
  return scrubbed_.position - from;
}

}  // namespace evmesh::storage
