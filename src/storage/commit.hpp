#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace evmesh::storage {

/// Where a record stands in a journal: its distance in bytes from the beginning of the log. Grows for the
/// life of the directory, and a higher one was appended later. 0 is no record.
using Position = std::uint64_t;

/// A place between two commits with the chain value of all before it: what a witness keeps.
struct Tail {
  Position position = 0;
  std::uint64_t chain = 0;
  bool operator==(const Tail&) const = default;
};

inline constexpr std::size_t commit_header_bytes = 48;
inline constexpr std::size_t record_header_bytes = 8;

/// What a commit is sealed with.
struct Seal {
  std::uint64_t chain = 0;  ///< of the commit before
  Position synced = 0;      ///< everything before this is known to be on the disk
  std::uint32_t salt = 0;   ///< of the journal, so that no other journal's commit fits
};

/// Records that are appended as one unit: all of them are there after a crash, or none. Built for one place
/// in the log, so that each record's position is known when it is added. Value; reused, its memory stays.
class Commit {
 public:
  /// Begins an empty commit that will stand at `begin`, behind a commit whose chain value is not needed yet.
  explicit Commit(Position begin = 0);

  /// One of a log that nobody keeps: it has positions and no bytes.
  [[nodiscard]] static Commit counting(Position begin);

  /// Empties it and places it anew.
  void restart(Position begin);

  /// Adds one record of 1 byte to `limits::journal_record_bytes_max` (checked: a bug otherwise); its
  /// position.
  Position add(std::string_view record);

  /// Whether records are kept; where they are not, `skip` spares making them.
  [[nodiscard]] bool keeps() const { return keeps_; }
  Position skip();

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] Position begin() const { return begin_; }

  /// Where the next commit begins.
  [[nodiscard]] Position end() const { return begin_ + bytes_.size() + skipped_; }

  /// Header and framed records; the header is blank until `seal`.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

  /// Fills in the header; the new chain value.
  std::uint64_t seal(const Seal& seal);

 private:
  Position begin_;
  std::string bytes_;
  std::uint32_t count_ = 0;
  bool keeps_ = true;
  std::uint64_t skipped_ = 0;
};

/// What stands before the records of a commit.
struct CommitHeader {
  Position position = 0;
  Position synced = 0;
  std::uint32_t length = 0;  ///< of the whole commit, in bytes
  std::uint32_t count = 0;
  std::uint64_t chain_after = 0;
  std::uint64_t chain_before = 0;

  [[nodiscard]] Tail before() const { return {position, chain_before}; }
  [[nodiscard]] Tail after() const { return {position + length, chain_after}; }
};

/// The magic number with which a commit begins.
inline constexpr std::string_view commit_magic = "EMJC";

/// Nothing when `bytes` do not begin with a sound header of that journal.
[[nodiscard]] std::optional<CommitHeader> decode_commit_header(std::string_view bytes, std::uint32_t salt);

/// What is wrong with `commit`, whose header is `header`: every checksum and length. Empty: nothing.
[[nodiscard]] std::string_view fault_in(const CommitHeader& header, std::string_view commit);

struct Record {
  Position position = 0;
  std::string_view bytes;
  bool sound = false;  ///< its checksum fits its bytes and its place
};

/// Steps through the framed records of a commit. `frames` must outlive it.
class RecordWalk {
 public:
  /// `first` is the position of the first record.
  RecordWalk(std::string_view frames, Position first) : rest_(frames), next_(first) {}

  /// Nothing at the end, or where a length leads out of the frames.
  [[nodiscard]] std::optional<Record> next();

  /// Whether all frames were taken.
  [[nodiscard]] bool finished() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  Position next_;
};

/// The length that a record's header of `record_header_bytes` claims.
[[nodiscard]] std::uint32_t record_length(std::string_view header);

/// Whether a record's header fits its bytes and its place.
[[nodiscard]] bool record_sound(std::string_view header, std::string_view bytes, Position position);

}  // namespace evmesh::storage
