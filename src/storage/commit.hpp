#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace evmesh::storage {

/// Where a record stands in a journal: its distance in bytes from the beginning of the log. Grows for the life of the
/// directory, is never used twice, and a higher one was appended later. 0 is no record.
using Position = std::uint64_t;

/// Records that are appended as one unit: all of them are there after a crash, or none. Built for one place in the log, so
/// that each record's position is known when it is added. Value; reused, its memory stays.
class Commit {
 public:
  /// Begins an empty commit that will stand at `begin`, behind a commit whose chain value is not needed yet.
  explicit Commit(Position begin = 0);

  /// Empties it and places it anew.
  void restart(Position begin);

  /// Adds one record of 1 byte to `limits::journal_record_bytes_max`; its position.
  Position add(std::string_view record);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] Position begin() const { return begin_; }

  /// Where the next commit begins.
  [[nodiscard]] Position end() const { return begin_ + bytes_.size(); }

  /// Header and framed records; the header is blank until `seal`.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

  /// Fills in the header: chained behind `chain`; the new chain value.
  std::uint64_t seal(std::uint64_t chain);

 private:
  Position begin_;
  std::string bytes_;
  std::uint32_t count_ = 0;
};

}  // namespace evmesh::storage
