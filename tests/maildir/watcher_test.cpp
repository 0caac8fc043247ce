#include "evmesh-maildir/watcher.hpp"

#include <poll.h>
#include <catch2/catch.hpp>

#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir;
using fixtures::Maildir;
using fixtures::TempDir;

namespace {

std::set<std::string> owners_after_change(Watcher& watcher) {
  pollfd waited{watcher.fd(), POLLIN, 0};
  (void)poll(&waited, 1, 10'000);
  return watcher.take().owners;
}

}  // namespace

TEST_CASE("a change in a watched directory names its owner", "[maildir][watch]") {
  const TempDir dir;
  const Maildir mail(dir.path() / "m");
  auto watcher = Watcher::open().value();
  const auto watched = watcher.watch("alice", {mail.path() / "new"});
  CHECK(watched.more);
  CHECK(watched.all);

  mail.deliver("1.a");

  CHECK(owners_after_change(watcher) == std::set<std::string>{"alice"});
  CHECK(watcher.take().owners.empty());
}

TEST_CASE("watching the same directories again is nothing more", "[maildir][watch]") {
  const TempDir dir;
  auto watcher = Watcher::open().value();
  (void)watcher.watch("alice", {dir.path()});

  CHECK_FALSE(watcher.watch("alice", {dir.path()}).more);
}

TEST_CASE("a directory that is no longer asked for is not watched", "[maildir][watch]") {
  const TempDir dir;
  const Maildir mail(dir.path() / "m");
  auto watcher = Watcher::open().value();
  (void)watcher.watch("alice", {mail.path() / "new", mail.path() / "cur"});
  (void)watcher.watch("alice", {mail.path() / "cur"});
  (void)watcher.take();

  mail.deliver("1.a");
  CHECK(watcher.take().owners.empty());
  mail.append("", "2.b", "S");
  CHECK(owners_after_change(watcher) == std::set<std::string>{"alice"});
}

TEST_CASE("a directory that is missing is left out", "[maildir][watch]") {
  auto watcher = Watcher::open().value();

  const auto watched = watcher.watch("alice", {"/nonexistent/directory"});

  CHECK_FALSE(watched.more);
  CHECK(watched.all);
}

TEST_CASE("a directory that another one took the place of is new", "[maildir][watch]") {
  const TempDir dir;
  const Maildir mail(dir.path() / "m");
  auto watcher = Watcher::open().value();
  (void)watcher.watch("alice", {mail.path()});
  std::filesystem::rename(mail.path(), dir.path() / "old");
  const Maildir again(dir.path() / "m");

  CHECK(watcher.watch("alice", {again.path()}).more);
}
