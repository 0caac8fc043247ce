#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "base/crc32c.hpp"
#include "base/limits.hpp"
#include "base/bytes.hpp"
#include "storage/journal.hpp"
#include "support/crashing_disk.hpp"

namespace evmesh::storage::testing {

using support::CrashingDisk;
using support::DiskFault;

using Records = std::vector<std::pair<Position, std::string>>;

inline NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

/// Segments so small that a few commits fill one.
inline JournalOptions small_options() {
  return {
      .owner = node(7), .segment_bytes = limits::journal_segment_bytes_min, .reserve_bytes = 8 * limits::kib};
}

inline std::unique_ptr<Journal> opened(Disk& disk, const JournalOptions& options = small_options()) {
  auto journal = open_journal(disk, options);
  if (!journal) FAIL(journal.error().message);
  return std::move(*journal);
}

/// Empty when the journal opens.
inline std::string refusal(Disk& disk, const JournalOptions& options = small_options()) {
  const auto journal = open_journal(disk, options);
  return journal ? "" : journal.error().message;
}

/// One commit of these records; where they stand.
inline Records append(Journal& journal, const std::vector<std::string>& records) {
  Commit commit(journal.end());
  Records placed;
  for (const auto& record : records) placed.emplace_back(commit.add(record), record);
  REQUIRE(journal.append(commit));
  return placed;
}

inline Records records_of(const Journal& journal) {
  Records records;
  REQUIRE(journal.replay([&](Position position, std::string_view record) -> Result<void> {
    records.emplace_back(position, record);
    return {};
  }));
  return records;
}

/// Appends so many commits of one record of `bytes` each; all of it is synced and anchored.
inline Records fill(Journal& journal, std::size_t commits, std::size_t bytes) {
  Records all;
  for (std::size_t i = 0; i < commits; ++i) {
    const auto placed = append(journal, {std::string(bytes, static_cast<char>('a' + i % 26))});
    all.insert(all.end(), placed.begin(), placed.end());
    journal.prepare();
  }
  REQUIRE(journal.sync());
  REQUIRE(journal.anchor());
  return all;
}

/// A file whose blocks are those of another format, their checksums right.
inline std::string with_version(std::string file, std::uint32_t version) {
  for (char* block = file.data(); block < file.data() + file.size(); block += 4096) {
    if (std::string_view(block, 6) != "evmesh") continue;
    base::put(block + 12, version);
    base::put(block + 8, base::crc32c({block + 12, 4096 - 12}));
  }
  return file;
}

/// The files of a journal that was closed cleanly: three segments with commits, two ready ones, an anchor.
struct ClosedJournal {
  Records records;
  CrashingDisk::Contents files;
};

inline ClosedJournal closed_journal(const JournalOptions& options = small_options()) {
  CrashingDisk disk(1);
  auto journal = opened(disk, options);
  ClosedJournal closed;
  closed.records = fill(*journal, 11, 900);
  closed.files = disk.contents();
  return closed;
}

}  // namespace evmesh::storage::testing
