// Key listeners on the node that dispatches.
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

EVMESH_CONTRACT("one dispatch runs its many key listeners at most ten at a time", "[key][K01]") {
  TestType cluster;
  Crowd crowd(10);
  std::vector<Registration> registrations;
  for (int i = 0; i < 50; ++i) {
    auto visitor = recorder_that([&](const Delivery&) {
      crowd.visit(20ms);
      return Outcome::done();
    });
    registrations.push_back(must(cluster.bus().register_listener(visitor, k1())));
  }

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(crowd.visits() == 50);
  CHECK(crowd.most_at_once() <= 10);
}

EVMESH_CONTRACT(
    "fifty events in a row run an asynchronous key listener fifty times, in order and one at a time",
    "[key][K01]") {
  TestType cluster;
  Crowd crowd(1);
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  auto listener = recorder_that(
      [&](const Delivery&) {
        crowd.visit(5ms);
        return Outcome::done();
      },
      traits);
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  std::vector<std::string> dispatched;
  for (int i = 0; i < 50; ++i) {
    dispatched.push_back(std::to_string(i));
    must(cluster.bus().dispatch(sample(dispatched.back()), k1()));
  }

  REQUIRE(listener->wait_completed(50));
  CHECK(crowd.most_at_once() == 1);
  CHECK(listener->payloads() == dispatched);
}

EVMESH_CONTRACT("synchronous key listeners of one event run side by side under mixed delivery",
                "[key][K02][real]") {
  TestType cluster(with_delivery(DeliveryModel::mixed));
  Rendezvous rendezvous(3);
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (int i = 0; i < 3; ++i) {
    listeners.push_back(recorder_that([&](const Delivery&) {
      rendezvous.meet();
      return Outcome::done();
    }));
    registrations.push_back(must(cluster.bus().register_listener(listeners.back(), k1())));
  }

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(rendezvous.all_met());
  std::set<std::thread::id> threads;
  for (const auto& listener : listeners) threads.insert(listener->seen().at(0).thread);
  CHECK(threads.size() == 3);
}

EVMESH_CONTRACT("a key listener does not get an event in which nothing happened", "[key][K03]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus().dispatch(noop_event(), k1()));

  CHECK(receipt.noop);
  CHECK(receipt.listeners == 0);
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a key listener does not get an event that its prefilter declines", "[key][K04]") {
  TestType cluster;
  Recorder::Traits traits;
  traits.handles = handles_samples;
  const auto listener = recorder(traits);
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(unhandled(), k1()));
  must(cluster.bus().dispatch(sample("handled"), k1()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"handled"});
}

EVMESH_CONTRACT("a key listener that throws does not fail the dispatch", "[key][K05]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  CHECK(listener->entered() == 1);
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("a key listener does not get an event dispatched without keys", "[key][K06]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample()));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a key listener does not get an event of another key", "[key][K07]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k2()));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a key is not a prefix: neither a longer nor a shorter one matches", "[key][K07]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, key("MailboxId:12")));

  must(cluster.bus().dispatch(sample(), {key("MailboxId:1"), key("MailboxId:123"), key("MailboxId:")}));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a key listener gets an event of its key once, as it was dispatched", "[key][K08]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Event event = sample();

  const Receipt receipt = must(cluster.bus().dispatch(event, k1()));

  CHECK(receipt.event_id == event.id());
  CHECK(receipt.listeners == 1);
  cluster.settle();
  REQUIRE(listener->entered() == 1);
  const Seen seen = listener->seen().at(0);
  CHECK(seen.event == event);
  CHECK(seen.key == "MailboxId:1");
  CHECK_FALSE(seen.group.has_value());
  CHECK(seen.attempt == 1);
  CHECK_FALSE(seen.origin.has_value());
}

EVMESH_CONTRACT("a synchronous key listener has run when dispatch returns", "[key][K09]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("an event goes to the listener of its key and not to that of another", "[key][K10]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus().register_listener(first, k1()));
  const auto second_registration = must(cluster.bus().register_listener(second, k2()));

  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(first->completed() == 1);
  CHECK(second->entered() == 0);
}

EVMESH_CONTRACT("every listener of a key gets the event once", "[key][K11]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus().register_listener(first, k1()));
  const auto second_registration = must(cluster.bus().register_listener(second, k1()));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(receipt.listeners == 2);
  cluster.settle();
  CHECK(first->completed() == 1);
  CHECK(second->completed() == 1);
}

EVMESH_CONTRACT("a listener registered twice on a key is called once", "[key][K12]") {
  TestType cluster;
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a key listener does not get events dispatched before it registered", "[key][K14]") {
  TestType cluster;
  const auto listener = recorder();

  must(cluster.bus().dispatch(sample(), k1()));
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a listener registered twice and unregistered twice gets nothing", "[key][K15]") {
  TestType cluster;
  const auto listener = recorder();
  auto first = must(cluster.bus().register_listener(listener, k1()));
  auto second = must(cluster.bus().register_listener(listener, k1()));

  CHECK(first.unregister() == Unregistered::done);
  CHECK(second.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a listener registered twice and unregistered once is still called once", "[key][K15]") {
  TestType cluster;
  const auto listener = recorder();
  auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_listener(listener, k1()));

  CHECK(first.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("unregistering one key leaves the listener's other key alone", "[key][K16]") {
  TestType cluster;
  const auto listener = recorder();
  const auto kept = must(cluster.bus().register_listener(listener, k1()));
  auto dropped = must(cluster.bus().register_listener(listener, k2()));

  CHECK(dropped.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample("one"), k1()));
  must(cluster.bus().dispatch(sample("two"), k2()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"one"});
}

EVMESH_CONTRACT("unregistering a key listener again is no error", "[key][K17]") {
  TestType cluster;
  auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(registration.active());
  CHECK(registration.unregister() == Unregistered::done);
  CHECK_FALSE(registration.active());
  CHECK(registration.unregister() == Unregistered::done);
}

EVMESH_CONTRACT("an event of two keys reaches the listener of one of them once", "[key][K18]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), {k2(), k1()}));

  cluster.settle();
  REQUIRE(listener->completed() == 1);
  CHECK(listener->seen().at(0).key == "MailboxId:1");
}

EVMESH_CONTRACT("an event of two keys reaches a listener on both of them once", "[key][K19]") {
  TestType cluster;
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_listener(listener, k2()));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), {k1(), k2()}));

  CHECK(receipt.listeners == 1);
  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("an unregistered key listener gets nothing", "[key][K20]") {
  TestType cluster;
  const auto listener = recorder();
  auto registration = must(cluster.bus().register_listener(listener, k1()));

  CHECK(registration.unregister() == Unregistered::done);
  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(receipt.listeners == 0);
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("an asynchronous key listener is called in the end", "[key][K21]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(receipt.listeners == 1);
  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("an asynchronous key listener that blocks does not hold the dispatch", "[key][K22][real]") {
  Gate gate;
  TestType cluster;
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(wait_at(gate), traits);
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);

  const auto began = std::chrono::steady_clock::now();
  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(std::chrono::steady_clock::now() - began < 2s);
  CHECK(listener->wait_entered(1));
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("a key listener that failed on one event gets the next", "[key][K23]") {
  TestType cluster;
  const auto listener = recorder_that(throw_on("E1"));
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample("E1"), k1()));
  must(cluster.bus().dispatch(sample("E2"), k1()));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"E1", "E2"});
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a key listener that fails does not keep the event from another", "[key][K24]") {
  TestType cluster;
  const auto failing = recorder_that(always_throw());
  const auto good = recorder();
  const auto first = must(cluster.bus().register_listener(failing, k1()));
  const auto second = must(cluster.bus().register_listener(good, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(failing->entered() == 1);
  CHECK(good->completed() == 1);
}

EVMESH_CONTRACT("an asynchronous key listener that fails does not keep the event from another",
                "[key][K24]") {
  TestType cluster;
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto failing = recorder_that(always_throw(), traits);
  const auto good = async_recorder();
  const auto first = must(cluster.bus().register_listener(failing, k1()));
  const auto second = must(cluster.bus().register_listener(good, k1()));

  must(cluster.bus().dispatch(sample("E1"), k1()));
  must(cluster.bus().dispatch(sample("E2"), k1()));

  CHECK(good->wait_completed(2));
  CHECK(failing->wait_entered(2));
}

}  // namespace evmesh::contract
