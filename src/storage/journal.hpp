#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

#include "storage/commit.hpp"
#include "storage/disk.hpp"

namespace evmesh::storage {

/// A log of records: appended in commits, read from a position, dropped from the head. What is found damaged is never
/// served and never skipped. One thread appends, syncs, drops and prepares; `read` may be called from any thread.
///
/// An error of `append` or `sync` is final: nobody knows then what the disk holds. Every later call answers with it; the
/// directory must be opened again, which reads and verifies everything.
class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  /// Where the oldest kept commit begins, and where the next one will.
  [[nodiscard]] virtual Position begin() const = 0;
  [[nodiscard]] virtual Position end() const = 0;

  /// Hands `commit`, built for `end()`, to the kernel: *written*. Errors: storage.
  [[nodiscard]] virtual Result<void> append(Commit& commit) = 0;

  /// Everything appended survives a power cut when this returns: *synced*. Errors: storage.
  [[nodiscard]] virtual Result<void> sync() = 0;

  /// One record, its checksum verified. Errors: storage, naming file and offset (damaged, or dropped already).
  [[nodiscard]] virtual Result<std::string> read(Position record) const = 0;

  /// All records from `begin()` on, in order; ends at the first error of `visit`.
  using Visit = std::function<Result<void>(Position, std::string_view record)>;
  [[nodiscard]] virtual Result<void> replay(const Visit& visit) const = 0;

  /// Gives up whole commits before `keep`; what is still owed there has been appended again and synced. Their space is
  /// used again. Errors: storage.
  [[nodiscard]] virtual Result<void> drop(Position keep) = 0;

  /// Bytes that can be appended now without asking the file system for space.
  [[nodiscard]] virtual std::uint64_t room() const = 0;

  /// Makes room ahead, a segment at a time; when the disk is full `room()` just does not grow, and `full()` is true until
  /// it does. Blocks for as long as the disk takes, so it is called where nobody waits.
  virtual void prepare() = 0;
  [[nodiscard]] virtual bool full() const = 0;

  /// Reads again and verifies up to `bytes`, going round for ever; the first damage as an error naming file and offset.
  [[nodiscard]] virtual Result<void> scrub(std::uint64_t bytes) = 0;

  /// The highest position known to be synced, with its chain value: what a witness keeps.
  struct Tail {
    Position position = 0;
    std::uint64_t chain = 0;
    bool operator==(const Tail&) const = default;
  };
  [[nodiscard]] virtual Tail tail() const = 0;

  /// Writes the tail to the anchor and syncs it, so that a shorter log is noticed at the next open. Called about every
  /// 100 ms while commits come, and at the end.
  [[nodiscard]] virtual Result<void> anchor() = 0;
};

struct JournalOptions {
  std::uint64_t segment_bytes = 32ULL << 20;  ///< 1 MiB to 1 GiB; a commit never spans two
  std::uint64_t reserve_bytes = 64ULL << 20;  ///< kept prepared ahead of the end
};

/// Opens or creates the journal of `disk` in segment files `journal-<position>.seg` and an anchor `journal.anchor`. Verifies
/// every commit and the chain through all of them. An unfinished last commit, which nobody was told was synced, is cut off;
/// a log shorter than its anchor says, a hole, or damage anywhere else is an error (`storage`) naming file, offset and the
/// command that helps. A directory written by a newer format is refused.
[[nodiscard]] Result<std::unique_ptr<Journal>> open_journal(Disk& disk, const JournalOptions& options);

/// A journal that ends with its object; for level `memory` and for tests.
[[nodiscard]] std::unique_ptr<Journal> memory_journal();

/// What `journal check` finds, without changing anything.
struct JournalReport {
  std::vector<std::string> findings;  ///< one sentence each: file, offset, what, and what to do; empty when sound
  std::uint64_t records = 0;          ///< that can be read
  Position begin = 0;
  Position end = 0;
};

/// Reads all there is, past damage where it can; calls `visit` for each sound record.
[[nodiscard]] JournalReport check_journal(Disk& disk, const std::function<void(Position, std::string_view)>& visit);

}  // namespace evmesh::storage
