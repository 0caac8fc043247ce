// Group listeners within one node.
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

EVMESH_CONTRACT("a group runs fifty events fifty times, at most ten at a time", "[group][G01]") {
  TestType cluster;
  Crowd crowd(10);
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(
      [&](const Delivery&) {
        crowd.visit(20ms);
        return Outcome::done();
      },
      traits);
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  for (int i = 0; i < 50; ++i) must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(50));
  CHECK(listener->entered() == 50);
  CHECK(crowd.most_at_once() <= 10);
}

EVMESH_CONTRACT("a group runs no more events at a time than its concurrency says", "[group][G01]") {
  TestType cluster;
  Crowd crowd(2);
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(
      [&](const Delivery&) {
        crowd.visit(5ms);
        return Outcome::done();
      },
      traits);
  GroupOptions options;
  options.concurrency = 2;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));

  for (int i = 0; i < 20; ++i) must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(20));
  CHECK(crowd.most_at_once() <= 2);
}

EVMESH_CONTRACT("a group uses the concurrency it was given", "[group][G01][real]") {
  TestType cluster;
  Rendezvous rendezvous(10);
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(
      [&](const Delivery&) {
        rendezvous.meet();
        return Outcome::done();
      },
      traits);
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  for (int i = 0; i < 10; ++i) must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(10));
  CHECK(rendezvous.all_met());
}

EVMESH_CONTRACT("three groups run one event at once under mixed delivery", "[group][G02][real]") {
  TestType cluster(with_delivery(DeliveryModel::mixed));
  Rendezvous rendezvous(3);
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (const Group& group : {group_a(), group_b(), group_c()}) {
    listeners.push_back(recorder_that([&](const Delivery&) {
      rendezvous.meet();
      return Outcome::done();
    }));
    registrations.push_back(must(cluster.bus().register_listener(listeners.back(), group)));
  }

  must(cluster.bus().dispatch(sample()));

  for (const auto& listener : listeners) REQUIRE(listener->wait_completed(1));
  CHECK(rendezvous.all_met());
  std::set<std::thread::id> threads;
  for (const auto& listener : listeners) threads.insert(listener->seen().at(0).thread);
  CHECK(threads.size() == 3);
}

EVMESH_CONTRACT("a group does not get what was dispatched before it was registered", "[group][G04]") {
  TestType cluster;
  const auto listener = recorder();

  must(cluster.bus().dispatch(sample("before")));
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  must(cluster.bus().dispatch(sample("after")));

  REQUIRE(listener->wait_completed(1));
  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"after", "settle"});
}

EVMESH_CONTRACT("a group gets an event dispatched without keys once", "[group][G05]") {
  TestType cluster;
  const auto listener =
      recorder(Recorder::Traits{"recorder", ExecutionMode::synchronous, handles_samples, {}});
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const Event event = sample();

  const Receipt receipt = must(cluster.bus().dispatch(event));

  CHECK(receipt.event_id == event.id());
  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  REQUIRE(listener->entered() == 1);
  const Seen seen = listener->seen().at(0);
  CHECK(seen.event == event);
  CHECK(seen.group == "org.example.GroupA");
  CHECK_FALSE(seen.key.has_value());
  CHECK(seen.attempt == 1);
}

EVMESH_CONTRACT("a group gets an event of several keys once", "[group][G05]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(sample(), {k1(), k2(), k3()}));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("a group does not get an event in which nothing happened", "[group][G06]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  const Receipt receipt = must(cluster.bus().dispatch(noop_event()));
  must(cluster.bus().dispatch(sample("after")));

  CHECK(receipt.noop);
  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->payloads() == std::vector<std::string>{"after"});
}

EVMESH_CONTRACT("a group does not get an event that its listener's prefilter declines", "[group][G07]") {
  TestType cluster;
  Recorder::Traits traits;
  traits.handles = handles_samples;
  const auto listener = recorder(traits);
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(unhandled()));
  must(cluster.bus().dispatch(sample("handled")));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->payloads() == std::vector<std::string>{"handled"});
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("a group listener that throws does not fail the dispatch", "[group][G08]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(0)));

  const auto receipt = cluster.bus().dispatch(sample());

  CHECK(receipt.has_value());
  CHECK(listener->wait_entered(1));
}

EVMESH_CONTRACT("every group gets an event once", "[group][G09]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus().register_listener(first, group_a()));
  const auto second_registration = must(cluster.bus().register_listener(second, group_b()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(first->wait_completed(1));
  REQUIRE(second->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(first->entered() == 1);
  CHECK(second->entered() == 1);
}

EVMESH_CONTRACT("one listener in two groups is called for each of them", "[group][G09]") {
  TestType cluster;
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, group_a()));
  const auto second = must(cluster.bus().register_listener(listener, group_b()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(2));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 2);
}

EVMESH_CONTRACT("an unregistered group gets nothing", "[group][G10]") {
  TestType cluster;
  const auto listener = recorder();
  auto registration = must(cluster.bus().register_listener(listener, group_a()));

  CHECK(registration.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample()));

  cluster.settle();
  CHECK(listener->entered() == 0);
  CHECK(cluster.bus().groups().empty());
}

EVMESH_CONTRACT("a second listener of a group on one bus is refused", "[group][G11]") {
  TestType cluster;
  const auto registration = must(cluster.bus().register_listener(recorder(), group_a()));

  const auto second = cluster.bus().register_listener(recorder(), group_a());

  CHECK(code_of(second) == ErrorCode::group_already_registered);
  CHECK(second.error().message.find("org.example.GroupA") != std::string::npos);
}

EVMESH_CONTRACT("a refused second listener leaves the first one in its group", "[group][G11]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto registration = must(cluster.bus().register_listener(first, group_a()));

  {
    const auto refused = cluster.bus().register_listener(second, group_a());
  }
  must(cluster.bus().dispatch(sample()));

  REQUIRE(first->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(second->entered() == 0);
}

EVMESH_CONTRACT("a group is free again when its listener was unregistered", "[group][G12]") {
  TestType cluster;
  const auto second = recorder();
  auto registration = must(cluster.bus().register_listener(recorder(), group_a()));

  CHECK(registration.unregister() == Unregistered::done);
  const auto again = cluster.bus().register_listener(second, group_a());

  REQUIRE(again.has_value());
  must(cluster.bus().dispatch(sample()));
  CHECK(second->wait_completed(1));
}

EVMESH_CONTRACT("unregistering a group again is no error and takes nothing from its successor",
                "[group][G13]") {
  TestType cluster;
  const auto successor = recorder();
  auto registration = must(cluster.bus().register_listener(recorder(), group_a()));

  CHECK(registration.unregister() == Unregistered::done);
  const auto next = must(cluster.bus().register_listener(successor, group_a()));
  CHECK(registration.unregister() == Unregistered::done);

  must(cluster.bus().dispatch(sample()));
  CHECK(successor->wait_completed(1));
}

EVMESH_CONTRACT("a listener that left its group and came back gets an event once", "[group][G14]") {
  TestType cluster;
  const auto listener = recorder();
  auto registration = must(cluster.bus().register_listener(listener, group_a()));

  CHECK(registration.unregister() == Unregistered::done);
  const auto again = must(cluster.bus().register_listener(listener, group_a()));
  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("a synchronous group listener is called soon", "[group][G15]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("a group that fails for good on one event handles the next", "[group][G16]") {
  TestType cluster;
  const auto listener = recorder_that(throw_on("E1"));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(1)));

  must(cluster.bus().dispatch(sample("E1")));
  must(cluster.bus().dispatch(sample("E2")));

  REQUIRE(listener->wait_entered(3));
  must(cluster.bus().drain(patience));
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a group that fails does not keep the event from another", "[group][G17]") {
  TestType cluster;
  const auto failing = recorder_that(always_throw());
  const auto good = recorder();
  const auto first = must(cluster.bus().register_listener(failing, group_a(), quick_retries(0)));
  const auto second = must(cluster.bus().register_listener(good, group_b()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(good->wait_completed(1));
  REQUIRE(failing->wait_entered(1));
  must(cluster.bus().drain(patience));
  CHECK(good->entered() == 1);
}

EVMESH_CONTRACT("groups that differ in their last letter only are two groups", "[group][G18]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration =
      must(cluster.bus().register_listener(first, group("org.apache.james.mailbox.events.GenericGroup-a")));
  const auto second_registration =
      must(cluster.bus().register_listener(second, group("org.apache.james.mailbox.events.GenericGroup-b")));

  must(cluster.bus().dispatch(sample()));

  CHECK(first->wait_completed(1));
  CHECK(second->wait_completed(1));
}

EVMESH_CONTRACT("redelivery runs the event once in the group", "[group][G19]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const Event event = sample();

  must(cluster.bus().redeliver(group_a(), event));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  REQUIRE(listener->entered() == 1);
  CHECK(listener->seen().at(0).event == event);
  CHECK(listener->seen().at(0).group == "org.example.GroupA");
}

EVMESH_CONTRACT("redelivery to a group that throws does not fail", "[group][G20]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(0)));

  const auto redelivered = cluster.bus().redeliver(group_a(), sample());

  CHECK(redelivered.has_value());
  CHECK(listener->wait_entered(1));
}

EVMESH_CONTRACT("redelivery to a group that nobody ever registered is refused", "[group][G21]") {
  TestType cluster;

  const auto redelivered = cluster.bus().redeliver(group_a(), sample());

  CHECK(code_of(redelivered) == ErrorCode::unknown_group);
  CHECK(redelivered.error().message.find("org.example.GroupA") != std::string::npos);
}

EVMESH_CONTRACT("redelivery to an unregistered group is refused", "[group][G22]") {
  TestType cluster;
  auto registration = must(cluster.bus().register_listener(recorder(), group_a()));

  CHECK(registration.forget() == Unregistered::done);

  CHECK(code_of(cluster.bus().redeliver(group_a(), sample())) == ErrorCode::unknown_group);
}

EVMESH_CONTRACT("redelivery reaches its group only", "[group][G23]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus().register_listener(first, group_a()));
  const auto second_registration = must(cluster.bus().register_listener(second, group_b()));

  must(cluster.bus().redeliver(group_a(), sample()));

  REQUIRE(first->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(first->entered() == 1);
  CHECK(second->entered() == 0);
}

EVMESH_CONTRACT("redelivery of an event in which nothing happened runs nothing", "[group][G24]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().redeliver(group_a(), noop_event()));
  must(cluster.bus().redeliver(group_a(), sample("after")));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->payloads() == std::vector<std::string>{"after"});
}

EVMESH_CONTRACT("the groups of a bus are listed sorted", "[group][forgotten]") {
  TestType cluster;
  const auto second = must(cluster.bus().register_listener(recorder(), group_b()));
  const auto first = must(cluster.bus().register_listener(recorder(), group_a()));

  CHECK(cluster.bus().groups() == std::vector<Group>{group_a(), group_b()});
}

}  // namespace evmesh::contract
