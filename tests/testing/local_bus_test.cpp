#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh;
using namespace evmesh::testing;
using namespace std::chrono_literals;

TEST_CASE("a local bus calls key listeners inside dispatch", "[testing]") {
  LocalBus local;
  std::vector<std::string> heard;
  const auto listening = local.bus().register_listener(keeper(heard), key_of("inbox"));

  const auto receipt = local.bus().dispatch(note("one"), key_of("inbox"));
  REQUIRE(local.bus().dispatch(note("two"), key_of("other")));

  REQUIRE(receipt);
  CHECK(receipt->listeners == 1);
  CHECK(heard == std::vector<std::string>{"one"});
  CHECK(local.now() == 0us);
}

TEST_CASE("retries of a local bus wait until the test advances the clock", "[testing]") {
  LocalBus local;
  unsigned calls = 0;
  const auto failing = make_listener([&](const Delivery&) {
    if (++calls < 3) throw std::runtime_error("not yet");
  });
  const GroupOptions patient{.retry = {.first = 1h, .cap = 2h, .jitter = 0}};
  const auto listening = local.bus().register_listener(failing, group_of("index"), patient);

  REQUIRE(local.bus().dispatch(note("one")));
  CHECK(calls == 1);
  local.advance(59min);
  CHECK(calls == 1);
  local.advance(1min);
  CHECK(calls == 2);
  CHECK(local.owed() == 1);
  local.advance(2h);

  CHECK(calls == 3);
  CHECK(local.owed() == 0);
  CHECK(local.count(What::failed, "index") == 2);
  CHECK(local.count(What::done, "index") == 1);
}

TEST_CASE("what fails always is a dead letter after its attempts, days later", "[testing]") {
  LocalBus local;
  const auto never = make_listener([](const Delivery&) { throw std::runtime_error("never"); });
  const GroupOptions patient{.retry = {.max_retries = 8, .first = 1h, .cap = 24h, .jitter = 0.5}};
  const auto listening = local.bus().register_listener(never, group_of("index"), patient);
  const auto receipt = local.bus().dispatch(note("one"));
  REQUIRE(receipt);

  CHECK(local.run_until_quiet(30 * 24h));

  CHECK(local.now() >= 24h * 5);
  const auto ids = local.bus().dead_letters().ids(group_of("index")).value();
  REQUIRE(ids.size() == 1);
  const auto letter = local.bus().dead_letters().find(group_of("index"), ids[0]).value();
  CHECK(letter->event.payload() == "one");
  CHECK(letter->attempts.size() == 9);
  CHECK(letter->attempts.back().error == "never");
  CHECK(local.count(What::dead, "index") == 1);
}

TEST_CASE("a dead letter is there when the dispatch that made it returns", "[testing]") {
  LocalBus local;
  const auto refusing = make_listener([](const Delivery&) { return Outcome::refuse("bad"); });
  const auto listening = local.bus().register_listener(refusing, group_of("index"));

  REQUIRE(local.bus().dispatch(note("one")));

  CHECK(local.bus().dead_letters().ids(group_of("index"))->size() == 1);
  CHECK(local.now() == 0us);
}

TEST_CASE("an attempt that takes longer than its timeout fails then", "[testing]") {
  LocalBus local;
  const auto slow = make_listener([&](const Delivery& delivery) { local.take(delivery.attempt == 1 ? 20min : 5min); });
  const GroupOptions options{.retry = {.first = 1min, .jitter = 0}};
  const auto listening = local.bus().register_listener(slow, group_of("index"), options);

  REQUIRE(local.bus().dispatch(note("one")));
  CHECK(local.owed() == 1);
  local.advance(10min);
  CHECK(local.count(What::failed, "index") == 1);
  CHECK(local.history().back().error == "timed out after 600000 ms");
  local.advance(5min + 30s);

  CHECK(local.count(What::done, "index") == 1);
}

TEST_CASE("a listener of a local bus dispatches what other listeners hear", "[testing]") {
  LocalBus local;
  std::vector<std::string> heard;
  const auto answering = make_listener([&](const Event& event) {
    static_cast<void>(local.bus().dispatch(note(event.payload() + "!"), key_of("b")));
  });
  const auto first = local.bus().register_listener(answering, key_of("a"));
  const auto second = local.bus().register_listener(keeper(heard), key_of("b"));

  REQUIRE(local.bus().dispatch(note("one"), key_of("a")));

  CHECK(heard == std::vector<std::string>{"one!"});
}

TEST_CASE("no time passes inside a listener", "[testing]") {
  LocalBus local;
  std::chrono::microseconds seen{-1};
  const auto listening = local.bus().register_listener(make_listener([&](const Event&) {
                                                         local.advance(1h);
                                                         seen = local.now();
                                                       }),
                                                       key_of("a"));

  REQUIRE(local.bus().dispatch(note("one"), key_of("a")));

  CHECK(seen == 0us);
  CHECK(local.now() == 0us);
}

TEST_CASE("what was owed when the process of a local bus was killed runs in its next life", "[testing]") {
  LocalBus local;
  std::vector<std::string> heard;
  const auto failing = make_listener([](const Delivery&) { throw std::runtime_error("not in this life"); });
  const auto before = local.bus().register_listener(failing, group_of("index"));
  REQUIRE(local.bus().dispatch(note("one")));

  local.restart();
  const auto after = local.bus().register_listener(keeper(heard), group_of("index"));
  CHECK(local.run_until_quiet());

  CHECK(heard == std::vector<std::string>{"one"});
  CHECK_FALSE(before->active());
}

TEST_CASE("a group of a local bus goes on being owed events in a life that does not register it", "[testing]") {
  LocalBus local;
  std::vector<std::string> heard;
  const auto before = local.bus().register_listener(keeper(heard), group_of("index"));

  local.restart();
  REQUIRE(local.bus().dispatch(note("one")));
  CHECK(local.owed() == 1);
  const auto after = local.bus().register_listener(keeper(heard), group_of("index"));
  CHECK(local.run_until_quiet());

  CHECK(heard == std::vector<std::string>{"one"});
}

TEST_CASE("how much a local bus stretches the waits between retries follows its seed", "[testing]") {
  const auto second_attempt = [](std::uint64_t seed) {
    LocalBus local({.seed = seed});
    const auto failing = make_listener([](const Delivery& delivery) {
      if (delivery.attempt == 1) throw std::runtime_error("not yet");
    });
    const GroupOptions patient{.retry = {.first = 1h, .cap = 1h, .jitter = 1}};
    const auto listening = local.bus().register_listener(failing, group_of("index"), patient);
    REQUIRE(local.bus().dispatch(note("one")));
    CHECK(local.run_until_quiet());
    return local.now();
  };

  CHECK(second_attempt(7) == second_attempt(7));
  CHECK(second_attempt(7) != second_attempt(8));
  CHECK(second_attempt(7) >= 1h);
}

TEST_CASE("asynchronous dispatches of a local bus are made when time passes", "[testing]") {
  LocalBus local;
  std::vector<std::string> heard;
  bool told = false;
  const auto listening = local.bus().register_listener(keeper(heard), key_of("a"));

  REQUIRE(local.bus().dispatch_async(note("one"), {key_of("a")},
                                     [&](Result<Receipt> receipt) { told = receipt.has_value(); }));
  CHECK(heard.empty());
  local.advance(0s);

  CHECK(heard == std::vector<std::string>{"one"});
  CHECK(told);
}

TEST_CASE("a registration may outlive its local bus", "[testing]") {
  std::vector<std::string> heard;
  Result<Registration> listening;
  {
    LocalBus local;
    listening = local.bus().register_listener(keeper(heard), key_of("a"));
    CHECK(listening->active());
  }
  CHECK_FALSE(listening->active());
  CHECK(listening->unregister() == Unregistered::done);
}

TEST_CASE("names and numbers out of range are refused at once", "[testing]") {
  CHECK_THROWS_AS(LocalBus({.name = "no name"}), std::invalid_argument);
  CHECK_THROWS_AS(Cluster({.nodes = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Cluster({.nodes = 17}), std::invalid_argument);
  CHECK_THROWS_AS(Cluster({.mode = Mode::mono}), std::invalid_argument);
  CHECK_THROWS_AS(Cluster({.buses = {"a", "a"}}), std::invalid_argument);
  CHECK_THROWS_AS(Cluster({.copies = 6}), std::invalid_argument);
  Cluster cluster({.nodes = 16});
  CHECK_THROWS_AS(cluster[16], std::out_of_range);
  CHECK_THROWS_AS(cluster[0].bus("none"), std::out_of_range);
}
