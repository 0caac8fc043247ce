#include "base/crc32c.hpp"

#include <numeric>
#include <string>

#include <catch2/catch.hpp>
#include <rapidcheck.h>
#include <rapidcheck/catch.h>

using evmesh::base::crc32c;
using evmesh::base::crc32c_by_table;

namespace {

/// 0, 1, 2, ... 31.
std::string counting() {
  std::string bytes(32, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

}  // namespace

// RFC 3720, appendix B.4. If one of these fails, no node can read its own disk any more.
TEST_CASE("crc32c gives the values of RFC 3720", "[base][crc32c]") {
  CHECK(crc32c("") == 0U);
  CHECK(crc32c("123456789") == 0xe3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c(counting()) == 0x46dd794eU);
}

TEST_CASE("crc32c by table gives the values of RFC 3720", "[base][crc32c]") {
  CHECK(crc32c_by_table("") == 0U);
  CHECK(crc32c_by_table("123456789") == 0xe3069283U);
  CHECK(crc32c_by_table(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c_by_table(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c_by_table(counting()) == 0x46dd794eU);
}

TEST_CASE("crc32c is the same with and without the processor's help, in one piece and in two", "[base][crc32c]") {
  rc::prop("for all bytes and cuts", [](const std::string& bytes, std::uint32_t before) {
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);

    RC_ASSERT(crc32c(bytes, before) == crc32c_by_table(bytes, before));
    RC_ASSERT(crc32c(bytes.substr(cut), crc32c(bytes.substr(0, cut))) == crc32c(bytes));
  });
}
