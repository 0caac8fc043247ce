#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using namespace evmesh::base;

TEST_CASE("numbers are written lowest byte first and read back", "[base][bytes]") {
  std::string out = "x";
  {
    Appender appender(out);
    appender.number(std::uint32_t{0x01020304});
    appender.number(std::uint16_t{0xa0b0});
  }

  CHECK(out == std::string("x\x04\x03\x02\x01\xb0\xa0", 7));
  CHECK(get<std::uint32_t>(out.data() + 1) == 0x01020304);
  CHECK(get<std::uint16_t>(out.data() + 5) == 0xa0b0);
}

TEST_CASE("an appender that appends nothing leaves the string as it was", "[base][bytes]") {
  std::string out = "as it was";
  {
    Appender appender(out);
    appender.bytes({});
  }
  CHECK(out == "as it was");
}

TEST_CASE("an appender gives what appending gives, in whatever pieces", "[base][bytes]") {
  rc::prop("fields and texts of any length", [](const std::vector<std::string>& texts, std::uint16_t repeated) {
    std::string expected = "begin";
    std::string out = expected;
    {
      Appender appender(out);
      for (const std::string& text : texts) {
        const std::string longer(text.size() * (repeated % 64), 'l');
        appender.number(static_cast<std::uint64_t>(text.size()));
        appender.bytes(text);
        appender.bytes(longer);
        char field[8];
        put(field, static_cast<std::uint64_t>(text.size()));
        expected.append(field, sizeof field).append(text).append(longer);
      }
    }
    RC_ASSERT(out == expected);
  });
}
