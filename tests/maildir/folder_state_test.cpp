#include "evmesh-maildir/folder_state.hpp"

#include <chrono>

#include <catch2/catch.hpp>

using namespace evmesh::maildir;
using evmesh::mailbox::SystemFlag;

namespace {

FolderState told(const std::string& id, const std::string& name, FolderIdentity identity,
                 const std::vector<std::string>& messages = {}) {
  FolderState folder{.id = id, .name = name, .identity = identity, .messages = {}};
  for (const std::string& base : messages) folder.messages[base].uid = ++folder.last_uid;
  return folder;
}

SeenFolder seen(const std::string& name, FolderIdentity identity,
                const std::vector<std::string>& messages = {}) {
  SeenFolder folder{.name = name, .identity = identity, .messages = {}};
  for (const std::string& base : messages) folder.messages[base];
  return folder;
}

UserState state_of(std::vector<FolderState> folders) {
  UserState state;
  for (FolderState& folder : folders) state.folders[folder.id] = folder;
  return state;
}

}  // namespace

TEST_CASE("a folder is found again by its identity under another name", "[maildir][diff]") {
  const auto state = state_of({told("w", "Work", {7, 70})});
  const UserScan scan{.folders = {seen("Play", {7, 70})}};

  const auto matches = match_folders(state, scan);

  REQUIRE(matches.known.size() == 1);
  CHECK(matches.known[0].id == "w");
  CHECK(matches.gone.empty());
}

TEST_CASE("a new directory with an old inode number is a new folder", "[maildir][diff]") {
  const auto state = state_of({told("w", "Work", {7, 70}, {"1"})});
  const UserScan scan{.folders = {seen("Play", {7, 71})}};

  const auto matches = match_folders(state, scan);

  CHECK(matches.fresh.size() == 1);
  CHECK(matches.gone == std::vector<std::string>{"w"});
}

TEST_CASE("without a time of birth an inode number counts only with a message in common", "[maildir][diff]") {
  const auto state = state_of({told("w", "Work", {7, 0}, {"1"})});
  const UserScan other{.folders = {seen("Play", {7, 0}, {"2"})}};
  const UserScan same{.folders = {seen("Play", {7, 0}, {"1"})}};

  CHECK(match_folders(state, other).fresh.size() == 1);
  CHECK(match_folders(state, same).known.size() == 1);
}

TEST_CASE("a restored folder is found by its name and a message", "[maildir][diff]") {
  const auto state = state_of({told("w", "Work", {7, 70}, {"1", "2"})});
  const UserScan restored{.folders = {seen("Work", {8, 80}, {"2"})}};
  const UserScan made_again{.folders = {seen("Work", {8, 80}, {"3"})}};

  CHECK(match_folders(state, restored).known.size() == 1);
  CHECK(match_folders(state, made_again).fresh.size() == 1);
}

TEST_CASE("INBOX is always the same mailbox", "[maildir][diff]") {
  const auto state = state_of({told("i", "INBOX", {7, 70}, {"1"})});
  const UserScan scan{.folders = {seen("INBOX", {8, 80}), seen("Old", {7, 70})}};

  const auto matches = match_folders(state, scan);

  REQUIRE(matches.known.size() == 1);
  CHECK(matches.known[0].seen->name == "INBOX");
  CHECK(matches.fresh.size() == 1);
}

TEST_CASE("missing and re-flagged messages are found, and nothing in an unreadable folder",
          "[maildir][diff]") {
  const auto state = state_of({told("w", "Work", {7, 70}, {"1", "2"}), told("x", "X", {9, 90}, {"3"})});
  UserScan scan{.folders = {seen("Work", {7, 70}, {"2"}), seen("X", {9, 90})}};
  scan.folders[0].messages["2"].flags.insert(SystemFlag::seen);
  scan.folders[1].readable = false;

  const auto differences = compare_messages(state, match_folders(state, scan));

  REQUIRE(differences.missing.size() == 1);
  CHECK(differences.missing[0].base == "1");
  CHECK(differences.reflagged == std::vector<Reflagged>{{"w", "2", {SystemFlag::seen}}});
}

TEST_CASE("new messages come oldest first", "[maildir][diff]") {
  SeenFolder folder = seen("Work", {7, 70}, {"a", "b", "c"});
  folder.messages["a"].file.modified += std::chrono::seconds{2};
  const auto known = told("w", "Work", {7, 70}, {"c"});

  const auto appeared = appeared_in(folder, &known);

  REQUIRE(appeared.size() == 2);
  CHECK(appeared[0].first == "b");
  CHECK(appeared[1].first == "a");
}

TEST_CASE("what is missing is believed at once after a quiet scan", "[maildir][diff]") {
  Patience patience;

  CHECK(patience.believe({{"w", "1"}}, true) == std::vector<bool>{true});
  CHECK_FALSE(patience.waiting());
}

TEST_CASE("what is missing while the Maildir changes is believed the fifth time in a row",
          "[maildir][diff]") {
  Patience patience;
  for (int i = 0; i < 4; ++i) CHECK(patience.believe({{"w", "1"}}, false) == std::vector<bool>{false});

  CHECK(patience.waiting());
  CHECK(patience.believe({{"w", "1"}}, false) == std::vector<bool>{true});
}

TEST_CASE("what comes back is missed anew", "[maildir][diff]") {
  Patience patience;
  for (int i = 0; i < 4; ++i) (void)patience.believe({{"w", "1"}}, false);
  (void)patience.believe({}, false);

  CHECK(patience.believe({{"w", "1"}}, false) == std::vector<bool>{false});
}
