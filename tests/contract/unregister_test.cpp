// Leaving a bus: what unregister waits for, and that nothing comes after it.
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {


namespace {

Recorder::Traits asynchronous() {
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  return traits;
}

/// A place for a registration that its own listener uses.
struct OwnRegistration {
  Registration registration;
  std::optional<Unregistered> answer;
  std::atomic<int> drained{0};
  std::atomic<bool> running_when_drained{false};
};

}  // namespace

EVMESH_CONTRACT("unregister waits for an asynchronous call that is running", "[unregister][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(1));

  bool call_had_ended = false;
  std::thread leaver([&] {
    registration.unregister();
    call_had_ended = listener->completed() == 1;
  });
  const bool left =
      eventually(patience, [&] { return must(cluster.bus().dispatch(sample(), k1())).listeners == 0; });
  gate.open();
  leaver.join();

  CHECK(left);
  CHECK(call_had_ended);
}

EVMESH_CONTRACT("unregister waits for a synchronous call that is running on another thread",
                "[unregister][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate));
  auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  std::thread publisher([&] { (void)cluster.bus().dispatch(sample(), k1()); });
  const bool arrived = gate.wait_arrivals(1);

  bool call_had_ended = false;
  std::thread leaver([&] {
    registration.unregister();
    call_had_ended = listener->completed() == 1;
  });
  const bool left = eventually(patience, [&] { return !registration.active(); });
  gate.open();
  leaver.join();
  publisher.join();

  CHECK(arrived);
  CHECK(left);
  CHECK(call_had_ended);
}

EVMESH_CONTRACT("unregister waits for a group's call that is running", "[unregister][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const Opener opener(gate);
  must(cluster.bus().dispatch(sample()));
  REQUIRE(gate.wait_arrivals(1));

  bool call_had_ended = false;
  std::thread leaver([&] {
    registration.unregister();
    call_had_ended = listener->completed() == 1;
  });
  const bool left = eventually(patience, [&] { return cluster.bus().groups().empty(); });
  gate.open();
  leaver.join();

  CHECK(left);
  CHECK(call_had_ended);
}

EVMESH_CONTRACT("destroying a registration unregisters and waits for the running call",
                "[unregister][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  std::optional<Registration> registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(1));

  bool call_had_ended = false;
  std::thread leaver([&] {
    registration.reset();
    call_had_ended = listener->completed() == 1;
  });
  const bool left =
      eventually(patience, [&] { return must(cluster.bus().dispatch(sample(), k1())).listeners == 0; });
  gate.open();
  leaver.join();

  CHECK(left);
  CHECK(call_had_ended);
}

EVMESH_CONTRACT("calls that are queued when a listener unregisters do not come", "[unregister][forgotten]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate), asynchronous());
  auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);
  must(cluster.bus().dispatch(sample("running"), k1()));
  REQUIRE(gate.wait_arrivals(1));
  for (int i = 0; i < 10; ++i) must(cluster.bus().dispatch(sample("queued"), k1()));

  std::thread leaver([&] { registration.unregister(); });
  const bool left =
      eventually(patience, [&] { return must(cluster.bus().dispatch(sample(), k1())).listeners == 0; });
  gate.open();
  leaver.join();

  CHECK(left);
  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"running"});
}

EVMESH_CONTRACT("a listener that unregisters itself is told it is draining, and the end of its last call",
                "[unregister][forgotten]") {
  TestType cluster;
  OwnRegistration own;
  std::shared_ptr<Recorder> listener;
  listener = recorder_that([&](const Delivery&) {
    own.answer = own.registration.unregister([&] {
      if (listener->running() != 0) own.running_when_drained = true;
      own.drained.fetch_add(1);
    });
    return Outcome::done();
  });
  own.registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample("E1"), k1()));
  must(cluster.bus().dispatch(sample("E2"), k1()));

  CHECK(own.answer == Unregistered::draining);
  CHECK(eventually(patience, [&] { return own.drained.load() == 1; }));
  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"E1"});
  CHECK(own.drained.load() == 1);
  CHECK_FALSE(own.running_when_drained.load());
  CHECK(own.registration.unregister() == Unregistered::done);
  listener.reset();
}

EVMESH_CONTRACT("an asynchronous listener may unregister itself", "[unregister][forgotten]") {
  TestType cluster;
  OwnRegistration own;
  const auto listener = recorder_that(
      [&](const Delivery&) {
        own.registration.unregister([&] { own.drained.fetch_add(1); });
        return Outcome::done();
      },
      asynchronous());
  own.registration = must(cluster.bus().register_listener(listener, k1()));

  for (int i = 0; i < 10; ++i) must(cluster.bus().dispatch(sample(), k1()));

  CHECK(eventually(patience, [&] { return own.drained.load() == 1; }));
  cluster.settle();
  CHECK(listener->entered() == 1);
  CHECK(own.drained.load() == 1);
}

EVMESH_CONTRACT("a listener may destroy its own registration", "[unregister][forgotten]") {
  TestType cluster;
  std::optional<Registration> registration;
  const auto listener = recorder_that([&](const Delivery&) {
    registration.reset();
    return Outcome::done();
  });
  registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample("E1"), k1()));
  must(cluster.bus().dispatch(sample("E2"), k1()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"E1"});
}

EVMESH_CONTRACT("a group listener may unregister itself", "[unregister][forgotten]") {
  TestType cluster;
  OwnRegistration own;
  const auto listener = recorder_that([&](const Delivery&) {
    own.registration.unregister();
    return Outcome::done();
  });
  own.registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(sample("E1")));
  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().dispatch(sample("E2")));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"E1"});
}

EVMESH_CONTRACT("two listeners may unregister each other from inside their calls",
                "[unregister][forgotten]") {
  TestType cluster;
  Registration first_registration;
  Registration second_registration;
  Rendezvous rendezvous(2);
  std::atomic<int> draining{0};
  const auto first = recorder_that([&](const Delivery&) {
    rendezvous.meet();
    if (second_registration.unregister() == Unregistered::draining) draining.fetch_add(1);
    return Outcome::done();
  });
  const auto second = recorder_that([&](const Delivery&) {
    rendezvous.meet();
    if (first_registration.unregister() == Unregistered::draining) draining.fetch_add(1);
    return Outcome::done();
  });
  first_registration = must(cluster.bus().register_listener(first, k1()));
  second_registration = must(cluster.bus().register_listener(second, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(rendezvous.all_met());
  CHECK(draining.load() == 2);
}

EVMESH_CONTRACT("a bus lets go of a listener that unregistered", "[unregister][forgotten]") {
  TestType cluster;
  auto listener = recorder();
  const std::weak_ptr<Recorder> watched = listener;
  auto registration = must(cluster.bus().register_listener(listener, k1()));
  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(registration.unregister() == Unregistered::done);
  listener.reset();

  CHECK(eventually(patience, [&] { return watched.expired(); }));
}

EVMESH_CONTRACT("a bus keeps a listener that only it knows", "[unregister][forgotten]") {
  TestType cluster;
  std::atomic<int> calls{0};

  const auto registration = must(
      cluster.bus().register_listener(make_listener([&](const Delivery&) { calls.fetch_add(1); }), k1()));
  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(calls.load() == 1);
}

EVMESH_CONTRACT("a moved registration stands for the listener, the old handle for nothing",
                "[unregister][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  auto first = must(cluster.bus().register_listener(listener, k1()));

  Registration second = std::move(first);

  CHECK_FALSE(first.active());  // NOLINT: a moved-from registration is documented as inactive
  CHECK(second.active());
  CHECK(first.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample(), k1()));
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("assigning to a registration unregisters what it stood for", "[unregister][forgotten]") {
  TestType cluster;
  const auto old_listener = recorder();
  const auto new_listener = recorder();
  auto registration = must(cluster.bus().register_listener(old_listener, k1()));

  registration = must(cluster.bus().register_listener(new_listener, k1()));
  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(old_listener->entered() == 0);
  CHECK(new_listener->completed() == 1);
}

EVMESH_CONTRACT("an unregistered group's retries end with it, and the event is kept as a dead letter",
                "[unregister][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(20)));
  must(cluster.bus().dispatch(sample()));
  REQUIRE(listener->wait_entered(2));

  CHECK(registration.forget() == Unregistered::done);
  const std::uint32_t at_return = listener->entered();
  CHECK(must(cluster.bus().dead_letters().ids(group_a())).size() == 1);

  // A group that fails through longer waits than the first one had left shows that none of those came.
  const auto other = recorder_that(throw_first(4));
  const auto marker = must(cluster.bus().register_listener(other, group_b(), quick_retries(4)));
  must(cluster.bus().dispatch(sample()));
  REQUIRE(other->wait_completed(1));
  CHECK(listener->entered() == at_return);
}

EVMESH_CONTRACT("a registration may outlive its node", "[unregister][forgotten]") {
  auto cluster = std::make_unique<TestType>();
  auto on_key = must(cluster->bus().register_listener(recorder(), k1()));
  auto in_group = must(cluster->bus().register_listener(recorder(), group_a()));
  const auto destroyed_late = must(cluster->bus().register_listener(recorder(), k2()));

  cluster.reset();

  CHECK(on_key.unregister() == Unregistered::done);
  CHECK(in_group.unregister() == Unregistered::done);
  CHECK_FALSE(on_key.active());
  CHECK(destroyed_late.receipt().acknowledged.empty());
}

TEST_CASE("an empty registration is inactive and unregisters as if it were done", "[unregister][forgotten]") {
  Registration registration;

  CHECK_FALSE(registration.active());
  CHECK(registration.unregister() == Unregistered::done);
  CHECK(registration.receipt().complete());
}

}  // namespace evmesh::contract
