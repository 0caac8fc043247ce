#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <evmesh/result.hpp>

#include "storage/blocks.hpp"
#include "storage/commit.hpp"
#include "storage/disk.hpp"
#include "storage/segment.hpp"

namespace evmesh::storage {

/// What an earlier life left of the log.
struct FoundLog {
  std::deque<std::shared_ptr<Segment>> live;   ///< with commits, in order
  std::deque<std::shared_ptr<Segment>> ready;  ///< behind them, without
  Tail begin;
  Tail end;
  Position synced = 0;  ///< before this, every byte is known to be on the disk

  /// Bytes behind the end in which commits stand that nobody was told were synced.
  struct Leftover {
    std::shared_ptr<Segment> segment;
    std::uint64_t offset = 0;
  };
  std::vector<Leftover> leftovers;
};

/// Reads and verifies the log that `anchor` speaks of, in the segments `numbers` (ascending, all of them at
/// or behind the anchor's). Changes nothing. Errors: storage, for everything but an end that was never
/// synced.
[[nodiscard]] Result<FoundLog> find_log(Disk& disk, const AnchorSlot& anchor,
                                        const std::vector<std::uint64_t>& numbers);

/// Makes what was found last. Commits that were perhaps only in the kernel's memory are written again,
/// because after a failed sync the kernel takes its pages for clean; leftovers are overwritten with zeros, so
/// that they never come back. All of it is synced when this returns. Errors: storage.
[[nodiscard]] Result<void> settle(Disk& disk, const FoundLog& log, std::uint32_t salt);

}  // namespace evmesh::storage
