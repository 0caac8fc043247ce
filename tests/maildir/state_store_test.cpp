#include "evmesh-maildir/state_store.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir;
using evmesh::maildir::fixtures::TempDir;
using evmesh::peers::ExitCode;

namespace {

UserState one_folder() {
  UserState state;
  apply_changes(state, {PutFolder{.id = "i1", .name = "INBOX", .identity = {}}});
  return state;
}

Batch batch(std::uint64_t number) { return {.number = number, .events = {{"{}", {}}}, .changes = {}}; }

LoadedState load(const StateStore& store, const std::string& user) {
  LoadedState loaded;
  REQUIRE(store.open_user(user, loaded));
  return loaded;
}

}  // namespace

TEST_CASE("what was recorded is there again, pending until it is settled", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  LoadedState loaded;
  auto log = store.open_user("alice", loaded).value();

  REQUIRE(log.record(one_folder(), batch(1)));
  const auto pending = load(store, "alice");
  REQUIRE(log.settle(1));
  const auto settled = load(store, "alice");

  CHECK(pending.pending->number == 1);
  CHECK(pending.state == one_folder());
  CHECK_FALSE(settled.pending);
}

TEST_CASE("users are kept in files of their own, whatever their names hold", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  for (const std::string user : {"alice@example.org", "a b", "\xc3\xa9ve", "100%"}) {
    LoadedState loaded;
    REQUIRE(store.open_user(user, loaded)->record(one_folder(), batch(1)));
  }

  CHECK(store.users().value() == std::vector<std::string>{"100%", "a b", "alice@example.org", "\xc3\xa9ve"});
}

TEST_CASE("a long log is written anew", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  LoadedState loaded;
  auto log = store.open_user("alice", loaded).value();
  Batch large = batch(0);
  large.events[0].event.assign(100'000, 'x');

  for (large.number = 1; large.number <= 20; ++large.number) {
    REQUIRE(log.record(one_folder(), large));
    REQUIRE(log.settle(large.number));
  }

  CHECK(std::filesystem::file_size(store.file_of("alice")) < 700'000);
  CHECK(load(store, "alice").last_batch == 20);
}

TEST_CASE("a torn last line is left out and written over", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  LoadedState loaded;
  REQUIRE(store.open_user("alice", loaded)->record(one_folder(), batch(1)));
  std::ofstream(store.file_of("alice"), std::ios::app) << "0123456789abcdef {\"batch\":2,";

  auto log = store.open_user("alice", loaded).value();
  CHECK(loaded.torn);
  REQUIRE(log.record(one_folder(), batch(2)));

  CHECK_FALSE(load(store, "alice").torn);
  CHECK(load(store, "alice").pending->number == 2);
}

TEST_CASE("a damaged file is refused naming it and the cure", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  std::ofstream(store.file_of("alice")) << "no state\n";
  LoadedState loaded;

  const auto opened = store.open_user("alice", loaded);

  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ExitCode::data);
  CHECK(opened.error().message.find("alice.state") != std::string::npos);
  CHECK(opened.error().message.find("--reset alice") != std::string::npos);
}

TEST_CASE("a reset puts the file aside", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  std::ofstream(store.file_of("alice")) << "no state\n";

  CHECK(store.reset("alice"));
  CHECK(store.users()->empty());
  CHECK(std::filesystem::exists(store.file_of("alice").native() + ".reset"));
  CHECK(store.reset("alice").error().code == ExitCode::data);
}

TEST_CASE("a directory has one holder", "[maildir][store]") {
  const TempDir dir;
  const auto first = StateStore::open(dir.path() / "state");

  const auto second = StateStore::open(dir.path() / "state");

  CHECK(first);
  CHECK(second.error().code == ExitCode::cannot_create);
}

TEST_CASE("a directory that cannot be made is named", "[maildir][store]") {
  const TempDir dir;
  std::ofstream(dir.path() / "file") << "x";

  const auto store = StateStore::open(dir.path() / "file/state");

  REQUIRE_FALSE(store);
  CHECK(store.error().code == ExitCode::cannot_create);
  CHECK(store.error().message.find("file/state") != std::string::npos);
}

TEST_CASE("a record that fails is made good by the next one", "[maildir][store]") {
  const TempDir dir;
  const auto store = StateStore::open(dir.path() / "state").value();
  LoadedState loaded;
  auto log = store.open_user("alice", loaded).value();
  std::filesystem::create_directories(store.file_of("alice").native() + ".tmp");  // in the way

  const auto failed = log.record(one_folder(), batch(1));
  std::filesystem::remove(store.file_of("alice").native() + ".tmp");
  const auto made_good = log.record(one_folder(), batch(1));

  CHECK(failed.error().code == ExitCode::io);
  CHECK(made_good);
  CHECK(load(store, "alice").pending->number == 1);
}
