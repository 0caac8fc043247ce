// The disk is full, and has room again; dropped files are used again.
#include <catch2/catch.hpp>

#include "storage/journal_support.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::testing;

namespace {

constexpr std::uint64_t plenty = 1ULL << 40;

std::size_t files_like(const CrashingDisk& disk, std::string_view suffix) {
  std::size_t count = 0;
  for (const auto& [name, bytes] : disk.contents()) count += name.ends_with(suffix) ? 1 : 0;
  return count;
}

/// One record that makes a commit of `bytes`.
std::string record_for(std::uint64_t bytes) {
  return std::string(bytes - commit_header_bytes - record_header_bytes, 'r');
}

}  // namespace

TEST_CASE("a journal opens with its reserve prepared", "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);

  CHECK(journal->room() == 2 * 4096);
  CHECK(journal->largest_commit() == 4096);
  CHECK_FALSE(journal->full());
}

TEST_CASE("the next commit fits as long as it is no larger than the room, and asks the disk for nothing",
          "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  disk.set_capacity(0);

  std::uint64_t commits = 0;
  for (; journal->room() >= 700; ++commits) append(*journal, {record_for(700)});

  CHECK(commits == 10);
  REQUIRE(journal->sync());
  Commit more(journal->end());
  more.add(record_for(700));
  CHECK(journal->append(more).error().code == ErrorCode::busy);
  append(*journal, {record_for(journal->room())});
  CHECK(journal->room() == 0);
  CHECK(journal->sync());
  CHECK(records_of(*journal).size() == 11);
}

TEST_CASE("a commit that is larger than a file is refused", "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  Commit large(0);
  large.add(record_for(4097));

  CHECK(journal->append(large).error().code == ErrorCode::invalid_argument);
  append(*journal, {record_for(4096)});
  CHECK(journal->sync());
}

TEST_CASE("on a full disk the room shrinks, and grows again without a reopening",
          "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  disk.set_capacity(0);
  const auto files = disk.contents().size();
  append(*journal, {record_for(4096)});

  journal->prepare();
  CHECK(journal->full());
  CHECK(journal->room() == 4096);
  CHECK(disk.contents().size() == files);

  disk.set_capacity(plenty);
  for (const std::uint64_t room : {8192, 12288, 16384}) {
    journal->prepare();
    CHECK(journal->full());
    CHECK(journal->room() == room);
  }
  journal->prepare();
  CHECK_FALSE(journal->full());
  CHECK(journal->room() == 16384);
  CHECK(journal->sync());
}

TEST_CASE("what was made ahead is there when the disk is full", "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  CHECK(journal->wants_stock());
  journal->stock();
  CHECK_FALSE(journal->wants_stock());
  CHECK(files_like(disk, ".new") == 1);
  CHECK(journal->room() == 8192);
  disk.set_capacity(0);
  append(*journal, {record_for(4096)});

  journal->prepare();

  CHECK_FALSE(journal->full());
  CHECK(journal->room() == 8192);
  CHECK(files_like(disk, ".new") == 0);
  CHECK(journal->wants_stock());
  const auto files = disk.contents().size();
  journal->stock();
  CHECK(disk.contents().size() == files);
  append(*journal, {record_for(4096)});
  journal->prepare();
  CHECK(journal->full());
  CHECK_FALSE(journal->wants_stock());
}

TEST_CASE("what was made ahead and not used is removed by the next life", "[storage][journal][space]") {
  CrashingDisk disk(1);
  auto journal = opened(disk);
  const auto placed = append(*journal, {record_for(4096)});
  REQUIRE(journal->sync());
  journal->stock();

  journal = opened(disk);

  CHECK(files_like(disk, ".new") == 0);
  CHECK(records_of(*journal) == placed);
}

TEST_CASE("a call that finds the disk full while room is made leaves the journal as it was",
          "[storage][journal][space]") {
  for (std::uint64_t call = 0; call < 5; ++call) {
    CAPTURE(call);
    CrashingDisk disk(call);
    const auto journal = opened(disk);
    const auto placed = append(*journal, {record_for(4096)});
    disk.fail_after(call, DiskFault::no_space);

    journal->prepare();
    CHECK(journal->full());
    CHECK(journal->room() == 4096);

    if (call == 4) continue;  // the directory's sync has failed: that is final
    journal->prepare();
    CHECK(journal->room() == 8192);
    REQUIRE(journal->sync());
    CHECK(records_of(*opened(disk)) == placed);
  }
}

TEST_CASE("a journal opens on a full disk, without room", "[storage][journal][space]") {
  CrashingDisk disk(1);
  disk.set_capacity(2 * 4096);

  const auto journal = opened(disk);

  CHECK(journal->full());
  CHECK(journal->room() == 0);
  CHECK(journal->sync());
}

TEST_CASE("dropped files are used again, even on a full disk", "[storage][journal][space]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  auto last = append(*journal, {record_for(3000)});
  for (int i = 0; i < 6; ++i) {
    journal->prepare();
    last = append(*journal, {record_for(3000)});
  }
  disk.set_capacity(0);

  for (int i = 0; i < 50; ++i) {
    CAPTURE(i);
    REQUIRE(journal->drop(last[0].first));
    for (int call = 0; call < 3 && journal->room() < 8192; ++call) journal->prepare();
    last = append(*journal, {record_for(3000)});
  }

  CHECK(records_of(*journal).back() == last[0]);
  CHECK(records_of(*opened(disk)).back() == last[0]);
}

TEST_CASE("no more than a few dropped files are kept", "[storage][journal][space]") {
  CrashingDisk disk(1);
  auto journal = opened(disk);
  const auto all = fill(*journal, 80, 900);
  CHECK(files_like(disk, ".seg") > 20);

  REQUIRE(journal->drop(all.back().first));

  CHECK(files_like(disk, ".spare") == 4);
  CHECK(files_like(disk, ".seg") <= 3);
  journal = opened(disk);
  CHECK(records_of(*journal).back() == all.back());
}

TEST_CASE("another segment size holds for what is written from now on", "[storage][journal][space]") {
  CrashingDisk disk(1);
  auto options = small_options();
  auto journal = opened(disk, options);
  const auto all = fill(*journal, 11, 900);
  options.segment_bytes *= 2;

  journal = opened(disk, options);

  CHECK(journal->largest_commit() == 12288);
  CHECK(records_of(*journal) == all);
  append(*journal, {record_for(12288)});
  REQUIRE(journal->sync());
  CHECK(records_of(*opened(disk, options)).size() == all.size() + 1);
}

TEST_CASE("segments that are too small or too large are refused", "[storage][journal][space]") {
  CrashingDisk disk(1);
  auto options = small_options();

  options.segment_bytes = 8191;
  CHECK(refusal(disk, options).find("segments of 8191 bytes") == 0);
  options.segment_bytes = (1ULL << 30) + 1;
  CHECK(refusal(disk, options).find("segments of 1073741825 bytes") == 0);
  CHECK(disk.contents().empty());
}
