#include "storage/flight_table.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using storage::FlightTable;

namespace {

FlightTable::Flight flight(std::uint64_t seq) {
  return {.owner = {}, .epoch = 7, .seq = seq, .group = 9, .generation = 1, .attempt = 2, .suspect = seq == 3};
}

}  // namespace

TEST_CASE("what ran when a process was killed is found by the next", "[storage][flights]") {
  const support::TempDir dir;
  const pid_t child = fork();
  if (child == 0) {
    auto flights = FlightTable::open(dir.path());
    const auto ended = (*flights)->begin(flight(1));
    static_cast<void>((*flights)->begin(flight(2)));
    static_cast<void>((*flights)->begin(flight(3)));
    (*flights)->end(*ended);
    raise(SIGKILL);
  }
  REQUIRE(waitpid(child, nullptr, 0) == child);

  // Until they are taken over they are found again.
  for (int life = 0; life < 2; ++life) {
    const auto found = FlightTable::open(dir.path()).value()->found();
    REQUIRE(found);
    CHECK_THAT(*found, Catch::Matchers::UnorderedEquals(std::vector{flight(2), flight(3)}));
  }
  REQUIRE(FlightTable::open(dir.path()).value()->forget());
  CHECK(FlightTable::open(dir.path()).value()->found() == std::vector<FlightTable::Flight>{});
}

TEST_CASE("a damaged entry names nothing", "[storage][flights]") {
  const support::TempDir dir;
  { static_cast<void>(FlightTable::open(dir.path()).value()->begin(flight(1))); }
  {
    std::fstream file(dir.path() / "flights", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64 + 30);
    file.put('x');
  }

  CHECK(FlightTable::open(dir.path()).value()->found() == std::vector<FlightTable::Flight>{});
}

TEST_CASE("nobody knows what ran in a new directory, or before the machine was started anew", "[storage][flights]") {
  const support::TempDir dir;
  CHECK_FALSE(FlightTable::open(dir.path()).value()->found());
  {
    std::fstream file(dir.path() / "flights", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(16);
    file.write("another-boot", 12);
  }

  CHECK_FALSE(FlightTable::open(dir.path()).value()->found());
}

TEST_CASE("a full table notes nothing more, and goes on when a slot is free", "[storage][flights]") {
  const auto flights = FlightTable::open({}).value();
  std::size_t last = 0;
  for (std::size_t count = 0; count < FlightTable::slots; ++count) last = flights->begin(flight(count)).value();

  CHECK_FALSE(flights->begin(flight(0)));

  flights->end(last);
  CHECK(flights->begin(flight(0)) == last);
}
