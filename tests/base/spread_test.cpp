#include "base/spread.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::base;
using namespace std::chrono_literals;

TEST_CASE("nothing is known before the first", "[base][spread]") { CHECK_FALSE(Spread().at(0.99)); }

TEST_CASE("of a hundred the ninety-ninth is told to an eighth", "[base][spread]") {
  Spread spread;
  for (int i = 1; i <= 98; ++i) spread.add(1ms);
  spread.add(20ms);
  spread.add(10h);

  CHECK(spread.at(0.5).value() >= 1ms);
  CHECK(spread.at(0.5).value() <= 1'125us);
  CHECK(spread.at(0.99).value() >= 20ms);
  CHECK(spread.at(0.99).value() <= 22'500us);
  CHECK(spread.at(1).value() >= 10h);
}

TEST_CASE("short ones are told to the microsecond", "[base][spread]") {
  for (int i = 0; i < 16; ++i) {
    Spread spread;
    spread.add(std::chrono::microseconds{i});
    CHECK(spread.at(0.99) == std::chrono::microseconds{i});
  }
}

TEST_CASE("what was long ago counts no more", "[base][spread]") {
  Spread spread;
  for (int i = 0; i < 1'000; ++i) spread.add(1s);
  CHECK(spread.at(0.99).value() >= 1s);

  for (int i = 0; i < 60'000; ++i) spread.add(5us);

  CHECK(spread.at(0.99) == 5us);
}
