#include "delivery/pool.hpp"

#include <atomic>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"
#include "support/eventually.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;
using namespace std::chrono_literals;
using support::eventually;

TEST_CASE("a pool makes a thread when there is work and none before", "[delivery][pool]") {
  base::Counters counters;
  Story story;
  Pool pool({}, counters);
  CHECK(pool.thread_count() == 0);

  CHECK(pool.submit(work([&] { story.add("ran"); })));

  CHECK(story.wait(1).size() == 1);
  CHECK(pool.thread_count() == 1);
}

TEST_CASE("work that blocks runs side by side up to the bound and waits beyond it", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  Story story;
  Pool pool({.threads_max = 3}, counters);

  for (int i = 0; i < 3; ++i) pool.submit(work([&] { gate.pass(); }));
  pool.submit(work([&] { story.add("fourth"); }));

  REQUIRE(gate.wait_arrived(3));
  CHECK(pool.thread_count() == 3);
  CHECK(story.words().empty());
  gate.open();
  CHECK(story.wait(1).size() == 1);
}

TEST_CASE("idle threads end", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  Pool pool({.threads_max = 4, .idle = 1ms}, counters);
  for (int i = 0; i < 4; ++i) pool.submit(work([&] { gate.pass(); }));
  REQUIRE(gate.wait_arrived(4));

  gate.open();

  CHECK(eventually(10s, [&] { return pool.thread_count() == 0; }));
}

TEST_CASE("an idle thread is used again", "[delivery][pool]") {
  base::Counters counters;
  std::atomic<int> ran{0};
  Pool pool({}, counters);

  for (int i = 0; i < 20; ++i) {
    pool.submit(work([&] { ++ran; }));
    REQUIRE(eventually(10s, [&] { return ran == i + 1; }));
  }

  // The first thread may not be idle again when the next work comes, so a second one may be there.
  CHECK(counters.named("evmesh_pool_threads_started_total").value() <= 2);
}

TEST_CASE("what a run submits for itself runs after it, on its thread", "[delivery][pool]") {
  base::Counters counters;
  Story story;
  Pool pool({}, counters);
  std::set<std::thread::id> threads;  // of one thread, or of one after the other

  pool.submit(work([&] {
    threads.insert(std::this_thread::get_id());
    pool.submit_next(work([&] {
      threads.insert(std::this_thread::get_id());
      story.add("second");
    }));
    story.add("first");
  }));

  CHECK(story.wait(2) == std::vector<std::string>{"first", "second"});
  CHECK(threads.size() == 1);
  CHECK(pool.thread_count() == 1);
  pool.stop();
  CHECK_FALSE(pool.submit_next(work([] {})));
}

TEST_CASE("a lane runs no more at once than it allows", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> ended{0};
  Pool pool({}, counters);
  const auto lane = pool.open_lane(2);

  for (int i = 0; i < 6; ++i) {
    pool.submit(lane, work([&] {
                  const int now = ++running;
                  if (now > most) most = now;
                  gate.pass();
                  --running;
                  ++ended;
                }));
  }
  REQUIRE(gate.wait_arrived(2));
  gate.open();

  CHECK(eventually(10s, [&] { return ended == 6; }));
  CHECK(most == 2);
}

TEST_CASE("one run of each lane is possible although every thread is blocked", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  Story story;
  Pool pool({.threads_max = 2}, counters);
  const auto first = pool.open_lane(10);
  const auto second = pool.open_lane(10);
  for (int i = 0; i < 2; ++i) pool.submit(work([&] { gate.pass(); }));
  REQUIRE(gate.wait_arrived(2));

  pool.submit(first, work([&] { story.add("first"); }));
  pool.submit(second, work([&] { story.add("second"); }));

  const auto words = story.wait(2);
  CHECK(std::set<std::string>(words.begin(), words.end()) == std::set<std::string>{"first", "second"});
  gate.open();
}

TEST_CASE("a blocked lane gets no second thread above the bound", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  Pool pool({.threads_max = 1}, counters);
  const auto lane = pool.open_lane(10);
  for (int i = 0; i < 3; ++i) pool.submit(lane, work([&] { gate.pass(); }));
  REQUIRE(gate.wait_arrived(1));

  CHECK(pool.thread_count() == 1);
  gate.open();
  CHECK(gate.wait_arrived(3));
}

TEST_CASE("lanes with much work take turns", "[delivery][pool]") {
  base::Counters counters;
  Gate held;
  Gate gate;
  Story story;
  Pool pool({.threads_max = 3}, counters);
  const auto busy = pool.open_lane(2);
  const auto other = pool.open_lane(2);
  pool.submit(busy, work([&] { held.pass(); }));
  pool.submit(other, work([&] { held.pass(); }));
  pool.submit(work([&] { gate.pass(); }));
  REQUIRE(held.wait_arrived(2));
  REQUIRE(gate.wait_arrived(1));
  for (int i = 0; i < 3; ++i) pool.submit(busy, work([&] { story.add("busy"); }));
  pool.submit(other, work([&] { story.add("other"); }));

  gate.open();

  CHECK(story.wait(4) == std::vector<std::string>{"busy", "other", "busy", "busy"});
  held.open();
}

TEST_CASE("work is offered only when a thread can take it at once", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  Pool pool({.threads_max = 1}, counters);
  CHECK(pool.offer(work([&] { gate.pass(); })));
  REQUIRE(gate.wait_arrived(1));

  CHECK_FALSE(pool.offer(work([] {})));
  gate.open();
}

TEST_CASE("a calling thread counts in a lane", "[delivery][pool]") {
  base::Counters counters;
  Story story;
  Pool pool({}, counters);
  const auto lane = pool.open_lane(1);
  REQUIRE(pool.try_enter(*lane));

  CHECK_FALSE(pool.try_enter(*lane));
  pool.submit(lane, work([&] { story.add("queued"); }));
  CHECK(story.words().empty());

  pool.leave(lane);
  CHECK(story.wait(1).size() == 1);
}

TEST_CASE("entering a full lane waits for a run to end", "[delivery][pool]") {
  base::Counters counters;
  std::atomic<bool> left{false};
  Pool pool({}, counters);
  const auto lane = pool.open_lane(1);
  pool.enter(*lane);

  std::thread other([&] {
    left = true;
    pool.leave(lane);
  });
  pool.enter(*lane);

  CHECK(left);
  pool.leave(lane);
  other.join();
}

TEST_CASE("who waits to enter a full lane enters when it is widened", "[delivery][pool]") {
  base::Counters counters;
  Story story;
  Pool pool({}, counters);
  const auto lane = pool.open_lane(1);
  pool.enter(*lane);
  std::thread other([&] {
    story.add("comes");
    pool.enter(*lane);
    story.add("is in");
    pool.leave(lane);
  });
  REQUIRE(story.wait(1).size() == 1);

  pool.widen(lane, 1);

  CHECK(story.wait(2).size() == 2);
  pool.leave(lane);
  other.join();
}

TEST_CASE("a stopped pool runs nothing more and waits for what runs", "[delivery][pool]") {
  base::Counters counters;
  Gate gate;
  std::atomic<bool> ended{false};
  std::atomic<bool> ran{false};
  Pool pool({.threads_max = 1}, counters);
  pool.submit(work([&] {
    gate.pass();
    ended = true;
  }));
  REQUIRE(gate.wait_arrived(1));
  pool.submit(work([&] { ran = true; }));

  std::thread opener([&] { gate.open(); });
  pool.stop();
  pool.stop();
  opener.join();

  CHECK(ended);
  CHECK_FALSE(pool.submit(work([&] { ran = true; })));
  CHECK_FALSE(pool.offer(work([&] { ran = true; })));
}

TEST_CASE("everything submitted runs once, from many threads into many lanes", "[delivery][pool]") {
  base::Counters counters;
  std::atomic<int> ran{0};
  Pool pool({.threads_max = 3, .idle = 1ms}, counters);
  std::vector<std::shared_ptr<Pool::Lane>> lanes;
  for (std::uint32_t i = 1; i <= 4; ++i) lanes.push_back(pool.open_lane(i));

  std::vector<std::thread> submitters;
  for (int t = 0; t < 3; ++t) {
    submitters.emplace_back([&] {
      for (std::size_t i = 0; i < 2000; ++i) pool.submit(lanes[i % 4], work([&] { ++ran; }));
    });
  }
  for (auto& submitter : submitters) submitter.join();

  CHECK(eventually(10s, [&] { return ran == 6000; }));
  CHECK(pool.thread_count() <= 7);
}
