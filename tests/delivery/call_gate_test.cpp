#include "delivery/call_gate.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using evmesh::delivery::CallGate;

TEST_CASE("a gate lets calls through until it is closed", "[delivery][gate]") {
  CallGate gate;
  REQUIRE(gate.enter());
  gate.leave();

  gate.close();
  gate.close();

  CHECK_FALSE(gate.enter());
  CHECK_FALSE(gate.open());
  gate.wait();
}

TEST_CASE("waiting for a gate ends when the last call has left", "[delivery][gate]") {
  CallGate gate;
  REQUIRE(gate.enter());
  REQUIRE(gate.enter());
  gate.close();
  std::atomic<int> left{0};

  std::thread caller([&] {
    ++left;
    gate.leave();
    ++left;
    gate.leave();
  });
  gate.wait();

  CHECK(left == 2);
  caller.join();
}

TEST_CASE("an action waits for the last call, and runs at once when there is none", "[delivery][gate]") {
  CallGate gate;
  REQUIRE(gate.enter());
  gate.close();
  int ran = 0;

  gate.when_empty([&] { ++ran; });
  CHECK(ran == 0);
  gate.leave();
  CHECK(ran == 1);

  gate.when_empty([&] { ++ran; });
  CHECK(ran == 2);
}

TEST_CASE("an action runs once although refused calls come and go", "[delivery][gate]") {
  CallGate gate;
  REQUIRE(gate.enter());
  gate.close();
  int ran = 0;
  gate.when_empty([&] { ++ran; });

  gate.leave();
  CHECK_FALSE(gate.enter());
  CHECK_FALSE(gate.enter());

  CHECK(ran == 1);
}

TEST_CASE("no call is inside a gate after a wait, however many try", "[delivery][gate]") {
  CallGate gate;
  std::atomic<int> inside{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        if (!gate.enter()) continue;
        ++inside;
        --inside;
        gate.leave();
      }
    });
  }

  gate.close();
  gate.wait();
  const int seen = inside;
  stop = true;
  for (auto& caller : callers) caller.join();

  CHECK(seen == 0);
}
