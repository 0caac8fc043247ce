#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/blocks.hpp"
#include "storage/commit.hpp"
#include "storage/disk.hpp"

namespace evmesh::storage {

/// One file of the log: a header, then commits one behind the other, then what is not part of the log.
/// Everything but `used` stays as it is once the first commit is there.
struct Segment {
  std::uint64_t number = 0;
  std::string name;
  std::unique_ptr<File> file;
  std::uint64_t bytes = 0;           ///< of the file
  Tail begin;                        ///< where the first commit stands; not known before there is one
  std::uint64_t used = block_bytes;  ///< where the next commit would stand in the file

  [[nodiscard]] std::uint64_t offset_of(Position position) const {
    return block_bytes + (position - begin.position);
  }
  [[nodiscard]] Position end() const { return begin.position + (used - block_bytes); }
  [[nodiscard]] std::uint64_t left() const { return bytes - used; }
};

/// The names of a journal's files in a directory. Others are not looked at.
struct JournalFiles {
  std::vector<std::uint64_t> segments;  ///< their numbers, ascending
  std::vector<std::string> spares;      ///< dropped segments
  std::vector<std::string> unfinished;  ///< made by somebody who did not live to use them
  bool anchor = false;

  [[nodiscard]] static Result<JournalFiles> list(const Disk& disk);
};

inline constexpr std::string_view anchor_name = "journal.anchor";
[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::string spare_name(std::uint64_t number);
[[nodiscard]] std::string unfinished_name(std::string_view name);

/// Opens `segment_name(number)` and checks its header and its length.
[[nodiscard]] Result<std::shared_ptr<Segment>> open_segment(Disk& disk, const NodeId& owner,
                                                            std::uint64_t number);

/// What is wrong with the header of `segment` on the disk, now.
[[nodiscard]] Result<void> check_header(const Disk& disk, const NodeId& owner, const Segment& segment);

/// "PATH, offset N: WHAT; ..." with the command that helps.
[[nodiscard]] tl::unexpected<Error> damaged(const Disk& disk, std::string_view name, std::uint64_t offset,
                                            std::string_view what);

}  // namespace evmesh::storage
