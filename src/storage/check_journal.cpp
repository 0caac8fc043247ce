#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "storage/anchor.hpp"
#include "storage/commit_reader.hpp"
#include "storage/journal.hpp"
#include "storage/log_recovery.hpp"
#include "storage/segment.hpp"

namespace evmesh::storage {

namespace {

using VisitRecord = std::function<void(Position, std::string_view)>;

/// One look at a directory: first the questions that opening asks, then, whatever their answers, all records
/// that stand whole in the files.
class Check {
 public:
  Check(Disk& disk, const VisitRecord& visit) : disk_(disk), visit_(visit) {}

  JournalReport run() {
    const auto files = JournalFiles::list(disk_);
    if (!files) {
      damage(files.error().message);
      return std::move(report_);
    }
    for (const auto& name : files->unfinished) {
      note(disk_.path_of(name) + ": left by a life that did not finish it; the next start removes it");
    }
    if (!files->anchor && files->segments.empty() && files->spares.empty()) return std::move(report_);
    read_anchor();
    const auto kept = std::lower_bound(files->segments.begin(), files->segments.end(), anchor_.segment);
    const std::vector<std::uint64_t> numbers(kept, files->segments.end());
    if (known_) judge(numbers);
    for (const std::uint64_t number : numbers) read_segment(number);
    report_.begin = anchor_.begin.position;
    report_.end = std::clamp(next_, report_.begin, std::max(limit_, report_.begin));
    return std::move(report_);
  }

 private:
  void note(std::string finding) { report_.findings.push_back(std::move(finding)); }

  /// What cannot be read behind the end of a log that opens is what the next start cuts off.
  void damage(std::string finding) {
    note(std::move(finding));
    report_.damaged = report_.damaged || !opens_;
  }

  void read_anchor() {
    const auto anchor = Anchor::open(disk_);
    known_ = anchor.has_value();
    if (!known_) return damage(anchor.error().message);
    anchor_ = (*anchor)->slot();
    for (const auto& finding : (*anchor)->findings()) {
      note(finding + "; the other slot is sound, and the next start writes this one again");
    }
  }

  /// What opening would say.
  void judge(const std::vector<std::uint64_t>& numbers) {
    const auto log = find_log(disk_, anchor_, numbers);
    if (!log) return damage(log.error().message);
    opens_ = true;
    limit_ = log->end.position;
    for (const auto& leftover : log->leftovers) {
      note(disk_.path_of(leftover.segment->name) + ", offset " + std::to_string(leftover.offset) +
           ": commits that were never synced; nobody was told that they were, and the next start cuts them "
           "off");
    }
  }

  void read_segment(std::uint64_t number) {
    auto segment = std::make_shared<Segment>();
    segment->name = segment_name(number);
    auto file = disk_.open(segment->name, false);
    if (!file) return damage(file.error().message);
    segment->file = std::move(*file);
    const auto size = segment->file->size();
    if (!size) return damage(size.error().message);
    segment->bytes = *size;
    if (!known_) learn_owner(*segment);
    read_commits(*segment);
  }

  /// Without an anchor, a segment's header says whose journal it is.
  void learn_owner(const Segment& segment) {
    std::string block(block_bytes, '\0');
    const auto count = segment.file->read(0, block);
    block.resize(count.value_or(0));
    const auto header = decode_segment_header(block);
    if (!header) return damage(damaged(disk_, segment.name, 0, header.error().message).value().message);
    anchor_.owner = header->owner;
  }

  /// From header to header, wherever the next one is: old bytes behind the end claim positions that were
  /// dropped.
  void read_commits(const Segment& segment) {
    const std::uint32_t salt = salt_of(anchor_.owner);
    Window window(segment);
    Position least = std::max(next_, anchor_.begin.position);
    std::uint64_t offset = block_bytes;
    while (true) {
      const auto found = find_commit(segment, salt, offset, least);
      if (!found) return damage(found.error().message);
      const auto& header = *found ? (*found)->header : CommitHeader{};
      const std::uint64_t end = *found ? (*found)->offset : segment.bytes;
      if (end > offset) read_between(segment, window, offset, end, least);
      if (!*found) return;
      read_commit(segment, window, **found);
      offset = end + header.length;
      least = next_ = header.after().position;
    }
  }

  void read_commit(const Segment& segment, Window& window, const FoundCommit& found) {
    const auto commit = window.view(found.offset, found.header.length);
    if (!commit) return damage(commit.error().message);
    const auto fault = fault_in(found.header, *commit);
    if (!fault.empty()) damage(damaged(disk_, segment.name, found.offset, fault).value().message);
    visit_sound({commit->substr(std::min(commit->size(), commit_header_bytes)),
                 found.header.position + commit_header_bytes});
  }

  /// Where a header should be and is not, its records may still be whole: their checksums know their places.
  void read_between(const Segment& segment, Window& window, std::uint64_t offset, std::uint64_t end,
                    Position position) {
    if (end - offset <= commit_header_bytes) return;
    const auto bytes = window.view(offset, end - offset);
    if (!bytes) return damage(bytes.error().message);
    if (end < segment.bytes)
      damage(damaged(disk_, segment.name, offset, "no sound commit stands here").value().message);
    visit_sound({bytes->substr(commit_header_bytes), position + commit_header_bytes});
  }

  void visit_sound(RecordWalk records) {
    while (const auto record = records.next()) {
      if (!record->sound || record->position >= limit_) continue;
      ++report_.records;
      visit_(record->position, record->bytes);
    }
  }

  Disk& disk_;
  const VisitRecord& visit_;
  JournalReport report_;
  AnchorSlot anchor_;
  bool known_ = false;  // the anchor could be read
  bool opens_ = false;
  Position next_ = 0;  // where the commit behind the latest one would stand
  Position limit_ = std::numeric_limits<Position>::max();  // where the log ends, when it opens
};

std::optional<NodeId> owner_in_segment(Disk& disk, std::uint64_t number) {
  auto file = disk.open(segment_name(number), false);
  if (!file) return std::nullopt;
  std::string block(block_bytes, '\0');
  block.resize((*file)->read(0, block).value_or(0));
  const auto header = decode_segment_header(block);
  return header ? std::optional(header->owner) : std::nullopt;
}

}  // namespace

JournalReport check_journal(Disk& disk, const std::function<void(Position, std::string_view)>& visit) {
  return Check(disk, visit).run();
}

std::optional<NodeId> journal_owner(Disk& disk) {
  if (const auto anchor = Anchor::open(disk)) return (*anchor)->slot().owner;
  const auto files = JournalFiles::list(disk);
  for (const std::uint64_t number : files ? files->segments : std::vector<std::uint64_t>()) {
    if (auto owner = owner_in_segment(disk, number)) return owner;
  }
  return std::nullopt;
}

}  // namespace evmesh::storage
