// The journal on a disk that loses what was not synced: at every call, and at random ones.
#include <algorithm>

#include <catch2/catch.hpp>

#include "storage/journal_support.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::testing;

namespace {

/// What a user of the journal knows.
struct Ledger {
  Records appended;              // also what may not have reached the disk
  std::size_t acknowledged = 0;  // so many of them were said to be synced
  Position kept = 0;             // everything before it may be gone
  std::uint64_t life = 0;
};

Result<void> append_next(Journal& journal, Ledger& ledger, std::size_t turn) {
  Commit commit(journal.end());
  for (std::size_t i = 0; i <= turn % 3; ++i) {
    // No two lives write the same: what comes back from the dead is told from what was written again.
    std::string record = "life " + std::to_string(ledger.life) + " turn " + std::to_string(turn);
    record.resize(100 + 130 * ((turn + i) % 5), '.');
    ledger.appended.emplace_back(commit.add(record), record);
  }
  return journal.append(commit);
}

Result<void> one_turn(Journal& journal, Ledger& ledger, std::size_t turn) {
  auto done = append_next(journal, ledger, turn);
  if (done && turn % 3 == 2) {
    done = journal.sync();
    if (done) ledger.acknowledged = ledger.appended.size();
  }
  if (done && turn % 5 == 4) done = journal.anchor();
  if (done && turn % 8 == 7) {
    ledger.kept =
        ledger.appended[ledger.appended.size() - std::min<std::size_t>(ledger.appended.size(), 6)].first;
    done = journal.drop(ledger.kept);
    if (done) ledger.acknowledged = ledger.appended.size();
  }
  if (done) journal.prepare();
  return done;
}

/// A life until its first error, or its end. The journal, when it could be opened.
std::unique_ptr<Journal> live(Disk& disk, Ledger& ledger, std::size_t turns) {
  ++ledger.life;
  auto journal = open_journal(disk, small_options());
  if (!journal) return nullptr;
  for (std::size_t turn = 0; turn < turns; ++turn) {
    if (!one_turn(**journal, ledger, turn)) break;
  }
  return std::move(*journal);
}

/// The log is there from what was kept to at least what was acknowledged; whatever came back is acknowledged
/// now.
void check_recovered(Disk& disk, Ledger& ledger) {
  const auto journal = opened(disk);
  const auto found = records_of(*journal);
  const auto first = found.empty() ? ledger.appended.end()
                                   : std::find(ledger.appended.begin(), ledger.appended.end(), found.front());
  const auto start = static_cast<std::size_t>(first - ledger.appended.begin());
  if (!found.empty()) REQUIRE(first != ledger.appended.end());
  const Records expected(first,
                         std::min(first + static_cast<std::ptrdiff_t>(found.size()), ledger.appended.end()));
  REQUIRE(found == expected);
  if (ledger.acknowledged > 0) {
    REQUIRE(found.size() + start >= ledger.acknowledged);
    REQUIRE(journal->begin() <= std::max(ledger.kept, ledger.appended.front().first));
  }
  REQUIRE(journal->tail().position == journal->end());
  REQUIRE(check_journal(disk, [](Position, std::string_view) {}).findings.empty());
  ledger.appended.resize(found.empty() ? 0 : start + found.size());
  ledger.acknowledged = ledger.appended.size();
}

std::uint64_t calls_of_a_life(std::size_t turns) {
  CrashingDisk disk(1);
  Ledger ledger;
  live(disk, ledger, turns);
  return disk.calls();
}

}  // namespace

TEST_CASE("whatever call the power fails in, all that was acknowledged comes back",
          "[storage][journal][crash]") {
  const std::uint64_t calls = calls_of_a_life(40);
  REQUIRE(calls > 100);

  for (std::uint64_t call = 0; call < calls; ++call) {
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
      CAPTURE(call, seed);
      CrashingDisk disk(seed * 1000 + call);
      Ledger ledger;
      disk.fail_after(call, DiskFault::power);
      live(disk, ledger, 40);

      disk.crash();

      check_recovered(disk, ledger);
    }
  }
}

TEST_CASE("the power may fail again and again, also while the journal is opened",
          "[storage][journal][crash]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    CrashingDisk disk(seed);
    base::SeededRandom random(seed);
    Ledger ledger;

    for (int life = 0; life < 8; ++life) {
      disk.fail_after(base::uniform(random, 0, 120), DiskFault::power);
      live(disk, ledger, 30);
      disk.crash();
      disk.fail_after(base::uniform(random, 0, 12), DiskFault::power);
      static_cast<void>(open_journal(disk, small_options()));
      disk.crash();
      check_recovered(disk, ledger);
    }
  }
}

TEST_CASE("after a failed call nothing is acknowledged any more, and opening again recovers all that was",
          "[storage][journal][crash]") {
  const std::uint64_t calls = calls_of_a_life(40);

  for (std::uint64_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    CrashingDisk disk(call);
    Ledger ledger;
    disk.fail_after(call, DiskFault::input_output);
    live(disk, ledger, 40);

    // The process goes on or starts anew; the kernel still shows pages that it could not write.
    check_recovered(disk, ledger);
    disk.crash();
    check_recovered(disk, ledger);
  }
}

TEST_CASE("a failed sync is the answer to everything that follows", "[storage][journal][crash]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto placed = append(*journal, {"one"});
  disk.fail_after(0, DiskFault::input_output);

  const auto first = journal->sync();

  REQUIRE_FALSE(first);
  CHECK(first.error().message.find("sync disk/journal-000000000001.seg") != std::string::npos);
  Commit commit(journal->end());
  commit.add("two");
  const auto calls = disk.calls();
  CHECK(journal->append(commit).error() == first.error());
  CHECK(journal->sync().error() == first.error());
  CHECK(journal->anchor().error() == first.error());
  CHECK(journal->drop(0).error() == first.error());
  CHECK(journal->scrub(1).error() == first.error());
  CHECK(journal->read(placed[0].first).error() == first.error());
  CHECK(journal->replay([](Position, std::string_view) -> Result<void> { return {}; }).error() ==
        first.error());
  CHECK(journal->tail().position == 0);
  journal->prepare();
  CHECK(disk.calls() == calls);
}

TEST_CASE("a read that fails is told, and is no damage", "[storage][journal][crash]") {
  CrashingDisk disk(1);
  const auto journal = opened(disk);
  const auto placed = append(*journal, {"one"});
  disk.fail_read_after(0);

  const auto read = journal->read(placed[0].first);

  REQUIRE_FALSE(read);
  CHECK(read.error().message.find("Input/output error") != std::string::npos);
  CHECK(journal->read(placed[0].first).value() == "one");
}

TEST_CASE("a read that fails while the journal is opened changes nothing", "[storage][journal][crash]") {
  const auto closed = closed_journal();
  CrashingDisk whole(1, closed.files);
  opened(whole);

  for (std::uint64_t read = 0; read < whole.reads(); ++read) {
    CAPTURE(read);
    CrashingDisk disk(1, closed.files);
    disk.fail_read_after(read);
    static_cast<void>(open_journal(disk, small_options()));

    CHECK(records_of(*opened(disk)) == closed.records);
  }
}

TEST_CASE("a torn commit is cut off, and a later one behind it never comes back",
          "[storage][journal][crash]") {
  CrashingDisk disk(1);
  auto journal = opened(disk);
  const auto kept = append(*journal, {"kept"});
  REQUIRE(journal->sync());
  const auto torn = append(*journal, {std::string(700, 't')});
  append(*journal, {"behind it"});
  disk.flip("journal-000000000001.seg", 4096 + torn[0].first + 300, 0);

  journal = opened(disk);

  CHECK(records_of(*journal) == kept);
  // The same bytes in the same place, so that the chain would fit the commit behind them.
  const auto again = append(*journal, {std::string(700, 't')});
  REQUIRE(journal->sync());
  CHECK(again == torn);
  journal = opened(disk);
  CHECK(records_of(*journal) == Records{kept[0], torn[0]});
}

TEST_CASE("old bytes of a segment that is used again are never taken for new ones",
          "[storage][journal][crash]") {
  CrashingDisk disk(1);
  auto journal = opened(disk);
  auto all = fill(*journal, 12, 900);
  REQUIRE(journal->drop(all.back().first));
  for (int i = 0; i < 3; ++i) journal->prepare();
  const auto from = journal->begin();
  const auto more = fill(*journal, 5, 900);
  all.insert(all.end(), more.begin(), more.end());
  std::erase_if(all, [&](const auto& record) { return record.first < from; });

  journal = opened(disk);

  CHECK(records_of(*journal) == all);
  CHECK(check_journal(disk, [](Position, std::string_view) {}).records == all.size());
}
