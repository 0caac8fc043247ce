#include "delivery/timers.hpp"

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;
using namespace std::chrono_literals;

TEST_CASE("timers run when their time has come, in that order", "[delivery][timers]") {
  base::ManualClock clock;
  Story story;
  Timers timers(clock, 10);
  REQUIRE(timers.after(20ms, [&] { story.add("later"); }));
  REQUIRE(timers.after(10ms, [&] { story.add("first"); }));
  REQUIRE(timers.after(10ms, [&] { story.add("second"); }));

  clock.advance(10ms);
  timers.poke();

  CHECK(story.wait(2) == std::vector<std::string>{"first", "second"});
  CHECK(timers.waiting() == 1);
  clock.advance(10ms);
  timers.poke();
  CHECK(story.wait(3) == std::vector<std::string>{"first", "second", "later"});
}

TEST_CASE("real time makes timers run without a poke", "[delivery][timers]") {
  const base::SystemClock clock;
  Story story;
  Timers timers(clock, 10);

  REQUIRE(timers.after(1h, [&] { story.add("never"); }));
  REQUIRE(timers.after(5ms, [&] { story.add("soon"); }));

  CHECK(story.wait(1) == std::vector<std::string>{"soon"});
}

TEST_CASE("the number of waiting timers is bounded", "[delivery][timers]") {
  base::ManualClock clock;
  Timers timers(clock, 2);

  CHECK(timers.after(1h, [] {}));
  CHECK(timers.after(1h, [] {}));
  CHECK_FALSE(timers.after(1h, [] {}));
}

TEST_CASE("a delay without end is a year", "[delivery][timers]") {
  base::ManualClock clock;
  Story story;
  Timers timers(clock, 10);
  REQUIRE(timers.after(std::chrono::milliseconds::max(), [&] { story.add("ran"); }));

  clock.advance(std::chrono::hours{24 * 365});
  timers.poke();

  CHECK(story.wait(1).size() == 1);
}

TEST_CASE("stopped timers run nothing and take nothing", "[delivery][timers]") {
  base::ManualClock clock;
  Story story;
  Timers timers(clock, 10);
  REQUIRE(timers.after(1ms, [&] { story.add("ran"); }));

  timers.stop();
  timers.stop();
  clock.advance(1h);
  timers.poke();

  CHECK_FALSE(timers.after(1ms, [&] { story.add("ran"); }));
  CHECK(story.words().empty());
}
