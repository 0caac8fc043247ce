#include "bus/letter_box.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bus/letter_json.hpp"

#include "bus/durable_support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

/// A box and what a bus sees of it; in memory without a directory.
struct Box {
  explicit Box(const std::filesystem::path& directory = {})
      : box(must(LetterBox::open(directory, counters))), letters(*box, "events"), others(*box, "other") {}

  base::Counters counters;
  std::unique_ptr<LetterBox> box;
  BusDeadLetters letters;
  BusDeadLetters others;
};

}  // namespace

TEST_CASE("the same event stored twice is two letters, in the order they were stored",
          "[bus][dead-letters]") {
  Box box;
  const Event event = sample();

  const auto first = must(box.letters.store(group("a"), event, {key("K:1")}, {{1, {}, {}, "broken"}}));
  const auto second = must(box.letters.store(group("a"), event, {}, {}));

  CHECK(first != second);
  CHECK(must(box.letters.ids(group("a"))) == std::vector<DeadLetterId>{first, second});
  const auto found = must(box.letters.find(group("a"), first));
  REQUIRE(found.has_value());
  CHECK(found->id == first);
  CHECK(found->event == event);
  CHECK(found->keys == std::vector<RegistrationKey>{key("K:1")});
  CHECK(found->attempts.at(0).error == "broken");
}

TEST_CASE("removing one letter leaves the others in order", "[bus][dead-letters]") {
  Box box;
  const auto first = must(box.letters.store(group("a"), sample(), {}, {}));
  const auto second = must(box.letters.store(group("a"), sample(), {}, {}));
  const auto third = must(box.letters.store(group("a"), sample(), {}, {}));

  CHECK(must(box.letters.remove(group("a"), second)));
  CHECK_FALSE(must(box.letters.remove(group("a"), second)));
  CHECK_FALSE(must(box.letters.remove(group("b"), first)));

  CHECK(must(box.letters.ids(group("a"))) == std::vector<DeadLetterId>{first, third});
  CHECK(box.counters.named("evmesh_dead_letters_total").value() == 3);
  CHECK(box.counters.named("evmesh_dead_letters_removed_total").value() == 1);
}

TEST_CASE("a group is listed while it holds a letter", "[bus][dead-letters]") {
  Box box;
  CHECK(must(box.letters.empty()));
  const auto in_b = must(box.letters.store(group("b"), sample(), {}, {}));
  must(box.letters.store(group("a"), sample(), {}, {}));
  must(box.letters.store(group("a"), sample(), {}, {}));
  CHECK(must(box.letters.groups()) == std::vector<Group>{group("a"), group("b")});

  CHECK(must(box.letters.remove(group("a"))) == 2);
  CHECK(must(box.letters.remove(group("a"))) == 0);
  CHECK(must(box.letters.groups()) == std::vector<Group>{group("b")});
  CHECK(must(box.letters.remove(group("b"), in_b)));
  CHECK(must(box.letters.empty()));
}

TEST_CASE("the letters of a group are listed however many pages they fill", "[bus][dead-letters]") {
  Box box;
  std::vector<DeadLetterId> stored;
  for (int i = 0; i < 2'001; ++i) stored.push_back(must(box.letters.store(group("a"), sample(), {}, {})));

  CHECK(must(box.letters.ids(group("a"))) == stored);
}

TEST_CASE("buses that share a box do not see each other's letters", "[bus][dead-letters]") {
  Box box;
  const auto id = must(box.letters.store(group("g"), sample(), {}, {}));

  CHECK(must(box.others.empty()));
  CHECK(must(box.others.ids(group("g"))).empty());
  CHECK_FALSE(must(box.others.find(group("g"), id)).has_value());
  CHECK_FALSE(must(box.others.remove(group("g"), id)));
  CHECK(must(box.others.remove(group("g"))) == 0);
  CHECK(must(box.letters.ids(group("g"))) == std::vector<DeadLetterId>{id});
}

TEST_CASE("letters in memory are bounded, and fit again after a removal", "[bus][dead-letters]") {
  Box box;
  const Event large = sample(std::string(1'000'000, 'x'));
  std::optional<ErrorCode> refused;
  int kept = 0;
  while (!refused && kept < 300) {
    refused = code(box.letters.store(group("a"), large, {}, {}));
    if (!refused) ++kept;
  }

  CHECK(refused == ErrorCode::storage);
  CHECK(kept == 268);
  CHECK(must(box.letters.remove(group("a"))) == 268);
  CHECK(box.letters.store(group("a"), large, {}, {}).has_value());
}

TEST_CASE("letters outlive the process, with their history", "[bus][dead-letters]") {
  const TempDir dir{support::memory_disk()};
  const Event event = sample();
  NodeId node;
  node.bytes.fill(3);
  const std::vector<Attempt> attempts{{1, Timestamp{1s}, node, "broken"}, {2, Timestamp{2s}, node, "again"}};
  DeadLetterId id;
  {
    Box box(dir.path());
    id = must(box.letters.store(group("g"), event, {key("K:1")}, attempts));
  }

  Box box(dir.path());

  const auto letter = must(box.letters.find(group("g"), id));
  REQUIRE(letter.has_value());
  CHECK(letter->event == event);
  CHECK(letter->keys == std::vector<RegistrationKey>{key("K:1")});
  CHECK(letter->attempts == attempts);
}

namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// What one letter with this payload takes in a box.
std::uint64_t size_of_letter(const std::string& payload) {
  Box box;
  must(box.letters.store(group("g"), sample(payload), {}, {}));
  return box.box->held().at({"events", "g"}).bytes;
}

}  // namespace

TEST_CASE("who keeps copies is told of each letter that leaves, whatever takes it out", "[bus][dead-letters]") {
  const TempDir dir{support::memory_disk()};
  const std::string payload(1'000, 'x');
  base::Counters counters;
  const auto box = must(LetterBox::open(dir.path(), counters, 3 * size_of_letter(payload)));
  BusDeadLetters letters(*box, "events");
  std::vector<LetterBox::Left> left;
  box->on_left([&](std::span<const LetterBox::Left> some) { left.insert(left.end(), some.begin(), some.end()); });
  std::vector<DeadLetterId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(must(letters.store(group("g"), sample(payload), {}, {})));

  CHECK(must(box->export_oldest()) == 1);
  CHECK(must(letters.remove(group("g"), ids[1])));
  CHECK(must(box->remove(std::vector{ids[2], ids[0]})) == 1);
  CHECK(must(letters.remove(group("g"))) == 1);

  REQUIRE(left.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(left[i].id == ids[i]);
    CHECK(left[i].name.id == dispatch_of_unaccepted(ids[i]));
    CHECK(left[i].name.group == storage::group_hash("events", "g"));
  }
}

TEST_CASE("one letter more than may be kept sends the oldest of its group to a file", "[bus][dead-letters]") {
  const TempDir dir{support::memory_disk()};
  const std::string payload(1'000, 'x');
  base::Counters counters;
  const auto box = must(LetterBox::open(dir.path(), counters, 3 * size_of_letter(payload)));
  BusDeadLetters letters(*box, "events");
  const auto store = [&](const char* name) { return must(letters.store(group(name), sample(payload), {}, {})); };
  const auto other = store("o");
  const auto first = store("g");
  const auto second = store("g");
  CHECK_FALSE(box->over_bound());
  CHECK(must(box->export_oldest()) == 0);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "dead-letters-exported.jsonl"));

  const auto third = store("g");
  CHECK(box->over_bound());

  CHECK(must(box->export_oldest()) == 1);
  CHECK_FALSE(box->over_bound());
  CHECK(must(letters.ids(group("g"))) == std::vector{second, third});
  CHECK(must(letters.ids(group("o"))) == std::vector{other});
  CHECK(counters.named("evmesh_dead_letters_exported_total").value() == 1);
  const auto lines = lines_of(dir.path() / "dead-letters-exported.jsonl");
  REQUIRE(lines.size() == 1);
  const auto read = must(letter_of_json(lines[0]));
  CHECK(read.id == first);
  CHECK(must(to_dead_letter(read)).event.payload() == payload);
}

TEST_CASE("letters that cannot be exported stay", "[bus][dead-letters]") {
  const TempDir dir{support::memory_disk()};
  base::Counters counters;
  const auto box = must(LetterBox::open(dir.path(), counters, 1));
  BusDeadLetters letters(*box, "events");
  must(letters.store(group("g"), sample(), {}, {}));
  std::filesystem::create_directory(dir.path() / "dead-letters-exported.jsonl");

  CHECK(code(box->export_oldest()) == ErrorCode::storage);

  CHECK(must(letters.ids(group("g"))).size() == 1);
}

TEST_CASE("a letter that is kept again stays one", "[bus][dead-letters]") {
  Box box;
  must(box.letters.store(group("g"), sample(), {}, {}));
  const auto kept = must(box.box->page({}, 0, 10));
  REQUIRE(kept.size() == 1);

  must(box.box->keep(kept));

  CHECK(must(box.box->count({})) == 1);
  CHECK(box.counters.named("evmesh_dead_letters_total").value() == 1);
}

TEST_CASE("a text filter looks at type, user, keys and errors", "[bus][dead-letters]") {
  Box box;
  must(box.letters.store(group("g"), sample(), {key("K:1")}, {{1, {}, {}, "no route"}}));
  must(box.letters.store(group("g"), sample(), {key("K:2")}, {}));

  const auto found = [&](std::string text) {
    LetterBox::Filter filter;
    filter.text = std::move(text);
    return must(box.box->count(filter));
  };

  CHECK(found("no route") == 1);
  CHECK(found("K:2") == 1);
  CHECK(found("Sample") == 2);
  CHECK(found("user") == 2);
  CHECK(found("elsewhere") == 0);
}

TEST_CASE("the id of a dead letter survives printing", "[bus][dead-letters][N21]") {
  const DeadLetterId id = DeadLetterId::fresh();

  CHECK(must(DeadLetterId::parse(id.to_string())) == id);
  CHECK(code(DeadLetterId::parse("")) == ErrorCode::invalid_argument);
}
