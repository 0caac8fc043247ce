// A store of dead letters that is large, damaged or looked at from outside.

#include <string>

#include <catch2/catch.hpp>

#include "state_store_fixture.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(Fixture, "a file of the first format is taken over, its letters counted", "[storage][state]") {
  {
    StateStore store = open();
    REQUIRE(store.put(letters(3)));
    REQUIRE(store.put("task", "1", "done"));
  }
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute("UPDATE meta SET format = 1, sum = sum - (SELECT sum(sum) FROM held)"));
    REQUIRE(database.execute("DROP TABLE held; DROP INDEX letters_type; DROP INDEX letters_time"));
    fs::remove(dir.path() / "state.witness");  // of the sum with the counts
  }
  CHECK_FALSE(Checked(dir.path()).report.damaged);

  StateStore store = open();

  CHECK(store.page({}, 0, 10) == letters(3));
  CHECK(store.held().at({"events", "index"}).letters == 3);
  CHECK(store.documents("task").value().at("1") == "done");
  CHECK(store.count({.type = "Odd"}) == 2U);
  CHECK(store.verify());
}

TEST_CASE_METHOD(Fixture, "a damaged letter among many is found by who reads it, and by the scrub",
                 "[storage][state]") {
  std::string event = "the event that will be damaged";
  {
    StateStore store = open();
    auto many = letters(3'000);
    many[1'499].event = event;
    REQUIRE(store.put(many));
  }
  std::string bytes = read(dir.path() / "state.db");
  bytes[bytes.find(event)] = 'T';
  write(dir.path() / "state.db", bytes);
  StateStore store = open();
  CHECK(store.page({}, 2'000, 10)->size() == 10);
  CHECK(store.count({}) == 3'000U);

  const auto found = store.page({}, 1'498, 10);

  REQUIRE_FALSE(found);
  CHECK_THAT(found.error().message, Catch::Matchers::Contains("dead letter 1500 is damaged"));
  Result<bool> scrubbed = false;
  for (int slice = 0; slice < 10'000 && scrubbed && !*scrubbed; ++slice) scrubbed = store.scrub(10'000);
  REQUIRE_FALSE(scrubbed);
  CHECK(scrubbed.error().message == found.error().message);
  CHECK_FALSE(store.page({}, 2'000, 10));
  CHECK_FALSE(store.put(letters(1, "another")));
}

TEST_CASE_METHOD(Fixture, "a letter that vanished from among many is missed by the scrub", "[storage][state]") {
  { REQUIRE(open().put(letters(3'000))); }
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute("DELETE FROM letters WHERE number = 2000"));
  }
  StateStore store = open();

  Result<bool> scrubbed = false;
  while (scrubbed && !*scrubbed) scrubbed = store.scrub(100'000);

  REQUIRE_FALSE(scrubbed);
  CHECK_THAT(scrubbed.error().message, Catch::Matchers::Contains("rows are missing, or came from elsewhere"));
}

TEST_CASE_METHOD(Fixture, "an index that does not lead to a letter is found", "[storage][state]") {
  { REQUIRE(open().put(letters(3))); }
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute(
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX letters_type ON letters (grp, number)' WHERE name = "
        "'letters_type';"));
  }
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute("REINDEX letters_type; PRAGMA writable_schema = ON;"
                             "UPDATE sqlite_schema SET sql = 'CREATE INDEX letters_type ON letters (type, number)' "
                             "WHERE name = 'letters_type';"));
  }

  const auto opened = StateStore::open(dir.path());

  REQUIRE_FALSE(opened);
  CHECK_THAT(opened.error().message, Catch::Matchers::Contains("an index misses dead letter 1"));
}

TEST_CASE_METHOD(Fixture, "a scrub goes on while letters come and go", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(100)));
  int rounds = 0;

  for (unsigned step = 0; step < 500; ++step) {
    const auto ended = store.scrub(2'000);
    REQUIRE(ended);
    rounds += *ended;
    REQUIRE(store.remove({.id = letter(step * 7 % 200).id}));
    if (step % 3 == 0) REQUIRE(store.put(std::vector{letter(200 + step)}));
    if (step % 5 == 0) REQUIRE(store.put("task", std::to_string(step % 4), std::to_string(step)));
  }

  CHECK(rounds > 10);
  CHECK(store.verify());
}

TEST_CASE_METHOD(Fixture, "letters since a time are found wherever they stand", "[storage][state]") {
  StateStore store = open();
  auto some = letters(20);
  some[3].time = some[18].time;  // imported, for example
  REQUIRE(store.put(some));
  const LetterFilter filter{.since = Timestamp{15s}, .until = Timestamp{20s}};

  const auto numbers = [&](std::uint64_t after, std::size_t limit) {
    std::vector<std::uint64_t> found;
    const auto places = store.places(filter, after, limit).value();
    for (const LetterPlace& place : places) found.push_back(place.number);
    return found;
  };

  CHECK(numbers(0, 10) == std::vector<std::uint64_t>{4, 15, 16, 17, 18, 19});
  CHECK(numbers(0, 2) == std::vector<std::uint64_t>{4, 15});
  CHECK(numbers(4, 2) == std::vector<std::uint64_t>{15, 16});
  CHECK(store.page(filter, 16, 10)->size() == 3);
  CHECK(store.page({.since = Timestamp{21s}}, 0, 10)->empty());
}

TEST_CASE_METHOD(Fixture, "a witness survives a torn write of its newest slot", "[storage][state]") {
  {
    Witness witness = std::move(Witness::open(dir.path() / "w").value());
    REQUIRE(witness.keep({1, 11}));
    REQUIRE(witness.keep({2, 22}));
  }
  std::string bytes = read(dir.path() / "w");
  bytes[20] = static_cast<char>(bytes[20] ^ 1);  // version 2 stands in the first slot
  write(dir.path() / "w", bytes);

  CHECK(Witness::open(dir.path() / "w").value().mark() == Witness::Mark{1, 11});
}

namespace {

std::map<std::string, std::string> files_in(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    files.emplace(entry.path().filename(),
                  read(entry.path()) + std::to_string(entry.last_write_time().time_since_epoch().count()));
  }
  return files;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a check reads what a crash left, and changes nothing", "[storage][state][check]") {
  StateStore store = open();
  REQUIRE(store.put(letters(3)));
  REQUIRE(store.remove({.id = letter(2).id}));
  support::TempDir crashed;
  for (const auto& [name, bytes] : image()) write(crashed.path() / name, bytes);
  const auto before = files_in(crashed.path());

  const Checked checked(crashed.path());

  CHECK(checked.report.findings.empty());
  CHECK_FALSE(checked.report.damaged);
  CHECK(checked.report.letters == 2);
  CHECK(checked.numbers == std::vector<std::uint64_t>{1, 3});
  CHECK(files_in(crashed.path()) == before);
}

TEST_CASE_METHOD(Fixture, "a check of a store that was closed makes no file beside it", "[storage][state][check]") {
  support::TempDir odd;
  const fs::path closed = odd.path() / "a %20 name?#";
  fs::create_directory(closed);
  { REQUIRE(StateStore::open(closed).value().put(letters(2))); }
  const auto before = files_in(closed);
  REQUIRE_FALSE(before.contains("state.db-wal"));

  const Checked checked(closed);

  CHECK_FALSE(checked.report.damaged);
  CHECK(checked.numbers == std::vector<std::uint64_t>{1, 2});
  CHECK(files_in(closed) == before);
}

TEST_CASE_METHOD(Fixture, "a check of a directory without letters finds nothing", "[storage][state][check]") {
  const Checked checked(dir.path());

  CHECK(checked.report.findings.empty());
  CHECK(checked.numbers.empty());
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE_METHOD(Fixture, "a check says that the letters are gone when their file is",
                 "[storage][state][check]") {
  {
    REQUIRE(open().put(letters(1)));
  }
  fs::remove(dir.path() / "state.db");

  const Checked checked(dir.path());

  CHECK(checked.report.damaged);
  REQUIRE(checked.report.findings.size() == 1);
  CHECK_THAT(checked.report.findings[0], Catch::Matchers::Contains("state.db: the file is missing"));
}

TEST_CASE_METHOD(Fixture, "a check finds every changed bit that opening finds, and reads past it",
                 "[storage][state][check]") {
  {
    REQUIRE(open().put(letters(40)));
  }
  const auto sound = image();
  const std::string& bytes = sound.at("state.db");
  std::size_t found = 0, read_past = 0;

  for (std::size_t at = 0; at < bytes.size(); at += 61) {
    auto files = sound;
    files["state.db"][at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    support::TempDir changed{fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()};
    for (const auto& [name, content] : files) write(changed.path() / name, content);

    const Checked checked(changed.path());
    const bool opens = StateStore::open(changed.path()).has_value();

    if (checked.report.damaged == opens) FAIL("byte " << at << ": opens " << opens);
    found += checked.report.damaged;
    read_past += checked.report.damaged && checked.report.letters > 20;
  }
  CHECK(found > 50);
  CHECK(read_past > 25);
}

TEST_CASE_METHOD(Fixture, "a check finds an older copy that was put back", "[storage][state][check]") {
  {
    REQUIRE(open().put(letters(1)));
  }
  const std::string older = read(dir.path() / "state.db");
  {
    REQUIRE(open().put(letters(3)));
  }
  write(dir.path() / "state.db", older);

  const Checked checked(dir.path());

  CHECK(checked.report.damaged);
  CHECK_THAT(checked.report.findings[0], Catch::Matchers::Contains("older than this node remembers"));
  CHECK(checked.numbers == std::vector<std::uint64_t>{1});
}

TEST_CASE_METHOD(Fixture, "a store that a crash left half made is no damage", "[storage][state][check]") {
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute("CREATE TABLE meta (only INTEGER)"));
  }

  CHECK_FALSE(Checked(dir.path()).report.damaged);
  write(dir.path() / "state.db-journal", "unfinished");
  CHECK_THAT(Checked(dir.path()).report.findings[0], Catch::Matchers::Contains("the next start makes it"));
  CHECK_FALSE(Checked(dir.path()).report.damaged);
}
