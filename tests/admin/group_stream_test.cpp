#include "admin/group_stream.hpp"

#include <future>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::admin;

namespace {

std::uint64_t open(Deliveries& deliveries, const void* owner) { return deliveries.open(owner).value(); }

}  // namespace

TEST_CASE("a delivery waits for its own answer, once", "[admin]") {
  Deliveries deliveries;
  const std::uint64_t first = open(deliveries, &deliveries);
  const std::uint64_t second = open(deliveries, &deliveries);
  auto waiting = std::async(std::launch::async, [&] { return deliveries.wait(first, {}); });

  CHECK(deliveries.answer(second, Outcome::refuse("no")));
  CHECK(deliveries.answer(first, Outcome::done()));

  CHECK(waiting.get().kind() == Outcome::Kind::done);
  CHECK_FALSE(deliveries.answer(first, Outcome::done()));
  CHECK(deliveries.wait(second, {}).reason() == "no");
  CHECK_FALSE(deliveries.answer(99, Outcome::done()));
}

TEST_CASE("a delivery that is given up is to be tried again", "[admin]") {
  Deliveries deliveries;
  std::stop_source stop;
  const std::uint64_t number = open(deliveries, &deliveries);
  stop.request_stop();

  CHECK(deliveries.wait(number, stop.get_token()).kind() == Outcome::Kind::retry);
  CHECK_FALSE(deliveries.answer(number, Outcome::done()));
}

TEST_CASE("who went away gets no more deliveries, and what it had is to be tried again", "[admin]") {
  Deliveries deliveries;
  const int gone = 0;
  const int other = 0;
  const std::uint64_t lost = open(deliveries, &gone);
  const std::uint64_t kept = open(deliveries, &other);

  deliveries.close(&gone);

  CHECK(deliveries.wait(lost, {}).kind() == Outcome::Kind::retry);
  CHECK_FALSE(deliveries.open(&gone));
  CHECK(deliveries.answer(kept, Outcome::done()));
  deliveries.forget(&gone);
  CHECK(deliveries.open(&gone));
}
