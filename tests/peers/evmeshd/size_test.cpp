#include "evmeshd/size.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::peers;

TEST_CASE("a size is a whole number and a unit, and nothing needs none", "[evmeshd][size]") {
  CHECK(parse_size("512B") == 512U);
  CHECK(parse_size("64KiB") == 64U * 1024);
  CHECK(parse_size("8MiB") == 8U * 1024 * 1024);
  CHECK(parse_size("1GiB") == 1024U * 1024 * 1024);
  CHECK(parse_size("0") == 0U);
  CHECK(parse_size("18446744073709551615B") == UINT64_MAX);
}

TEST_CASE("what is no size is refused with what one looks like", "[evmeshd][size]") {
  const auto why = [](std::string_view text) { return parse_size(text).error().message; };
  const std::string cure = "; write a whole number and a unit: 512B, 64KiB, 8MiB or 1GiB";

  CHECK(why("large") == "\"large\" is no size" + cure);
  CHECK(why("-1B") == "\"-1B\" is no size" + cure);
  CHECK(why("") == "\"\" is no size" + cure);
  CHECK(why("1GB") == "\"1GB\" is no size" + cure);
  CHECK(why("1 MiB") == "\"1 MiB\" is no size" + cure);
  CHECK(why("1000") == "\"1000\" has no unit" + cure);
  CHECK(why("17179869184GiB") == "\"17179869184GiB\" is too large" + cure);
  CHECK(why("18446744073709551616B") == "\"18446744073709551616B\" is no size" + cure);
  CHECK(parse_size("17179869183GiB") == 17179869183ULL << 30);
}

TEST_CASE("a size is written with the largest unit that divides it", "[evmeshd][size]") {
  CHECK(format_size(0) == "0B");
  CHECK(format_size(1023) == "1023B");
  CHECK(format_size(3 * 1024) == "3KiB");
  CHECK(format_size(8U * 1024 * 1024) == "8MiB");
  CHECK(format_size(5ULL << 30) == "5GiB");
}
