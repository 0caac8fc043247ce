// What every journal promises, whatever is under it.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "storage/journal_support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::testing;

namespace {

struct InMemory {
  std::unique_ptr<Journal> journal = memory_journal();
};

struct OnCrashingDisk {
  CrashingDisk disk{1};
  std::unique_ptr<Journal> journal = opened(disk);
};

struct OnRealDisk {
  support::TempDir directory;
  std::unique_ptr<Disk> disk = std::move(*open_disk(directory.path() / "journal"));
  std::unique_ptr<Journal> journal = opened(*disk);
};

}  // namespace

#define EVERY_JOURNAL(name) \
  TEMPLATE_TEST_CASE(name, "[storage][journal][contract]", InMemory, OnCrashingDisk, OnRealDisk)

EVERY_JOURNAL("a new journal is empty") {
  TestType subject;

  CHECK(subject.journal->begin() == subject.journal->end());
  CHECK(records_of(*subject.journal).empty());
  CHECK(subject.journal->tail().position == subject.journal->end());
}

EVERY_JOURNAL("records come back in order, at the positions that were told before") {
  TestType subject;
  auto expected = append(*subject.journal, {"one", "two"});
  const auto more = append(*subject.journal, {std::string(2000, 'x')});
  expected.insert(expected.end(), more.begin(), more.end());

  CHECK(records_of(*subject.journal) == expected);
  CHECK(expected[0].first > 0);
  CHECK(expected[0].first < expected[1].first);
  CHECK(expected[1].first < expected[2].first);
}

EVERY_JOURNAL("a record is read by its position, before and after the sync") {
  TestType subject;
  const auto placed = append(*subject.journal, {"one", std::string("t\0wo", 4)});

  CHECK(subject.journal->read(placed[0].first).value() == "one");
  REQUIRE(subject.journal->sync());
  CHECK(subject.journal->read(placed[1].first).value() == std::string("t\0wo", 4));
}

EVERY_JOURNAL("there is no record behind the end") {
  TestType subject;
  append(*subject.journal, {"one"});

  CHECK(subject.journal->read(subject.journal->end()).error().code == ErrorCode::storage);
  CHECK(subject.journal->read(subject.journal->end() + 1000).error().code == ErrorCode::storage);
}

EVERY_JOURNAL("a position between two records is no record") {
  TestType subject;
  const auto placed = append(*subject.journal, {"one", "two"});

  CHECK(subject.journal->read(placed[0].first + 1).error().code == ErrorCode::storage);
}

EVERY_JOURNAL("a commit built for another place is refused, and changes nothing") {
  TestType subject;
  const auto placed = append(*subject.journal, {"one"});
  Commit early(0);
  early.add("two");

  CHECK(subject.journal->append(early).error().code == ErrorCode::invalid_argument);
  CHECK(records_of(*subject.journal) == placed);
  CHECK(subject.journal->sync());
}

EVERY_JOURNAL("a commit without records is refused") {
  TestType subject;
  Commit empty(subject.journal->end());

  CHECK(subject.journal->append(empty).error().code == ErrorCode::invalid_argument);
}

EVERY_JOURNAL("the tail moves with the sync, not with the append") {
  TestType subject;
  const auto before = subject.journal->tail();

  append(*subject.journal, {"one"});
  CHECK(subject.journal->tail() == before);

  REQUIRE(subject.journal->sync());
  CHECK(subject.journal->tail().position == subject.journal->end());
  CHECK(subject.journal->tail().chain != before.chain);
}

EVERY_JOURNAL("dropping keeps all from the position on") {
  TestType subject;
  const auto all = fill(*subject.journal, 20, 900);

  REQUIRE(subject.journal->drop(all[12].first));

  CHECK(subject.journal->begin() > 0);
  CHECK(subject.journal->begin() <= all[12].first);
  for (std::size_t i = 12; i < all.size(); ++i)
    CHECK(subject.journal->read(all[i].first).value() == all[i].second);
  CHECK(subject.journal->read(all[0].first).error().code == ErrorCode::storage);
}

EVERY_JOURNAL("dropping behind the end is refused") {
  TestType subject;
  append(*subject.journal, {"one"});

  CHECK(subject.journal->drop(subject.journal->end() + 1).error().code == ErrorCode::invalid_argument);
}

EVERY_JOURNAL("a replay ends at the first error of its visitor") {
  TestType subject;
  append(*subject.journal, {"one", "two"});
  int calls = 0;

  const auto done = subject.journal->replay([&](Position, std::string_view) -> Result<void> {
    ++calls;
    return fail(ErrorCode::closed, "enough");
  });

  CHECK(done.error().message == "enough");
  CHECK(calls == 1);
}

EVERY_JOURNAL("a sound journal is scrubbed without a finding") {
  TestType subject;
  fill(*subject.journal, 12, 900);

  for (int round = 0; round < 20; ++round) CHECK(subject.journal->scrub(3000));
}

EVERY_JOURNAL("another thread reads while commits are appended and dropped") {
  TestType subject;
  const auto placed = append(*subject.journal, {"one"});
  bool same = true;

  std::thread reader([&] {
    for (int i = 0; i < 300; ++i) {
      const auto read = subject.journal->read(placed[0].first);
      same = same && (read ? *read == "one" : read.error().message.find("dropped") != std::string::npos);
    }
  });
  const auto all = fill(*subject.journal, 40, 900);
  const bool dropped = subject.journal->drop(all.back().first).has_value();
  fill(*subject.journal, 40, 900);
  reader.join();

  CHECK(dropped);
  CHECK(same);
}

EVERY_JOURNAL("another thread syncs while commits are appended") {
  TestType subject;
  std::atomic<bool> done = false;
  bool synced = true;

  std::thread syncer([&] {
    while (!done) synced = synced && subject.journal->sync();
  });
  for (int i = 0; i < 40; ++i) {
    append(*subject.journal, {std::string(900, 'x')});
    subject.journal->prepare();
  }
  done = true;
  syncer.join();

  CHECK(synced);
  REQUIRE(subject.journal->sync());
  CHECK(subject.journal->tail().position == subject.journal->end());
  CHECK(records_of(*subject.journal).size() == 40);
}
