#include "base/clock.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace std::chrono_literals;

TEST_CASE("a manual clock stands still until it is moved", "[base][clock]") {
  base::ManualClock clock;

  const auto now = clock.now();
  const auto wall = clock.wall();

  CHECK(clock.now() == now);
  CHECK(clock.wall() == wall);
}

TEST_CASE("advancing a manual clock moves both of its times by the same amount", "[base][clock]") {
  base::ManualClock clock;
  const auto now = clock.now();
  const auto wall = clock.wall();

  clock.advance(1500ms);

  CHECK(clock.now() - now == 1500ms);
  CHECK(clock.wall() - wall == 1500ms);
}

TEST_CASE("steps below a microsecond add up on the wall clock", "[base][clock]") {
  base::ManualClock clock;
  const auto wall = clock.wall();

  for (int i = 0; i < 1000; ++i) clock.advance(999ns);

  CHECK(clock.wall() - wall == 999us);
}

TEST_CASE("setting the wall clock leaves the monotonic time alone", "[base][clock]") {
  base::ManualClock clock;
  const auto now = clock.now();

  clock.set_wall(Timestamp{} + 5s);

  CHECK(clock.now() == now);
  CHECK(clock.wall() == Timestamp{} + 5s);
}

TEST_CASE("the system's monotonic time never goes back", "[base][clock]") {
  const base::SystemClock clock;

  auto before = clock.now();

  for (int i = 0; i < 1000; ++i) {
    const auto after = clock.now();
    REQUIRE(after >= before);
    before = after;
  }
}

TEST_CASE("the system's wall clock agrees with the standard library's", "[base][clock]") {
  const base::SystemClock clock;

  const auto difference = std::chrono::system_clock::now() - clock.wall();

  CHECK(difference < 10s);
  CHECK(difference > -10s);
}
