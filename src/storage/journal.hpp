#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/commit.hpp"
#include "storage/disk.hpp"

namespace evmesh::storage {

/// A log of records: appended in commits, read from a position, dropped from the head. What is found damaged
/// is never served and never skipped. One thread at a time appends, drops, prepares, scrubs
/// and anchors; `sync`, or `anchor` instead, may run on another one while it appends, and `read` and `stock` on
/// any.
///
/// An error of the disk in `append`, `sync`, `drop` or `anchor` is final: nobody knows then what the disk
/// holds. Every later call answers with it; the directory must be opened again, which reads, verifies and
/// writes again what is kept.
class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  /// Where the oldest kept commit begins, and where the next one will.
  [[nodiscard]] virtual Position begin() const = 0;
  [[nodiscard]] virtual Position end() const = 0;

  /// Hands `commit`, built for `end()`, to the kernel: *written*. Errors: storage; and, with nothing changed,
  /// invalid_argument (empty, not built for `end()`, over `largest_commit()`) and busy (over `room()`).
  [[nodiscard]] virtual Result<void> append(Commit& commit) = 0;

  /// Everything appended survives a power cut when this returns: *synced*. Errors: storage.
  [[nodiscard]] virtual Result<void> sync() = 0;

  /// One record, its checksum verified. Errors: storage, naming file and offset (damaged, or dropped
  /// already).
  [[nodiscard]] virtual Result<std::string> read(Position record) const = 0;

  /// All records from `begin()` on, in order; ends at the first error of `visit`.
  using Visit = std::function<Result<void>(Position, std::string_view record)>;
  [[nodiscard]] virtual Result<void> replay(const Visit& visit) const = 0;

  /// Gives up whole commits before `keep`, as many as lie in files of their own; what is still owed there has
  /// been appended again. Syncs first. Their space is used again. Errors: storage; invalid_argument (`keep`
  /// behind `end()`).
  [[nodiscard]] virtual Result<void> drop(Position keep) = 0;

  /// Bytes that can be appended now without asking the file system for space: the next commit fits when it is
  /// no larger than this and `largest_commit()`. What is left of a file that is too small for a commit is
  /// lost to it.
  [[nodiscard]] virtual std::uint64_t room() const = 0;
  [[nodiscard]] virtual std::uint64_t largest_commit() const = 0;

  /// Makes room ahead, one segment a call, until there is `reserve_bytes` of it; when the disk is full
  /// `room()` just does not grow, and `full()` is true until it does. Blocks for as long as the disk takes,
  /// so it is called where nobody waits.
  /// A disk that was full counts as full until there is twice the reserve.
  virtual void prepare() = 0;
  [[nodiscard]] virtual bool full() const = 0;

  /// Makes the file that `prepare` will need next: what takes long of it, while everything else goes on. One
  /// at a time. Nothing happens when the disk is full.
  virtual void stock() = 0;

  /// Whether that file will be needed soon and is not there. Asked by who prepares.
  [[nodiscard]] virtual bool wants_stock() const = 0;

  /// Reads again and verifies up to `bytes`, going round for ever; the first damage as an error naming file
  /// and offset.
  [[nodiscard]] virtual Result<void> scrub(std::uint64_t bytes) = 0;

  /// The highest position known to be synced, with its chain value: what a witness keeps.
  [[nodiscard]] virtual Tail tail() const = 0;

  /// Writes the tail to the anchor and syncs it, so that a shorter log is noticed at the next open. Called
  /// about every 100 ms while commits come, and at the end. Not beside a `sync` or `drop`.
  [[nodiscard]] virtual Result<void> anchor() = 0;
};

struct JournalOptions {
  NodeId owner{};  ///< whose journal it is; another node's is refused
  /// Of one file; a commit never spans two. `limits::journal_segment_bytes_min` to
  /// `limits::journal_segment_bytes_max`.
  std::uint64_t segment_bytes = 32ULL << 20;
  std::uint64_t reserve_bytes = 64ULL << 20;  ///< kept prepared ahead of the end
};

/// Opens or creates the journal of `disk` in segment files `journal-<number>.seg` and an anchor
/// `journal.anchor` (src/storage/README.md), with as much room as the disk gives. Verifies every commit and
/// the chain through all of them. An unfinished end, which nobody was told was synced, is cut off; a log
/// shorter than its anchor says, a hole, or damage anywhere else is an error (`storage`) naming file, offset
/// and the command that helps, and changes nothing. A directory written by a newer format is refused. `disk`
/// must outlive the journal.
[[nodiscard]] Result<std::unique_ptr<Journal>> open_journal(Disk& disk, const JournalOptions& options);

/// A journal that ends with its object; for level `memory` and for tests.
[[nodiscard]] std::unique_ptr<Journal> memory_journal();

/// What `journal check` finds, without changing anything.
struct JournalReport {
  /// One sentence each: file, offset, what, and what to do; empty when all is as it was left.
  std::vector<std::string> findings;
  bool damaged = false;  ///< a node refuses to open it; else the next start mends what was found
  std::uint64_t records = 0;  ///< that can be read
  Position begin = 0;
  Position end = 0;
};

/// Reads all there is, past damage where it can; calls `visit` for each sound record, in the order of their
/// positions within a file. Needs a disk that can be read only, and a journal that nobody has open.
[[nodiscard]] JournalReport check_journal(Disk& disk,
                                          const std::function<void(Position, std::string_view)>& visit);

/// Whose journal it is, as its anchor or, when that cannot be read, a segment says.
[[nodiscard]] std::optional<NodeId> journal_owner(Disk& disk);

}  // namespace evmesh::storage
