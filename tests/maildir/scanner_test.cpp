#include "evmesh-maildir/scanner.hpp"

#include <chrono>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir;
using evmesh::mailbox::SystemFlag;
using fixtures::Maildir;
using fixtures::TempDir;
using Found = ScanReport::Found;

namespace {

struct World {
  TempDir dir;
  Maildir mail{dir.path() / "alice/Maildir"};
  Scanner scanner{dir.path() / "alice/Maildir", dir.path()};

  /// As if nothing had changed for a minute.
  void let_it_rest() const {
    const auto age = [](const std::filesystem::path& path) {
      timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
      clock_gettime(CLOCK_REALTIME, &times[1]);
      times[1].tv_sec -= 60;
      utimensat(AT_FDCWD, path.c_str(), times, 0);
    };
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) age(entry.path());
  }
};

std::vector<std::string> names(const ScanReport& report) {
  std::vector<std::string> names;
  for (const SeenFolder& folder : report.scan.folders) names.push_back(folder.name);
  return names;
}

}  // namespace

TEST_CASE("a scan finds folders, messages, flags, sizes and Recent", "[maildir][scan]") {
  World world;
  world.mail.make_folder(".Work.Old");
  world.mail.deliver("1.a", "12345");
  world.mail.append(".Work.Old", "2.b", "FS");
  std::filesystem::create_directories(world.mail.path() / ".no-folder");
  std::filesystem::create_directories(world.mail.path() / "no-folder/cur");

  const auto report = world.scanner.scan();

  CHECK(report.found == Found::maildir);
  REQUIRE(names(report) == std::vector<std::string>{"INBOX", "Work.Old"});
  const SeenMessage& delivered = report.scan.folders[0].messages.at("1.a");
  CHECK(delivered.flags == evmesh::mailbox::SystemFlags{SystemFlag::recent});
  CHECK(delivered.file.size == 5);
  CHECK(report.scan.folders[1].messages.at("2.b").flags ==
        evmesh::mailbox::SystemFlags{SystemFlag::flagged, SystemFlag::seen});
  CHECK(report.scan.folders[0].identity != report.scan.folders[1].identity);
}

TEST_CASE("a Maildir that changed a moment ago is not quiet, one at rest is", "[maildir][scan]") {
  World world;
  world.mail.deliver("1.a");

  CHECK_FALSE(world.scanner.scan().scan.quiet);
  world.let_it_rest();
  CHECK(world.scanner.scan().scan.quiet);
}

TEST_CASE("a scan of what it has read before sees every change", "[maildir][scan]") {
  World world;
  world.mail.deliver("1.a");
  world.let_it_rest();
  const auto before = world.scanner.scan();
  const auto same = world.scanner.scan();
  world.mail.flag("", "1.a", "S");

  const auto after = world.scanner.scan();

  CHECK(same.scan.folders == before.scan.folders);
  CHECK(after.scan.folders[0].messages.at("1.a").flags == evmesh::mailbox::SystemFlags{SystemFlag::seen});
  CHECK(after.scan.folders[0].messages.at("1.a").file == before.scan.folders[0].messages.at("1.a").file);
}

TEST_CASE("a renamed folder keeps its identity, and one made anew has another", "[maildir][scan]") {
  World world;
  world.mail.make_folder(".A");
  const auto before = world.scanner.scan().scan.folders.at(0).identity;
  world.mail.rename_folder(".A", ".B");
  const auto renamed = world.scanner.scan().scan.folders.at(0).identity;
  world.mail.remove_folder(".B");
  world.mail.make_folder(".B");
  const auto made_anew = world.scanner.scan().scan.folders.at(0).identity;

  CHECK(renamed == before);
  CHECK(made_anew != before);
}

TEST_CASE("a Maildir that went away is gone", "[maildir][scan]") {
  World world;
  std::filesystem::create_directories(world.dir.path() / "bob");
  std::filesystem::remove_all(world.dir.path() / "alice");

  CHECK(world.scanner.scan().found == Found::gone);
}

TEST_CASE("nothing is concluded when the place of a Maildir is empty", "[maildir][scan]") {
  World world;
  std::filesystem::remove_all(world.mail.path());

  const auto empty_home = world.scanner.scan();
  std::filesystem::remove_all(world.dir.path() / "alice");
  const auto empty_base = world.scanner.scan();
  std::filesystem::remove_all(world.dir.path());
  const auto no_base = world.scanner.scan();

  CHECK(empty_home.found == Found::unknown);
  CHECK(empty_base.found == Found::unknown);
  CHECK(no_base.found == Found::unknown);
  CHECK(empty_base.error.find("mounted") != std::string::npos);
}

TEST_CASE("a Maildir that is being made is watched", "[maildir][scan]") {
  World world;
  std::filesystem::remove_all(world.mail.path() / "cur");

  const auto report = world.scanner.scan();

  CHECK(report.found == Found::unknown);
  CHECK(report.directories == std::vector<std::filesystem::path>{world.mail.path()});
}

TEST_CASE("a folder that cannot be read is there and unreadable", "[maildir][scan]") {
  World world;
  world.mail.make_folder(".Work");
  std::filesystem::remove(world.mail.path() / ".Work/cur");
  std::filesystem::create_directory_symlink("cur", world.mail.path() / ".Work/cur");

  const auto report = world.scanner.scan();

  REQUIRE(names(report) == std::vector<std::string>{"INBOX", "Work"});
  CHECK_FALSE(report.scan.folders[1].readable);
  CHECK(report.unreadable.size() == 1);
}

TEST_CASE("a folder whose files cannot be looked at is unreadable and not empty", "[maildir][scan]") {
  World world;
  world.mail.make_folder(".Work");
  world.mail.append(".Work", "1.a", "S");
  std::filesystem::permissions(world.dir.path(), std::filesystem::perms{0755});
  // Names can be listed and files not be looked at: readable, not searchable. The superuser has to be
  // somebody else.
  const bool superuser = geteuid() == 0;
  std::filesystem::permissions(world.mail.path() / ".Work/cur",
                               std::filesystem::perms(superuser ? 0744 : 0400));
  if (superuser) REQUIRE(seteuid(65534) == 0);

  const auto report = world.scanner.scan();
  if (superuser) REQUIRE(seteuid(0) == 0);
  std::filesystem::permissions(world.mail.path() / ".Work/cur", std::filesystem::perms{0700});

  REQUIRE(names(report) == std::vector<std::string>{"INBOX", "Work"});
  CHECK_FALSE(report.scan.folders[1].readable);
}

TEST_CASE("a link to nowhere is no message", "[maildir][scan]") {
  World world;
  world.mail.append("", "1.a", "S");
  std::filesystem::create_symlink("2.b:2,S", world.mail.path() / "cur/2.b:2,S");
  std::filesystem::create_symlink("missing", world.mail.path() / "cur/3.c:2,S");

  const auto report = world.scanner.scan();

  CHECK(report.scan.folders.at(0).readable);
  CHECK(report.scan.folders[0].messages.size() == 1);
}

TEST_CASE("two directories of one decoded name are one folder and a complaint", "[maildir][scan]") {
  World world;
  world.mail.make_folder(".Caf&AOk-");
  world.mail.make_folder(".Caf\xc3\xa9");

  const auto report = world.scanner.scan();

  CHECK(names(report) == std::vector<std::string>{"Caf\xc3\xa9", "INBOX"});
  CHECK(report.left_out.size() == 1);
}
