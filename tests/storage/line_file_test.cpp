#include "storage/line_file.hpp"

#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::storage;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("lines are appended to what is there", "[storage][lines]") {
  support::TempDir dir;
  const auto file = dir.path() / "lines";

  REQUIRE(append_lines(file, "one\ntwo\n"));
  REQUIRE(append_lines(file, "three\n"));

  CHECK(content(file) == "one\ntwo\nthree\n");
}

TEST_CASE("a line that a crash left unfinished is cut off, however long it is", "[storage][lines]") {
  support::TempDir dir;
  const auto file = dir.path() / "lines";
  std::ofstream(file) << "one\n" << std::string(10'000, 'x');

  REQUIRE(append_lines(file, "two\n"));

  CHECK(content(file) == "one\ntwo\n");
}

TEST_CASE("lines that cannot be kept are an error that names the file", "[storage][lines]") {
  support::TempDir dir;

  const auto appended = append_lines(dir.path() / "absent" / "lines", "one\n");

  REQUIRE_FALSE(appended);
  CHECK_THAT(appended.error().message, Catch::Matchers::Contains("absent/lines"));
}
