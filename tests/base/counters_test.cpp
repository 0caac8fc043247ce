#include "base/counters.hpp"

#include <thread>

#include <catch2/catch.hpp>

using evmesh::base::Counter;
using evmesh::base::Counters;

TEST_CASE("a counter starts at zero and adds up", "[base][counters]") {
  Counter counter;
  CHECK(counter.value() == 0);

  counter.add();
  counter.add(4);

  CHECK(counter.value() == 5);
}

TEST_CASE("the same name is the same counter", "[base][counters]") {
  Counters counters;

  counters.named("evmesh_b_total").add(2);
  counters.named("evmesh_a_total").add();
  counters.named("evmesh_b_total").add();

  CHECK(counters.values() ==
        std::map<std::string, std::uint64_t>{{"evmesh_a_total", 1}, {"evmesh_b_total", 3}});
}

TEST_CASE("nothing is lost when two threads count", "[base][counters]") {
  Counters counters;
  const auto count = [&] {
    for (int i = 0; i < 10'000; ++i) counters.named("evmesh_a_total").add();
  };

  std::thread other(count);
  count();
  other.join();

  CHECK(counters.named("evmesh_a_total").value() == 20'000);
}
