#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh::support;
using namespace std::chrono_literals;

TEST_CASE("eventually asks until the condition holds", "[support]") {
  int asked = 0;

  CHECK(eventually(10s, [&] { return ++asked == 3; }));
  CHECK(asked == 3);
}

TEST_CASE("eventually gives up at its deadline, but asks once", "[support]") {
  int asked = 0;

  CHECK_FALSE(eventually(0ms, [&] { return ++asked == 2; }));
  CHECK(asked == 1);
}

TEST_CASE("a temporary directory goes away with what it holds", "[support]") {
  std::filesystem::path path;
  {
    const TempDir directory;
    path = directory.path();
    std::ofstream(path / "file") << "text";
    REQUIRE(std::filesystem::exists(path / "file"));
  }

  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("two temporary directories are two", "[support]") {
  const TempDir one;
  const TempDir two;

  CHECK(one.path() != two.path());
}
