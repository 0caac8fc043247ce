// Rot, cuts, exchanged and missing files: found, never served, and no end is ever forgotten.
#include <cstdlib>
#include <set>

#include <catch2/catch.hpp>

#include "storage/blocks.hpp"
#include "storage/journal_support.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::testing;

namespace {

const std::string first = "journal-000000000001.seg";
const std::string second = "journal-000000000002.seg";
const std::string third = "journal-000000000003.seg";
const std::string fifth = "journal-000000000005.seg";
const std::string anchor = "journal.anchor";

JournalReport check(Disk& disk) {
  return check_journal(disk, [](Position, std::string_view) {});
}

std::vector<std::string> findings_in(Disk& disk) { return check(disk).findings; }

/// From one damaged place to the next: 1, or EVMESH_DAMAGE_STRIDE where each costs ten times as much. With an odd
/// one each bit of a byte still has its turn.
std::uint64_t stride() {
  const char* const text = std::getenv("EVMESH_DAMAGE_STRIDE");
  const auto number = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  INFO("EVMESH_DAMAGE_STRIDE is an odd number");
  REQUIRE(number % 2 == 1);
  return number;
}

/// True when the journal opens and holds exactly `records`; false when it is refused. Anything else fails.
bool serves_all(const CrashingDisk::Contents& files, const Records& records) {
  CrashingDisk disk(1, files);
  const auto journal = open_journal(disk, small_options());
  if (!journal) return false;
  REQUIRE(records_of(**journal) == records);
  return true;
}

/// Whether this byte says something: a header, an anchor, a commit. The others are room for later commits.
bool speaks(const std::string& name, std::uint64_t offset, const Records& records) {
  if (name == anchor || offset < 4096) return true;
  if (name > third) return false;
  if (name != third) return offset < 4096 + 4 * 956;
  return offset < 4096 + 956 * (records.size() - 8);
}

std::string flipped(std::string bytes, std::uint64_t offset) {
  bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << (offset % 8)));
  return bytes;
}

}  // namespace

TEST_CASE("a journal that was closed cleanly is sound", "[storage][journal][damage]") {
  const auto closed = closed_journal();
  CrashingDisk disk(1, closed.files);

  CHECK(closed.files.size() == 6);
  CHECK(findings_in(disk).empty());
  CHECK(serves_all(closed.files, closed.records));
}

TEST_CASE("every bit that rots in a closed journal is found, or says nothing", "[storage][journal][damage]") {
  const auto closed = closed_journal();
  const auto step = stride();

  for (const auto& [name, bytes] : closed.files) {
    for (std::uint64_t offset = 0; offset < bytes.size(); offset += step) {
      auto files = closed.files;
      files[name] = flipped(bytes, offset);
      CrashingDisk disk(1, files);
      const auto report = check(disk);
      const bool found = !report.findings.empty();
      const bool served = serves_all(files, closed.records);
      // One slot of the anchor may rot: the other one says the same, and both are written at the next start.
      if (found != speaks(name, offset, closed.records) || served != (!found || name == anchor)) {
        FAIL(name << ", offset " << offset << ": found " << found << ", served " << served);
      }
      if (report.damaged == served) FAIL(name << ", offset " << offset << ": called damage, or not");
    }
  }
}

TEST_CASE("every bit that rots under an open journal is found by the scrub", "[storage][journal][damage]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto records = fill(*journal, 11, 900);
  const auto files = disk.contents();
  const auto step = stride();

  for (const auto& [name, bytes] : files) {
    for (std::uint64_t offset = 0; offset < bytes.size(); offset += step) {
      if (!speaks(name, offset, records) || (name != anchor && name > third)) continue;
      disk.flip(name, offset, offset % 8);
      bool found = false;
      for (int i = 0; i < 2 && !found; ++i) found = !journal->scrub(1 << 20);
      disk.flip(name, offset, offset % 8);
      if (!found) FAIL(name << ", offset " << offset);
      REQUIRE(journal->scrub(1 << 20));
    }
  }
}

TEST_CASE("every bit that rots in a record under an open journal is found by reading it",
          "[storage][journal][damage]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto placed = append(*journal, {"before", std::string(300, 'x'), "behind"});

  for (std::uint64_t byte = 0; byte < 8 + 300; ++byte) {
    CAPTURE(byte);
    disk.flip(first, 4096 + placed[1].first + byte, byte % 8);

    const auto read = journal->read(placed[1].first);

    REQUIRE_FALSE(read);
    CHECK(read.error().message.find(first + ", offset " + std::to_string(4096 + placed[1].first)) !=
          std::string::npos);
    CHECK(journal->read(placed[2].first).value() == "behind");
    disk.flip(first, 4096 + placed[1].first + byte, byte % 8);
  }
}

TEST_CASE("a replay ends at damage", "[storage][journal][damage]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto records = fill(*journal, 3, 900);
  disk.flip(first, 4096 + records[1].first, 0);
  Records seen;

  const auto done = journal->replay([&](Position position, std::string_view record) -> Result<void> {
    seen.emplace_back(position, record);
    return {};
  });

  CHECK(done.error().message.find(first + ", offset 5052: ") != std::string::npos);
  CHECK(seen == Records{records[0]});
}

TEST_CASE("a file cut off at any length is found", "[storage][journal][damage]") {
  const auto closed = closed_journal();
  const auto step = stride();

  for (const auto& [name, bytes] : closed.files) {
    for (std::uint64_t length = 0; length < bytes.size(); length += step) {
      auto files = closed.files;
      files[name].resize(length);
      CrashingDisk disk(1, files);
      const bool served = serves_all(files, closed.records);
      if (check(disk).damaged == served) FAIL(name << ", length " << length << ": called damage, or not");
      // Without its second slot, the anchor still has its first one.
      if (served && (name != anchor || length < 4096)) FAIL(name << ", length " << length << ": served");
    }
  }
}

TEST_CASE("two segments that were exchanged are found", "[storage][journal][damage]") {
  auto closed = closed_journal();
  std::swap(closed.files[first], closed.files[second]);
  CrashingDisk disk(1, closed.files);

  CHECK(refusal(disk).find(first + ", offset 0: the segment has another number than its name") !=
        std::string::npos);
}

TEST_CASE("a segment of another node's journal is found", "[storage][journal][damage]") {
  auto closed = closed_journal();
  auto other = small_options();
  other.owner = node(8);
  closed.files[second] = closed_journal(other).files[second];
  CrashingDisk disk(1, closed.files);

  CHECK(refusal(disk).find(second + ", offset 0: the segment belongs to another node's journal") !=
        std::string::npos);
}

TEST_CASE("a segment of an earlier journal of the same node is found", "[storage][journal][damage]") {
  auto closed = closed_journal();
  CrashingDisk earlier(1);
  {
    auto journal = opened(earlier);
    append(*journal, {std::string(900, 'z')});
    fill(*journal, 10, 900);
  }
  closed.files[second] = earlier.contents()[second];
  CrashingDisk disk(1, closed.files);

  CHECK(refusal(disk).find("more of it was synced") != std::string::npos);
}

TEST_CASE("another node's journal is refused", "[storage][journal][damage]") {
  CrashingDisk disk(1, closed_journal().files);
  auto other = small_options();
  other.owner = node(8);

  CHECK(refusal(disk, other).find("belongs to the node 07070707") != std::string::npos);
}

TEST_CASE("a file that is missing is found", "[storage][journal][damage]") {
  const auto closed = closed_journal();

  for (const auto& name : {first, second, third, anchor}) {
    CAPTURE(name);
    auto files = closed.files;
    files.erase(name);
    CrashingDisk disk(1, files);

    CHECK(refusal(disk) != "");
    CHECK_FALSE(findings_in(disk).empty());
    CHECK(disk.contents() == files);
  }
}

TEST_CASE("a gap between the files is named", "[storage][journal][damage]") {
  auto closed = closed_journal();
  closed.files.erase(second);
  CrashingDisk disk(1, closed.files);

  CHECK(refusal(disk).find("disk/" + second + ", offset 0: the file is missing") == 0);
}

TEST_CASE("after a drop either slot of the anchor alone knows where the log begins",
          "[storage][journal][damage]") {
  CrashingDisk disk(1);
  Records kept;
  {
    const auto journal = opened(disk);
    const auto all = fill(*journal, 11, 900);
    REQUIRE(journal->drop(all.back().first));
    kept = records_of(*journal);
  }
  REQUIRE(kept.size() < 11);

  for (const std::uint64_t slot : {0, 1}) {
    CAPTURE(slot);
    auto files = disk.contents();
    files[anchor] = flipped(files[anchor], slot * 4096 + 50);

    CHECK(serves_all(files, kept));
  }
}

TEST_CASE("a commit that claims another place than its own is not served", "[storage][journal][damage]") {
  CrashingDisk disk(1);
  opened(disk);
  Commit stray(1000);
  stray.add("stray");
  stray.seal({.chain = first_chain_of(node(7)), .salt = salt_of(node(7))});
  REQUIRE(disk.open(first, false).value()->write(4096, stray.bytes()));

  CHECK(records_of(*opened(disk)).empty());
}

TEST_CASE("a ready segment that is missing is made again", "[storage][journal][damage]") {
  auto closed = closed_journal();
  closed.files.erase(fifth);

  CHECK(serves_all(closed.files, closed.records));
}

TEST_CASE("a journal that was rolled back is found by its newer anchor", "[storage][journal][damage]") {
  CrashingDisk disk(1);
  auto journal = opened(disk);
  fill(*journal, 2, 900);
  auto files = disk.contents();
  fill(*journal, 1, 900);
  files[anchor] = disk.contents()[anchor];
  CrashingDisk rolled_back(1, files);

  const auto message = refusal(rolled_back);

  CHECK(message.find(first + ", offset 6008: the log ends here at position 1912") != std::string::npos);
  CHECK(message.find("its anchor says so, position 2868") != std::string::npos);
  CHECK(message.find("evmesh journal check disk") != std::string::npos);
}

TEST_CASE("a log with the length that its anchor knows but another content is found",
          "[storage][journal][damage]") {
  CrashingDisk one(1), other(1);
  {
    append(*opened(one), {"one"});
    auto journal = opened(other);
    append(*journal, {"two"});
    REQUIRE(journal->sync());
    REQUIRE(journal->anchor());
  }
  auto files = one.contents();
  files[anchor] = other.contents()[anchor];
  CrashingDisk disk(1, files);

  CHECK(refusal(disk).find("the log is another one than its anchor knows") != std::string::npos);
}

TEST_CASE("damage before a commit that was written after a sync is found without the anchor's help",
          "[storage][journal][damage]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto damaged = append(*journal, {"synced"});
  REQUIRE(journal->sync());
  append(*journal, {"behind"});
  disk.flip(first, 4096 + damaged[0].first, 0);
  const auto before = disk.contents();

  const auto message = refusal(disk);

  CHECK(message.find(first + ", offset 4096: the log ends here at position 0") != std::string::npos);
  CHECK(message.find("disk/" + first + " says so at offset ") != std::string::npos);
  CHECK(disk.contents() == before);
}

TEST_CASE("a newer format is refused", "[storage][journal][damage]") {
  // The blocks of an empty journal of node 7 in format 2, checksums included.
  auto closed = closed_journal();
  for (const auto* name : {&first, &anchor}) {
    auto files = closed.files;
    files[*name] = testing::with_version(files[*name], 2);
    CrashingDisk disk(1, files);

    CHECK(refusal(disk).find("has format 2, this evmesh reads 1") != std::string::npos);
  }
}

TEST_CASE("what is sound is exported past the damage", "[storage][journal][damage]") {
  auto closed = closed_journal();
  auto& bytes = closed.files[second];
  bytes = flipped(bytes, 4096);                             // the header of a commit: its record is whole
  bytes = flipped(bytes, 4096 + 956 + 500);                 // a record
  closed.files[third] = flipped(closed.files[third], 100);  // a segment's header
  CrashingDisk disk(1, closed.files);
  std::set<std::string> seen;

  const auto report = check_journal(disk, [&](Position, std::string_view record) { seen.emplace(record); });

  CHECK(report.records == closed.records.size() - 1);
  for (std::size_t i = 0; i < closed.records.size(); ++i)
    CHECK(seen.contains(closed.records[i].second) == (i != 5));
  CHECK(report.findings.size() >= 3);
  CHECK(disk.calls() == 0);
}

TEST_CASE("an empty directory has no journal to find fault with", "[storage][journal][damage]") {
  CrashingDisk disk(1);

  CHECK(findings_in(disk).empty());
  CHECK(disk.contents().empty());
}

TEST_CASE("an end that was never synced is told, and is no damage", "[storage][journal][damage]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  append(*journal, {"torn"});
  disk.flip(first, 4096 + 58, 0);

  const auto report = check(disk);
  const auto& findings = report.findings;

  CHECK_FALSE(report.damaged);
  CHECK(report.records == 0);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].find("disk/" + first + ", offset 4096: commits that were never synced") == 0);
  CHECK(findings[1].find("a record's checksum does not fit") != std::string::npos);
}
