#include "storage/disk.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::storage;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions()) & 0777U;
}

std::string text_in(const File& file, std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  text.resize(file.read(offset, text).value());
  return text;
}

}  // namespace

TEST_CASE("a disk makes its directory and its files for its owner alone", "[storage][disk]") {
  const support::TempDir temp;

  auto disk = open_disk(temp.path() / "a" / "b").value();
  auto file = disk->open("f", true).value();

  CHECK(mode_of(temp.path() / "a" / "b") == 0700);
  CHECK(mode_of(temp.path() / "a" / "b" / "f") == 0600);
}

TEST_CASE("what is written is read, and no more than there is", "[storage][disk]") {
  const support::TempDir temp;
  auto disk = open_disk(temp.path()).value();
  auto file = disk->open("f", true).value();

  REQUIRE(file->write(3, "hello"));
  REQUIRE(file->sync());

  CHECK(text_in(*file, 3, 5) == "hello");
  CHECK(text_in(*file, 6, 100) == "lo");
  CHECK(text_in(*file, 100, 5).empty());
  CHECK(file->size() == 8);
}

TEST_CASE("a reserved file has its length in zeros", "[storage][disk]") {
  const support::TempDir temp;
  auto disk = open_disk(temp.path()).value();
  auto file = disk->open("f", true).value();

  REQUIRE(file->reserve((1 << 20) + 17));

  CHECK(file->size() == (1 << 20) + 17);
  CHECK(text_in(*file, 0, 2 << 20) == std::string((1 << 20) + 17, '\0'));
  struct stat status{};
  REQUIRE(::stat((temp.path() / "f").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 >= (1 << 20) + 17);
}

TEST_CASE("files are listed in order, renamed and removed", "[storage][disk]") {
  const support::TempDir temp;
  auto disk = open_disk(temp.path()).value();
  for (const auto* name : {"c", "a", "b"}) REQUIRE(disk->open(name, true));

  REQUIRE(disk->rename("a", "d"));
  REQUIRE(disk->remove("b"));
  REQUIRE(disk->sync_directory());

  CHECK(disk->list().value() == std::vector<std::string>{"c", "d"});
}

TEST_CASE("errors name the file and the system's number", "[storage][disk]") {
  const support::TempDir temp;
  auto disk = open_disk(temp.path()).value();
  const std::string path = temp.path().string();

  CHECK(disk->open("f", false).error() ==
        Error{ErrorCode::storage, "cannot open " + path + "/f: No such file or directory (errno 2)"});
  CHECK(disk->remove("f").error().message ==
        "cannot remove " + path + "/f: No such file or directory (errno 2)");
  CHECK(disk->rename("f", "g").error().message ==
        "cannot rename " + path + "/f to " + path + "/g: No such file or directory (errno 2)");
}

TEST_CASE("a symbolic link is not followed", "[storage][disk]") {
  const support::TempDir temp;
  auto disk = open_disk(temp.path()).value();
  REQUIRE(disk->open("real", true));
  std::filesystem::create_symlink(temp.path() / "real", temp.path() / "link");

  CHECK(disk->open("link", false).error().message.find("(errno 40)") != std::string::npos);
}

TEST_CASE("a disk to read makes and changes nothing", "[storage][disk]") {
  const support::TempDir temp;
  CHECK_FALSE(open_disk_to_read(temp.path() / "absent"));
  CHECK_FALSE(std::filesystem::exists(temp.path() / "absent"));
  std::ofstream(temp.path() / "f") << "text";

  auto disk = open_disk_to_read(temp.path()).value();
  auto file = disk->open("f", false).value();

  CHECK(text_in(*file, 0, 10) == "text");
  CHECK_FALSE(file->write(0, "x"));
}

TEST_CASE("a full disk is told apart from other errors", "[storage][disk]") {
  CHECK(is_no_space(no_space_error("write /a")));
  CHECK(no_space_error("write /a").message == "the disk is full: cannot write /a");
  CHECK_FALSE(
      is_no_space({ErrorCode::storage, "cannot write /the disk is full: /a: Input/output error (errno 5)"}));
}

TEST_CASE("the kernel's answer that the disk is full is told apart", "[storage][disk]") {
  // Every write to /dev/full is answered so; a directory entry leads there.
  if (::access("/dev/full", W_OK) != 0) return;
  auto disk = open_disk("/dev").value();
  auto file = disk->open("full", false).value();

  const auto written = file->write(0, "x");

  CHECK(is_no_space(written.error()));
  CHECK(written.error().message == "the disk is full: cannot write /dev/full");
}
