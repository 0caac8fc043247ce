#include "storage/log_recovery.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "storage/commit_reader.hpp"

namespace evmesh::storage {

namespace {

constexpr std::size_t zeros_bytes = 1U << 20;

/// One reading of a log.
class Finder {
 public:
  Finder(Disk& disk, const AnchorSlot& anchor)
      : disk_(disk), anchor_(anchor), salt_(salt_of(anchor.owner)), stop_{std::string(anchor_name), 0, ""} {
    log_.begin = log_.end = anchor.begin;
    log_.synced = anchor.tail.position;
    meet_anchor();
  }

  Result<FoundLog> find(const std::vector<std::uint64_t>& numbers) {
    auto done = open_all(numbers);
    if (done) done = read_commits();
    if (done) done = compare_with_anchor();
    if (done) done = search_behind_the_end();
    if (!done) return tl::unexpected(done.error());
    return std::move(log_);
  }

 private:
  /// Where reading stopped, and why.
  struct Stop {
    std::string name;
    std::uint64_t offset = 0;
    std::string_view fault;
  };

  Result<void> open_all(const std::vector<std::uint64_t>& numbers) {
    std::uint64_t expected = anchor_.segment;
    for (const std::uint64_t number : numbers) {
      if (number != expected) return damaged(disk_, segment_name(expected), 0, "the file is missing");
      auto segment = open_segment(disk_, anchor_.owner, number);
      if (!segment) return tl::unexpected(segment.error());
      log_.ready.push_back(std::move(*segment));
      ++expected;
    }
    return {};
  }

  /// Segments are filled one after the other: the log ends before the first one in which nothing follows.
  Result<void> read_commits() {
    while (!log_.ready.empty()) {
      const auto segment = log_.ready.front();
      if (auto read = read_segment(*segment); !read) return read;
      if (segment->used == block_bytes) break;
      log_.live.push_back(segment);
      log_.ready.pop_front();
    }
    return {};
  }

  Result<void> read_segment(Segment& segment) {
    segment.begin = log_.end;
    CommitReader reader(segment, salt_, block_bytes, log_.end);
    auto more = reader.next();
    for (; more && *more; more = reader.next()) {
      log_.end = reader.tail();
      log_.synced = std::max(log_.synced, reader.header().synced);
      meet_anchor();
    }
    if (!more) return tl::unexpected(more.error());
    segment.used = reader.offset();
    if (segment.used > block_bytes || log_.live.empty()) stop_ = {segment.name, segment.used, reader.fault()};
    return {};
  }

  void meet_anchor() { met_anchor_ = met_anchor_ || log_.end == anchor_.tail; }

  Result<void> compare_with_anchor() const {
    if (met_anchor_) return {};
    if (log_.end.position < anchor_.tail.position) {
      return lost("its anchor says so, position " + std::to_string(anchor_.tail.position));
    }
    return damaged(disk_, stop_.name, 0,
                   "the log is another one than its anchor knows: files were exchanged");
  }

  tl::unexpected<Error> lost(const std::string& proof) const {
    std::string what = "the log ends here at position " + std::to_string(log_.end.position) + " (" +
                       std::string(stop_.fault) + "), but more of it was synced: " + proof;
    if (!log_.ready.empty()) what += "; it may be missing at the beginning of " + log_.ready.front()->name;
    return damaged(disk_, stop_.name, stop_.offset, what);
  }

  Result<void> search_behind_the_end() {
    if (!log_.live.empty()) {
      if (auto done = search(log_.live.back(), log_.live.back()->used); !done) return done;
    }
    for (const auto& segment : log_.ready) {
      if (auto done = search(segment, block_bytes); !done) return done;
    }
    return {};
  }

  /// Old bytes of a segment that is used again claim lower positions. A commit behind the end is either a
  /// proof that the end is damaged, or was itself never synced.
  Result<void> search(const std::shared_ptr<Segment>& segment, std::uint64_t offset) {
    const std::uint64_t from = offset;
    auto found = find_commit(*segment, salt_, offset, log_.end.position);
    for (; found && *found; found = find_commit(*segment, salt_, offset, log_.end.position)) {
      const auto& commit = **found;
      if (commit.header.synced > log_.end.position) {
        return lost(disk_.path_of(segment->name) + " says so at offset " + std::to_string(commit.offset));
      }
      if (offset == from) log_.leftovers.push_back({segment, from});
      offset = commit.offset + 1;
    }
    if (!found) return tl::unexpected(found.error());
    return {};
  }

  Disk& disk_;
  const AnchorSlot& anchor_;
  std::uint32_t salt_;
  FoundLog log_;
  Stop stop_;
  bool met_anchor_ = false;
};

Result<void> write_again(const Segment& segment, std::uint32_t salt, Position from) {
  CommitReader reader(segment, salt, block_bytes, segment.begin);
  while (reader.offset() < segment.used) {
    const auto more = reader.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return fail(ErrorCode::storage, segment.name + " changed while it was opened");
    if (reader.header().position < from) continue;
    const std::uint64_t offset = reader.offset() - reader.header().length;
    if (auto written = segment.file->write(offset, reader.commit()); !written) return written;
  }
  return segment.file->sync();
}

Result<void> wipe(const Segment& segment, std::uint64_t offset) {
  const std::string zeros(zeros_bytes, '\0');
  while (offset < segment.bytes) {
    const auto piece = std::string_view(zeros).substr(0, segment.bytes - offset);
    if (auto written = segment.file->write(offset, piece); !written) return written;
    offset += piece.size();
  }
  return segment.file->sync();
}

}  // namespace

Result<FoundLog> find_log(Disk& disk, const AnchorSlot& anchor, const std::vector<std::uint64_t>& numbers) {
  return Finder(disk, anchor).find(numbers);
}

Result<void> settle(Disk& disk, const FoundLog& log, std::uint32_t salt) {
  for (const auto& leftover : log.leftovers) {
    if (auto wiped = wipe(*leftover.segment, leftover.offset); !wiped) return wiped;
  }
  for (const auto& segment : log.live) {
    if (segment->end() <= log.synced) continue;
    if (auto written = write_again(*segment, salt, log.synced); !written) return written;
  }
  return disk.sync_directory();
}

}  // namespace evmesh::storage
