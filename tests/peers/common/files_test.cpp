#include "common/files.hpp"

#include <cerrno>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::peers;
using evmesh::maildir::fixtures::TempDir;

TEST_CASE("a replaced file holds exactly the new bytes, for its owner alone", "[peers][files]") {
  const TempDir dir;
  REQUIRE(replace_file(dir.path() / "f", "old and longer"));

  REQUIRE(replace_file(dir.path() / "f", "new"));

  CHECK(read_file(dir.path() / "f") == "new");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "f.tmp"));
  struct stat facts{};
  REQUIRE(stat((dir.path() / "f").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("a file that cannot be written is named with the reason", "[peers][files]") {
  const TempDir dir;

  const auto replaced = replace_file(dir.path() / "missing/f", "x");

  CHECK(replaced.error().code == ExitCode::io);
  CHECK(replaced.error().message.find("missing/f\": No such file") != std::string::npos);
}

TEST_CASE("a full disk says what to do", "[peers][files]") {
  CHECK(io_failure("write", "/x", ENOSPC).message ==
        "cannot write \"/x\": No space left on device; make room on that file system");
}

TEST_CASE("a directory is locked until the lock goes", "[peers][files]") {
  const TempDir dir;
  auto lock = lock_directory(dir.path());
  REQUIRE(lock);

  CHECK(lock_directory(dir.path()).error().message.find(std::to_string(getpid())) != std::string::npos);
  *lock = Fd();
  CHECK(lock_directory(dir.path()));
}
