// The disk that the other tests trust to be unkind.
#include "support/crashing_disk.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace evmesh;
using support::CrashingDisk;
using support::DiskFault;

namespace {

/// A file of 2048 letters 'a', synced with its name.
std::unique_ptr<storage::File> synced_file(CrashingDisk& disk) {
  auto file = disk.open("f", true).value();
  REQUIRE(file->write(0, std::string(2048, 'a')));
  REQUIRE(file->sync());
  REQUIRE(disk.sync_directory());
  return file;
}

std::string sectors_of(const std::string& bytes) {
  std::string letters;
  for (std::size_t at = 0; at < bytes.size(); at += 512) letters += bytes[at];
  return letters;
}

}  // namespace

TEST_CASE("what was synced survives every crash", "[support][crashing_disk]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CrashingDisk disk(seed);
    synced_file(disk);

    disk.crash();

    CHECK(disk.contents()["f"] == std::string(2048, 'a'));
  }
}

TEST_CASE("a write that was not synced is there, lost, torn, or overtaken by a later one",
          "[support][crashing_disk]") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CrashingDisk disk(seed);
    auto file = synced_file(disk);
    REQUIRE(file->write(0, std::string(1024, 'b')));
    REQUIRE(file->write(512, std::string(1024, 'c')));

    disk.crash();

    seen.insert(sectors_of(disk.contents()["f"]));
  }

  CHECK(seen.size() == 2 * 3 * 2);
  CHECK(seen.contains("aaaa"));
  CHECK(seen.contains("bcca"));
  CHECK(seen.contains("abca"));
}

TEST_CASE("a new name may be lost until the directory is synced", "[support][crashing_disk]") {
  std::set<bool> kept;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CrashingDisk disk(seed);
    auto file = disk.open("f", true).value();
    REQUIRE(file->write(0, "x"));
    REQUIRE(file->sync());

    disk.crash();

    kept.insert(disk.contents().contains("f"));
  }

  CHECK(kept.size() == 2);
}

TEST_CASE("a sync that failed is not made good by the next one", "[support][crashing_disk]") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CrashingDisk disk(seed);
    auto file = synced_file(disk);
    REQUIRE(file->write(0, std::string(512, 'b')));
    disk.fail_after(0, DiskFault::input_output);
    CHECK_FALSE(file->sync());
    CHECK(file->sync());
    CHECK(sectors_of(disk.contents()["f"]) == "baaa");

    disk.crash();

    seen.insert(sectors_of(disk.contents()["f"]));
  }

  CHECK(seen == std::set<std::string>{"aaaa", "baaa"});
}

TEST_CASE("without power nothing works until it is back", "[support][crashing_disk]") {
  CrashingDisk disk(1);
  auto file = synced_file(disk);
  disk.fail_after(1, DiskFault::power);

  CHECK(file->write(0, "b"));
  CHECK_FALSE(file->write(0, "c"));
  CHECK_FALSE(file->sync());
  CHECK_FALSE(disk.rename("f", "g"));
  char byte = 0;
  CHECK_FALSE(file->read(0, {&byte, 1}));

  disk.crash();
  CHECK(disk.open("f", false));
}

TEST_CASE("no file grows over the capacity, and those that are long enough can be written",
          "[support][crashing_disk]") {
  CrashingDisk disk(1);
  auto file = synced_file(disk);
  disk.set_capacity(2048);

  CHECK(storage::is_no_space(file->write(2048, "x").error()));
  CHECK(storage::is_no_space(disk.open("g", true).value()->reserve(1).error()));
  CHECK(file->write(2047, "x"));
}

TEST_CASE("the same seed gives the same crash", "[support][crashing_disk]") {
  const auto crashed = [] {
    CrashingDisk disk(42);
    auto file = synced_file(disk);
    REQUIRE(file->write(100, std::string(1500, 'b')));
    disk.crash();
    return disk.contents();
  };

  CHECK(crashed() == crashed());
}
