#include "evmesh-maildir/user_mail.hpp"

#include <optional>
#include <set>

#include <catch2/catch.hpp>

#include "maildir/fixtures/maildir.hpp"

using namespace evmesh;
using namespace evmesh::maildir;

namespace {

/// Takes what it is told to take, and keeps what it was given.
class Recorder final : public Dispatcher {
 public:
  tl::expected<void, Trouble> dispatch(const Batch& batch) override {
    given.push_back(batch);
    if (refuses)
      return tl::unexpected(Trouble{Trouble::Where::node, {peers::ExitCode::unavailable, "not now"}});
    return {};
  }

  std::vector<Batch> given;
  bool refuses = false;
};

struct World {
  fixtures::TempDir dir;
  fixtures::Maildir mail{dir.path() / "alice"};
  StateStore store = StateStore::open(dir.path() / "state").value();
  Recorder node;
  Totals totals;
  int ids = 0;

  UserMail open() {
    LoadedState loaded;
    auto log = store.open_user("alice", loaded).value();
    return UserMail({.user = "alice",
                     .maildir = mail.path(),
                     .base = dir.path(),
                     .log = std::move(log),
                     .loaded = std::move(loaded),
                     .new_id = [this] { return "id" + std::to_string(++ids); },
                     .seconds = [] { return std::uint64_t{1}; },
                     .log_sink = {}});
  }
};

}  // namespace

TEST_CASE("nothing is dispatched that was not recorded", "[maildir][user]") {
  World world;
  world.mail.deliver("1.a");
  std::filesystem::create_directories(world.store.file_of("alice").native() +
                                      ".tmp");  // makes recording fail
  UserMail mail = world.open();

  const auto failed = mail.pass(world.node, world.totals);
  CHECK(failed.error().where == Trouble::Where::state);
  CHECK(world.node.given.empty());
  std::filesystem::remove(world.store.file_of("alice").native() + ".tmp");

  CHECK(mail.pass(world.node, world.totals));
  CHECK(world.node.given.size() == 1);
}

TEST_CASE("a batch that was not acknowledged is given again, the same, before anything new",
          "[maildir][user]") {
  World world;
  world.mail.deliver("1.a");
  world.node.refuses = true;
  UserMail mail = world.open();
  CHECK_FALSE(mail.pass(world.node, world.totals));
  world.mail.deliver("2.b");
  world.node.refuses = false;

  CHECK(mail.pass(world.node, world.totals));

  REQUIRE(world.node.given.size() == 3);
  CHECK(world.node.given[1].events == world.node.given[0].events);
  CHECK(world.node.given[2].events.at(0).event.find("2.b") != std::string::npos);
}

TEST_CASE("the next life gives a batch again that this one could not, with the same ids", "[maildir][user]") {
  World world;
  world.mail.deliver("1.a");
  world.node.refuses = true;
  CHECK_FALSE(world.open().pass(world.node, world.totals));
  world.node.refuses = false;

  CHECK(world.open().pass(world.node, world.totals));
  CHECK(world.open().pass(world.node, world.totals));

  REQUIRE(world.node.given.size() == 2);
  CHECK(world.node.given[1].events == world.node.given[0].events);
}

TEST_CASE("a batch keeps to 1 MiB and 1,024 events", "[maildir][user]") {
  World world;
  const std::string tail(200, 'x');
  for (int i = 0; i < 4'000; ++i) world.mail.append("", std::to_string(i) + '.' + tail, "S");
  UserMail mail = world.open();

  REQUIRE(mail.pass(world.node, world.totals));

  CHECK(world.node.given.size() >= 2);
  for (const Batch& batch : world.node.given) {
    CHECK(request_body(batch).size() <= 1024 * 1024);
    CHECK(batch.events.size() <= 1024);
  }
}

TEST_CASE("a step of the longest names still fits one batch", "[maildir][user]") {
  World world;
  const std::string tail(200, '"');
  for (int i = 0; i < 256; ++i) world.mail.append("", std::to_string(1000 + i) + '.' + tail, "S");
  world.mail.make_folder(".Work");
  UserMail mail = world.open();
  REQUIRE(mail.pass(world.node, world.totals));
  for (int i = 0; i < 256; ++i) world.mail.move("", ".Work", std::to_string(1000 + i) + '.' + tail);
  for (unsigned i = 0; i < Patience::believed_after; ++i) REQUIRE(mail.pass(world.node, world.totals));

  CHECK(world.node.given.back().events.size() == 3);
  CHECK(request_body(world.node.given.back()).size() <= 1024 * 1024);
}
