#include "storage/state_store.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "state_store_fixture.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace evmesh::storage::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(Fixture, "what was stored is there after a restart, in its order", "[storage][state]") {
  CHECK(open().put(letters(3)) == 3U);

  StateStore again = open();

  CHECK(again.page({}, 0, 10) == letters(3));
  CHECK(again.held().at({"events", "index"}).letters == 3);
}

TEST_CASE_METHOD(Fixture, "a letter that is there already is not stored twice", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(2)) == 2U);

  CHECK(store.put(letters(3)) == 1U);

  CHECK(store.page({}, 0, 10) == letters(3));
}

TEST_CASE_METHOD(Fixture, "letters are read a page at a time", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(5)));

  const auto first = store.page({}, 0, 2).value();
  const auto second = store.page({}, first.back().number, 2).value();

  CHECK(first == std::vector{letter(1), letter(2)});
  CHECK(second == std::vector{letter(3), letter(4)});
}

TEST_CASE_METHOD(Fixture, "a page of large letters is short, and never empty", "[storage][state]") {
  auto store = open();
  std::vector<LetterRow> rows = letters(4);
  for (LetterRow& row : rows) row.event.assign(1'000, 'x');
  REQUIRE(store.put(rows));

  CHECK(store.page({}, 0, 10, 2'500)->size() == 3);
  CHECK(store.page({}, 0, 10, 1)->size() == 1);
  CHECK(store.page({}, 3, 10, 1)->front().number == 4);
}

TEST_CASE_METHOD(Fixture, "letters are found by what is asked of them", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(4)));
  std::vector<LetterRow> others{letter(105, "quota")};
  REQUIRE(store.put(others));

  CHECK(store.count({.group = "quota"}) == 1U);
  CHECK(store.count({.type = "Even"}) == 2U);
  CHECK(store.count({.text = "refused by peer 3"}) == 1U);
  CHECK(store.count({.event = letter(2).event_id}) == 1U);
  CHECK(store.count({.since = Timestamp{2s}, .until = Timestamp{4s}}) == 2U);
  CHECK(store.count({.id = letter(4).id}) == 1U);
  CHECK(store.count({.bus = "other"}) == 0U);
}

TEST_CASE_METHOD(Fixture, "what is removed is gone, and only that", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(3)));

  CHECK(store.remove({.id = letter(2).id}) == 1U);
  CHECK(store.remove({.id = letter(2).id}) == 0U);

  CHECK(store.page({}, 0, 10) == std::vector{letter(1), letter(3)});
  CHECK(store.held().at({"events", "index"}).letters == 2);
  CHECK(store.remove({.group = "index"}) == 2U);
  CHECK(store.held().empty());
}

TEST_CASE_METHOD(Fixture, "places of letters are read without the letters", "[storage][state]") {
  auto store = open();
  REQUIRE(store.put(letters(3, "quota")));

  const auto places = store.places({.group = "quota"}, 1, 1);

  CHECK(places == std::vector<LetterPlace>{{2, "events", "quota"}});
}

TEST_CASE_METHOD(Fixture, "letters named by their ids go together", "[storage][state]") {
  auto store = open();
  REQUIRE(store.put(letters(5)));

  const auto removed = store.remove(std::vector<DeadLetterId>{letter(2).id, letter(9).id, letter(4).id});

  CHECK(removed == 2);
  CHECK(store.count({}) == 3);
  CHECK(store.held().at({"events", "index"}).letters == 3);
  CHECK(store.verify());
}

TEST_CASE_METHOD(Fixture, "who removes letters may be told of each", "[storage][state]") {
  auto store = open();
  REQUIRE(store.put(letters(4)));
  std::vector<LetterRow> told;
  const auto tell = [&](const LetterRow& row) { told.push_back(row); };

  REQUIRE(store.remove(std::vector<DeadLetterId>{letter(2).id, letter(9).id}, tell) == 1);
  REQUIRE(store.remove({.id = letter(4).id}, tell) == 1);

  REQUIRE(told.size() == 2);
  CHECK(told[0].id == letter(2).id);
  CHECK(told[0].bus == letter(2).bus);
  CHECK(told[0].group == letter(2).group);
  CHECK(told[0].history == letter(2).history);
  CHECK(told[1].id == letter(4).id);
}

TEST_CASE_METHOD(Fixture, "the newest letters stand behind a number, by count or by bytes", "[storage][state]") {
  auto store = open();
  CHECK(store.start_of_newest(2, 10'000) == 0U);
  std::vector<LetterRow> rows = letters(4);
  for (LetterRow& row : rows) row.event.assign(1'000, 'x');
  REQUIRE(store.put(rows));

  CHECK(store.start_of_newest(4, 4'000) == 0U);
  CHECK(store.start_of_newest(3, 4'000) == 1U);
  CHECK(store.start_of_newest(4, 3'999) == 1U);
  CHECK(store.start_of_newest(4, 999) == 4U);
}

TEST_CASE_METHOD(Fixture, "the last number is known, also of a letter that is gone", "[storage][state]") {
  auto store = open();
  CHECK(store.last_number() == 0);
  REQUIRE(store.put(letters(5)));
  REQUIRE(store.remove({.id = letter(5).id}));

  CHECK(store.last_number() == 5);
}

TEST_CASE_METHOD(Fixture, "numbers are not given twice", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(3)));
  REQUIRE(store.remove(LetterFilter{}) == 3U);

  REQUIRE(store.put(std::vector{letter(4)}) == 1U);

  CHECK(store.page({}, 0, 10).value().front().number == 4);
}

TEST_CASE_METHOD(Fixture, "documents are kept by kind and name", "[storage][state]") {
  {
    StateStore store = open();
    REQUIRE(store.put("task", "1", "waiting"));
    REQUIRE(store.put("task", "1", "done"));
    REQUIRE(store.put("group", "1", "paused"));
    REQUIRE(store.put("task", "2", "waiting"));
    REQUIRE(store.erase("task", "2"));
  }

  CHECK(open().documents("task") == std::map<std::string, std::string>{{"1", "done"}});
  CHECK(open().documents("group") == std::map<std::string, std::string>{{"1", "paused"}});
}

TEST_CASE_METHOD(Fixture, "a changed bit is found, or was in no use", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(3)));
  REQUIRE(store.put("task", "1", "done"));
  const auto sound = image();
  REQUIRE(Restored(sound).letters() == letters(3));

  std::size_t found = 0;
  for (const auto& [name, bytes] : sound) {
    if (name.ends_with("-shm")) continue;  // made anew at each open
    for (std::size_t at = 0; at < bytes.size(); at += bytes[at] == '\0' ? 31 : 1) {  // unused space is sampled
      auto files = sound;
      files[name][at] = static_cast<char>(files[name][at] ^ (1 << at % 8));
      const auto letters_found = Restored(files).letters();
      found += !letters_found;
      if (letters_found && *letters_found != letters(3)) FAIL(name << ": a changed bit of byte " << at << " was served");
    }
  }
  CHECK(found > 100);
}

TEST_CASE_METHOD(Fixture, "a file that ends too early is found", "[storage][state]") {
  StateStore store = open();
  REQUIRE(store.put(letters(3)));
  const auto sound = image();

  for (const auto& [name, bytes] : sound) {
    if (name.ends_with("-shm")) continue;
    for (std::size_t length = 0; length < bytes.size(); length += 97) {
      auto files = sound;
      files[name].resize(length);
      const auto letters_found = Restored(files).letters();
      if (letters_found && *letters_found != letters(3)) FAIL(name << " of " << length << " bytes was served");
    }
  }
}

TEST_CASE_METHOD(Fixture, "an older copy put back is found", "[storage][state]") {
  std::map<std::string, std::string> older;
  {
    StateStore store = open();
    REQUIRE(store.put(letters(1)));
    older = image();
    REQUIRE(store.put(letters(3)));
  }
  auto files = image();
  files["state.db"] = older["state.db"];
  files["state.db-wal"] = older["state.db-wal"];

  const auto found = Restored(files).letters();

  REQUIRE_FALSE(found);
  CHECK_THAT(found.error().message, Catch::Matchers::Contains("older than this node remembers (version 1, was 2)"));
}

TEST_CASE_METHOD(Fixture, "a file of a newer version is refused", "[storage][state]") {
  { REQUIRE(open().put(letters(1))); }
  {
    Database database = std::move(Database::open(dir.path() / "state.db").value());
    REQUIRE(database.execute("UPDATE meta SET format = 3"));
  }

  const auto opened = StateStore::open(dir.path());

  REQUIRE_FALSE(opened);
  CHECK_THAT(opened.error().message, Catch::Matchers::Contains("written by a newer evmesh (format 3)"));
}
