#include "delivery/activity.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using evmesh::delivery::Activity;

TEST_CASE("waiting for nothing ends at once", "[delivery][activity]") {
  Activity activity;

  CHECK(activity.wait(0ms) == 0);
}

TEST_CASE("a wait that runs out of time says how much is left", "[delivery][activity]") {
  Activity activity;
  activity.begin(3);
  activity.end();

  CHECK(activity.wait(1ms) == 2);
  CHECK(activity.count() == 2);
}

TEST_CASE("a wait ends when the last activity does", "[delivery][activity]") {
  Activity activity;
  activity.begin(2);

  std::thread worker([&] {
    activity.end();
    activity.end();
  });
  const auto left = activity.wait(10s);
  worker.join();

  CHECK(left == 0);
}

TEST_CASE("a use is activity while it lives", "[delivery][activity]") {
  Activity activity;
  {
    const Activity::Use use(activity);
    CHECK(activity.count() == 1);
  }
  CHECK(activity.count() == 0);
}
