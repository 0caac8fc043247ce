// Close, drain, stop: each as often as you like, and nothing after it.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

namespace {

Recorder::Traits asynchronous() {
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  return traits;
}

}  // namespace

EVMESH_CONTRACT("a node that stopped keeps nobody's listener", "[lifecycle][O07]") {
  auto on_key = recorder();
  auto in_group = recorder();
  const std::weak_ptr<Recorder> watched_key = on_key;
  const std::weak_ptr<Recorder> watched_group = in_group;
  {
    TestType cluster;
    const auto first = must(cluster.bus().register_listener(on_key, k1()));
    const auto second = must(cluster.bus().register_listener(in_group, group_a()));
    must(cluster.bus().dispatch(sample(), k1()));
    cluster.node().stop();
  }

  on_key.reset();
  in_group.reset();

  CHECK(watched_key.expired());
  CHECK(watched_group.expired());
}

EVMESH_CONTRACT("stopping in any order and number of times is no error", "[lifecycle][O08]") {
  TestType cluster;

  cluster.bus().close();
  cluster.bus().close();
  cluster.bus().stop();
  cluster.bus().stop();
  cluster.bus().close();
  cluster.node().stop();
  cluster.node().stop();
  cluster.bus().stop();

  CHECK(cluster.bus().drain(patience).has_value());
  CHECK(code_of(cluster.bus().dispatch(sample())) == ErrorCode::closed);
}

EVMESH_CONTRACT("nodes may be opened and stopped again and again", "[lifecycle][O08]") {
  for (int i = 0; i < 10; ++i) {
    TestType cluster;
    const auto listener = recorder();
    const auto registration = must(cluster.bus().register_listener(listener, k1()));
    must(cluster.bus().dispatch(sample(), k1()));
    REQUIRE(listener->completed() == 1);
    if (i % 2 == 0) cluster.node().stop();
  }
}

EVMESH_CONTRACT("nothing runs after stop has returned, however heavy the load", "[lifecycle][O10]") {
  TestType cluster;
  std::atomic<std::uint32_t> executions{0};
  const auto count = [&](const Delivery&) { executions.fetch_add(1); };
  ListenerTraits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto in_group = must(cluster.bus().register_listener(make_listener(count, traits), group_a()));
  const auto on_key = must(cluster.bus().register_listener(make_listener(count), k1()));
  std::atomic<bool> done{false};
  std::vector<std::thread> publishers;
  for (int i = 0; i < 4; ++i) {
    publishers.emplace_back([&] {
      while (!done.load()) (void)cluster.bus().dispatch(sample(), k1());
    });
  }
  const bool loaded = eventually(patience, [&] { return executions.load() > 1000; });

  cluster.bus().stop();
  const std::uint32_t at_stop = executions.load();
  std::vector<Result<Receipt>> afterwards;
  for (int i = 0; i < 1000; ++i) afterwards.push_back(cluster.bus().dispatch(sample(), k1()));
  done.store(true);
  for (auto& publisher : publishers) publisher.join();

  CHECK(loaded);
  for (const auto& result : afterwards) REQUIRE(code_of(result) == ErrorCode::closed);
  CHECK(executions.load() == at_stop);
}

EVMESH_CONTRACT("after close every call that would start something is refused", "[lifecycle][forgotten]") {
  TestType cluster;
  const auto on_key = recorder();
  const auto in_group = recorder();
  const auto first = must(cluster.bus().register_listener(on_key, k1()));
  const auto second = must(cluster.bus().register_listener(in_group, group_a()));

  cluster.bus().close();

  EventBus& bus = cluster.bus();
  CHECK(code_of(bus.dispatch(sample(), k1())) == ErrorCode::closed);
  CHECK(code_of(bus.dispatch(std::vector<KeyedEvent>{{sample(), {k1()}}})) == ErrorCode::closed);
  CHECK(code_of(bus.dispatch_async(sample(), {k1()}, {})) == ErrorCode::closed);
  CHECK(code_of(bus.redeliver(group_a(), sample())) == ErrorCode::closed);
  CHECK(code_of(bus.register_listener(recorder(), k2())) == ErrorCode::closed);
  CHECK(code_of(bus.register_listener(recorder(), group_b())) == ErrorCode::closed);
  if (cluster.mode() != Mode::scale_efficient) {
    CHECK(code_of(bus.register_each_node(recorder())) == ErrorCode::closed);
  }
  must(bus.drain(patience));
  CHECK(on_key->entered() == 0);
  CHECK(in_group->entered() == 0);
}

EVMESH_CONTRACT("after close a listener may still unregister", "[lifecycle][forgotten]") {
  TestType cluster;
  auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  cluster.bus().close();

  CHECK(registration.unregister() == Unregistered::done);
}

EVMESH_CONTRACT("what was accepted before close runs", "[lifecycle][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  for (int i = 0; i < 10; ++i) must(cluster.bus().dispatch(sample(), k1()));

  cluster.bus().close();
  gate.open();

  must(cluster.bus().drain(patience));
  CHECK(listener->completed() == 10);
}

EVMESH_CONTRACT("drain waits for calls that are running and queued", "[lifecycle][forgotten]") {
  TestType cluster;
  Crowd crowd(10);
  const auto listener = recorder_that(
      [&](const Delivery&) {
        crowd.visit(5ms);
        return Outcome::done();
      },
      asynchronous());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  for (int i = 0; i < 20; ++i) must(cluster.bus().dispatch(sample(), k1()));

  must(cluster.bus().drain(patience));

  CHECK(listener->completed() == 20);
}

EVMESH_CONTRACT("drain that runs out of time says so", "[lifecycle][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(1));

  const auto drained = cluster.bus().drain(1ms);

  CHECK(code_of(drained) == ErrorCode::deadline_exceeded);
  CHECK(drained.error().message.find('1') != std::string::npos);
  gate.open();
  CHECK(cluster.bus().drain(patience).has_value());
}

EVMESH_CONTRACT("drain from inside a listener does not wait for itself", "[lifecycle][forgotten]") {
  TestType cluster;
  std::optional<Result<void>> drained;
  const auto listener = recorder_that([&](const Delivery&) {
    drained = cluster.bus().drain(patience);
    return Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto began = std::chrono::steady_clock::now();
  must(cluster.bus().dispatch(sample(), k1()));

  REQUIRE(drained.has_value());
  CHECK(code_of(*drained) == ErrorCode::draining);
  CHECK(std::chrono::steady_clock::now() - began < patience);
}

EVMESH_CONTRACT("a bus may be stopped from inside a listener", "[lifecycle][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that([&](const Delivery&) {
    cluster.bus().stop();
    return Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto began = std::chrono::steady_clock::now();
  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(std::chrono::steady_clock::now() - began < patience);
  CHECK(code_of(cluster.bus().dispatch(sample(), k1())) == ErrorCode::closed);
}

EVMESH_CONTRACT("stop does not wait for retries that are far away", "[lifecycle][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  GroupOptions options = quick_retries(1);
  options.retry.first = 600'000ms;
  options.retry.cap = 600'000ms;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));
  must(cluster.bus().dispatch(sample()));
  REQUIRE(listener->wait_entered(1));

  const auto began = std::chrono::steady_clock::now();
  cluster.bus().stop();

  CHECK(std::chrono::steady_clock::now() - began < 9s);
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("a stopped bus retries nothing, and what it still owed is a dead letter or owed to the next life",
                "[lifecycle][forgotten]") {
  TestType cluster(with_buses({"stopped", "running"}));
  EventBus& stopped = cluster.bus(0, "stopped");
  EventBus& running = cluster.bus(0, "running");
  GroupOptions options = quick_retries(1);
  options.retry.first = 20ms;
  const auto failing = recorder_that(always_throw());
  const auto registration = must(stopped.register_listener(failing, group_a(), options));
  must(stopped.dispatch(sample()));
  REQUIRE(failing->wait_entered(1));

  stopped.stop();
  const std::uint32_t at_stop = failing->entered();

  // A retry on the other bus that is due later than the one above shows that that one did not come.
  options.retry.first = 60ms;
  const auto marker = recorder_that(throw_first(1));
  const auto marker_registration = must(running.register_listener(marker, group_a(), options));
  must(running.dispatch(sample()));
  REQUIRE(marker->wait_completed(1));
  CHECK(failing->entered() == at_stop);
  CHECK(must(stopped.dead_letters().ids(group_a())).size() == (TestType::durable ? 0 : 1));
}

}  // namespace evmesh::contract
