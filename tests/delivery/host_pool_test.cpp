#include <poll.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "delivery/pool.hpp"
#include "delivery/side_by_side.hpp"
#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;

namespace {

bool readable(const Pool& pool) {
  pollfd asked{.fd = pool.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a pool of the host runs nothing until it is asked to, and then on that thread", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  std::vector<std::thread::id> ran_on;
  CHECK_FALSE(readable(pool));

  pool.submit(work([&] { ran_on.push_back(std::this_thread::get_id()); }));
  CHECK(readable(pool));
  CHECK(readable(pool));
  CHECK(ran_on.empty());

  CHECK(pool.run_waiting(64) == 1);
  CHECK(ran_on == std::vector{std::this_thread::get_id()});
  CHECK_FALSE(readable(pool));
  CHECK(pool.run_waiting(64) == 0);
  CHECK(pool.thread_count() == 0);
}

TEST_CASE("a pool of the host runs no more at a time than asked for, and says that there is more", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  std::string ran;
  for (const char name : {'a', 'b', 'c'}) pool.submit(work([&ran, name] { ran += name; }));

  CHECK(pool.run_waiting(2) == 2);
  CHECK(ran == "ab");
  CHECK(readable(pool));
  CHECK(pool.run_waiting(2) == 1);
  CHECK(ran == "abc");
  CHECK_FALSE(readable(pool));
}

TEST_CASE("what is queued by what runs is found in the same go, within its bound", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  const auto lane = pool.open_lane(1);
  unsigned runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    pool.submit_next(lane, work(again));
  };
  pool.submit(lane, work(again));

  CHECK(pool.run_waiting(10) == 10);
  CHECK(runs == 10);
  CHECK(readable(pool));
}

TEST_CASE("a lane of a pool of the host that is full waits for the one inside", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  const auto lane = pool.open_lane(1);
  unsigned runs = 0;
  REQUIRE(pool.try_enter(*lane));
  pool.submit(lane, work([&] { ++runs; }));

  CHECK_FALSE(readable(pool));
  CHECK(pool.run_waiting(1) == 0);
  pool.leave(lane);
  CHECK(readable(pool));
  CHECK(pool.run_waiting(1) == 1);
  CHECK(runs == 1);
}

TEST_CASE("what goes side by side stays with the caller where the pool is the host's", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  unsigned steps = 0;

  run_side_by_side(pool, 5, 10, [&](std::size_t) { ++steps; });

  CHECK(steps == 5);
  CHECK_FALSE(readable(pool));
}

TEST_CASE("a stopped pool of the host runs and takes nothing", "[delivery][pool]") {
  base::Counters counters;
  Pool pool({.of_host = true}, counters);
  bool ran = false;
  pool.submit(work([&] { ran = true; }));

  pool.stop();

  CHECK(pool.run_waiting(1) == 0);
  CHECK_FALSE(ran);
  CHECK_FALSE(pool.submit(work([] {})));
}

TEST_CASE("a pool with threads has no descriptor", "[delivery][pool]") {
  base::Counters counters;
  const Pool pool({}, counters);

  CHECK(pool.descriptor() == -1);
  CHECK_FALSE(pool.of_host());
}
