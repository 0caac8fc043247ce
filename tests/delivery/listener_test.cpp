#include <evmesh/listener.hpp>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery::test;

TEST_CASE("a listener made from a function has the traits it was given", "[delivery][listener]") {
  std::uint64_t told = 0;
  ListenerTraits traits;
  traits.name = "indexer";
  traits.mode = ExecutionMode::asynchronous;
  traits.handles = [](const Event& event) { return event.user() == "alice"; };
  traits.gap = [&](const Gap& gap) { told = gap.from; };
  const auto listener = make_listener([](const Delivery&) { return Outcome::refuse("no"); }, traits);
  const Event event = sample();

  Gap gap;
  gap.from = 7;
  listener->gap(gap);

  CHECK(listener->name() == "indexer");
  CHECK(listener->execution_mode() == ExecutionMode::asynchronous);
  CHECK(listener->handles(sample("x", "alice")));
  CHECK_FALSE(listener->handles(sample("x", "bob")));
  CHECK(listener->handle({.event = event}).reason() == "no");
  CHECK(told == 7);
}

TEST_CASE("a listener made from a function is synchronous and takes all events unless told otherwise",
          "[delivery][listener]") {
  int calls = 0;
  const auto listener = make_listener([&](const Delivery&) { ++calls; });
  const Event event = sample();

  CHECK(listener->handle({.event = event}).kind() == Outcome::Kind::done);
  listener->gap({});

  CHECK(calls == 1);
  CHECK(listener->name() == "listener");
  CHECK(listener->execution_mode() == ExecutionMode::synchronous);
  CHECK(listener->handles(event));
}

TEST_CASE("the reasons of gaps have names", "[delivery][listener]") {
  CHECK(to_string(GapReason::ring_overrun) == "ring_overrun");
  CHECK(to_string(GapReason::life_ended) == "life_ended");
  CHECK(to_string(GapReason::listener_overrun) == "listener_overrun");
  CHECK(to_string(GapReason::joined_late) == "joined_late");
}
