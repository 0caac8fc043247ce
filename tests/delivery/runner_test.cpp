#include "delivery/runner.hpp"

#include <stdexcept>

#include <catch2/catch.hpp>

#include "delivery/support.hpp"

using namespace evmesh;
using namespace evmesh::delivery;
using namespace evmesh::delivery::test;

TEST_CASE("a listener that handles an event runs and its outcome comes back", "[delivery][runner]") {
  Room room;
  const auto listener = make_listener([](const Delivery&) { return Outcome::refuse("no"); });
  const Event event = sample();

  const Ran ran = room.runner.run(*listener, {.event = event}, 1);

  CHECK(ran.ending == Ending::done);
  CHECK(ran.outcome.kind() == Outcome::Kind::refused);
  CHECK(room.count("evmesh_listener_calls_total") == 1);
}

TEST_CASE("a listener that does not handle an event is skipped", "[delivery][runner]") {
  Room room;
  bool called = false;
  ListenerTraits traits;
  traits.handles = [](const Event&) { return false; };
  const auto listener = make_listener([&](const Delivery&) { called = true; }, traits);
  const Event event = sample();

  const Ran ran = room.runner.run(*listener, {.event = event}, 1);

  CHECK(ran.ending == Ending::skipped);
  CHECK_FALSE(called);
  CHECK(room.count("evmesh_listener_calls_total") == 0);
}

TEST_CASE("what a key listener throws is logged with event, type, user, listener and key",
          "[delivery][runner]") {
  Room room;
  ListenerTraits traits;
  traits.name = "indexer";
  const auto listener = make_listener([](const Delivery&) { throw std::runtime_error("broken"); }, traits);
  const Event event = sample("x", "alice");
  const RegistrationKey where = key("MailboxId:1");

  const Ran ran = room.runner.run(*listener, {.event = event, .key = &where}, 1);

  CHECK(ran.ending == Ending::failed);
  CHECK(ran.error == "broken");
  const auto log = room.log();
  REQUIRE(log.size() == 1);
  CHECK(log[0].level == LogLevel::error);
  CHECK(field(log, "delivery_failed", "bus") == "events");
  CHECK(field(log, "delivery_failed", "event_id") == event.id().to_string());
  CHECK(field(log, "delivery_failed", "type") == "Sample");
  CHECK(field(log, "delivery_failed", "user") == "alice");
  CHECK(field(log, "delivery_failed", "listener") == "indexer");
  CHECK(field(log, "delivery_failed", "key") == "MailboxId:1");
  CHECK(field(log, "delivery_failed", "error") == "broken");
  CHECK(room.count("evmesh_listener_failures_total") == 1);
}

TEST_CASE("what a group listener throws is logged with group and attempt", "[delivery][runner]") {
  Room room;
  const auto listener = make_listener([](const Delivery&) { throw std::runtime_error("broken"); });
  const Event event = sample();
  const Group group = Group::parse("search").value();

  static_cast<void>(room.runner.run(*listener, {.event = event, .group = &group, .attempt = 3}, 1));

  CHECK(field(room.log(), "delivery_failed", "group") == "search");
  CHECK(field(room.log(), "delivery_failed", "attempt") == "3");
}

TEST_CASE("whatever is thrown is caught", "[delivery][runner]") {
  Room room;
  const Event event = sample();
  const auto number = make_listener([](const Delivery&) { throw 7; });
  const auto silent = make_listener([](const Delivery&) { throw std::runtime_error(""); });
  ListenerTraits traits;
  traits.handles = [](const Event&) -> bool { throw std::runtime_error("prefilter"); };
  const auto prefilter = make_listener([](const Delivery&) {}, traits);

  CHECK(room.runner.run(*number, {.event = event}, 1).error == "unknown exception");
  CHECK(room.runner.run(*silent, {.event = event}, 1).error == "exception without text");
  CHECK(room.runner.run(*prefilter, {.event = event}, 1).error == "prefilter");
}

TEST_CASE("a listener that throws when told of a gap is logged", "[delivery][runner]") {
  Room room;
  ListenerTraits traits;
  traits.gap = [](const Gap&) { throw std::runtime_error("no gaps"); };
  const auto listener = make_listener([](const Delivery&) {}, traits);

  room.runner.gap(*listener, Gap{});

  CHECK(field(room.log(), "delivery_failed", "gap") == "ring_overrun");
  CHECK(field(room.log(), "delivery_failed", "error") == "no gaps");
}

TEST_CASE("a call knows how deep it is", "[delivery][runner]") {
  Room room;
  unsigned depth = 0;
  const auto listener = make_listener([&](const Delivery&) { depth = room.runner.depth(); });
  const Event event = sample();

  static_cast<void>(room.runner.run(*listener, {.event = event}, 5));

  CHECK(depth == 5);
  CHECK(room.runner.depth() == 0);
}

TEST_CASE("an application's callback may throw", "[delivery][runner]") {
  Room room;

  room.runner.call_back("on_drained", [] { throw std::runtime_error("oops"); });
  room.runner.call_back("on_drained", {});

  CHECK(field(room.log(), "callback_failed", "callback") == "on_drained");
  CHECK(field(room.log(), "callback_failed", "error") == "oops");
}

TEST_CASE("a listener that throws when asked for its name is called listener", "[delivery][runner]") {
  class Nameless final : public Listener {
    std::string name() const override { throw std::runtime_error("no name"); }
    ExecutionMode execution_mode() const override { throw std::runtime_error("no mode"); }
    Outcome handle(const Delivery&) override { return {}; }
  };
  Room room;
  const Nameless listener;

  CHECK(room.runner.name_of(listener) == "listener");
  CHECK(room.runner.mode_of(listener) == ExecutionMode::synchronous);
}
