#include "delivery/side_by_side.hpp"

#include <array>
#include <atomic>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;

TEST_CASE("every step runs once before the call returns", "[delivery][side-by-side]") {
  Room room;
  std::array<std::atomic<int>, 50> ran{};

  run_side_by_side(room.pool, ran.size(), 10, [&](std::size_t index) { ++ran[index]; });

  for (const auto& count : ran) CHECK(count == 1);
}

TEST_CASE("steps that wait for each other all run at once", "[delivery][side-by-side]") {
  std::atomic<int> met{0};
  std::mutex mutex;
  Room room;
  std::condition_variable changed;

  run_side_by_side(room.pool, 3, 10, [&](std::size_t) {
    std::unique_lock lock(mutex);
    ++met;
    changed.notify_all();
    changed.wait_for(lock, patience, [&] { return met == 3; });
  });

  CHECK(met == 3);
}

TEST_CASE("no more steps run at once than asked for", "[delivery][side-by-side]") {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  Room room;

  run_side_by_side(room.pool, 200, 4, [&](std::size_t) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    --running;
  });

  CHECK(most <= 4);
}

TEST_CASE("the caller does all when no thread is free", "[delivery][side-by-side]") {
  base::Counters counters;
  Gate gate;
  Pool pool({.threads_max = 1}, counters);
  pool.submit(work([&] { gate.pass(); }));
  REQUIRE(gate.wait_arrived(1));
  std::vector<std::thread::id> threads;

  run_side_by_side(pool, 3, 10, [&](std::size_t) { threads.push_back(std::this_thread::get_id()); });

  CHECK(threads == std::vector<std::thread::id>(3, std::this_thread::get_id()));
  gate.open();
}
