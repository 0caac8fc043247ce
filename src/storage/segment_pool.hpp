#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/disk.hpp"
#include "storage/segment.hpp"

namespace evmesh::storage {

/// The segments that hold nothing of the log: *ready* ones, whose header is on the disk and into which the
/// next commits go without asking the file system for anything, and *spares*, dropped ones whose space waits
/// to be used again. Thread-bound.
class SegmentPool {
 public:
  SegmentPool(Disk& disk, const NodeId& owner, std::uint64_t segment_bytes);

  /// What an earlier life left. `next`: the number after the highest segment's.
  void begin(std::deque<std::shared_ptr<Segment>> ready, std::uint64_t next);

  /// Keeps or removes a spare that was found. Errors: storage.
  [[nodiscard]] Result<void> adopt_spare(const std::string& name);

  /// A file with space and header on the disk, which is no segment yet: whatever goes wrong here has not
  /// touched the log. Errors: storage, often a full disk, which then has its space back.
  [[nodiscard]] Result<std::shared_ptr<Segment>> furnish();

  /// Makes a file with space on the disk, for `adopt_blank`: on any thread, while everything else goes on, but
  /// not twice. False when there is no space for it.
  [[nodiscard]] bool make_blank() const;

  /// From now on it is a spare. One that is not used before the end of this life is removed by the next.
  void adopt_blank();
  [[nodiscard]] std::size_t spares() const { return spares_.size(); }

  /// Gives it its name, for good, and makes it ready. An error leaves unknown what the directory holds.
  [[nodiscard]] Result<void> publish(std::shared_ptr<Segment> segment);

  /// How many bytes of commits fit into the ready ones.
  [[nodiscard]] std::uint64_t room() const { return ready_.size() * largest_commit(); }
  [[nodiscard]] std::uint64_t largest_commit() const { return segment_bytes_ - block_bytes; }

  /// The next ready one; null when there is none.
  [[nodiscard]] std::shared_ptr<Segment> take();

  /// Takes back a segment that the anchor has given up. The directory is not synced. Errors: storage.
  [[nodiscard]] Result<void> release(std::uint64_t number, std::uint64_t bytes);

 private:
  [[nodiscard]] Result<std::unique_ptr<File>> blank_file(const std::string& name) const;

  Disk& disk_;
  NodeId owner_;
  std::uint64_t segment_bytes_;
  std::uint64_t next_ = 1;
  std::deque<std::shared_ptr<Segment>> ready_;
  std::vector<std::string> spares_;
};

}  // namespace evmesh::storage
