#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

#include "storage/commit.hpp"
#include "storage/disk.hpp"
#include "storage/segment.hpp"

namespace evmesh::storage {

/// A file seen through a buffer, so that small reads in a row cost few calls. The segment must outlive it.
class Window {
 public:
  explicit Window(const Segment& segment) : segment_(segment) {}

  /// `bytes` from `offset` on; fewer at the end of the file. Valid until the next call.
  [[nodiscard]] Result<std::string_view> view(std::uint64_t offset, std::size_t bytes);

 private:
  const Segment& segment_;
  std::string buffer_;
  std::uint64_t offset_ = 0;
};

/// Reads commits one behind the other, each one verified and chained to the one before. The segment must
/// outlive it.
class CommitReader {
 public:
  /// Begins at `offset`, where the commit behind `before` should stand.
  CommitReader(const Segment& segment, std::uint32_t salt, std::uint64_t offset, Tail before);

  /// Whether there is one more; false where none stands, and `fault()` says why. Errors: what the disk
  /// answered.
  [[nodiscard]] Result<bool> next();

  /// Of the latest commit; valid until `next`.
  [[nodiscard]] const CommitHeader& header() const { return header_; }
  [[nodiscard]] std::string_view commit() const { return commit_; }
  [[nodiscard]] RecordWalk records() const;

  /// Where the next commit should stand.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] Tail tail() const { return tail_; }
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  [[nodiscard]] std::string_view misplaced() const;

  Window window_;
  std::uint64_t bytes_;
  std::uint32_t salt_;
  std::uint64_t offset_;
  Tail tail_;
  CommitHeader header_;
  std::string_view commit_;
  std::string_view fault_;
};

struct FoundCommit {
  std::uint64_t offset = 0;
  CommitHeader header;
};

/// The first sound header of a commit at `offset` or behind it that claims a position of at least `least`;
/// what stands between may be anything. Errors: what the disk answered.
[[nodiscard]] Result<std::optional<FoundCommit>> find_commit(const Segment& segment, std::uint32_t salt,
                                                             std::uint64_t offset, Position least);

}  // namespace evmesh::storage
