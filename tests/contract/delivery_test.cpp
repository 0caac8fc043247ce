// Running listeners: execution modes, delivery models, and how one listener's failure stays its own.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
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

EVMESH_CONTRACT("a synchronous listener runs once and the dispatch succeeds", "[delivery][V01][V02]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a synchronous group listener that throws has no success and its failure is kept",
                "[delivery][V03][V04]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw("out of paper"));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(0)));

  must(cluster.bus().dispatch(sample()));

  DeadLetters& store = cluster.bus().dead_letters();
  REQUIRE(eventually(patience, [&] { return !must(store.empty()); }));
  const auto letter = must(store.find(group_a(), must(store.ids(group_a())).at(0)));
  REQUIRE(letter.has_value());
  REQUIRE(letter->attempts.size() == 1);
  CHECK(letter->attempts[0].error.find("out of paper") != std::string::npos);
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("an asynchronous listener runs once and the dispatch succeeds", "[delivery][V05][V06]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("an asynchronous listener that throws does not fail the dispatch", "[delivery][V07][V08]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw(), asynchronous());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  REQUIRE(listener->wait_entered(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("three failures with retries left end in one success", "[delivery][V09]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(3));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(8)));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 4);
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a failure without retries puts the group into the dead letters", "[delivery][V10]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(0)));

  must(cluster.bus().dispatch(sample()));

  DeadLetters& store = cluster.bus().dead_letters();
  CHECK(eventually(patience, [&] { return must(store.groups()) == std::vector<Group>{group_a()}; }));
}

EVMESH_CONTRACT("a success after two failures leaves the dead letters empty", "[delivery][V11]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(2));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(3)));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("synchronous delivery runs every listener in the calling thread, swallowing what they throw",
                "[delivery][M81]") {
  TestType cluster(with_delivery(DeliveryModel::synchronous));
  const auto failing = recorder_that(always_throw());
  const auto plain = recorder();
  const auto declared_async = async_recorder();
  const auto first = must(cluster.bus().register_listener(failing, k1()));
  const auto second = must(cluster.bus().register_listener(plain, k1()));
  const auto third = must(cluster.bus().register_listener(declared_async, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  REQUIRE(failing->entered() == 1);
  REQUIRE(plain->completed() == 1);
  REQUIRE(declared_async->completed() == 1);
  CHECK(failing->seen().at(0).thread == std::this_thread::get_id());
  CHECK(plain->seen().at(0).thread == std::this_thread::get_id());
  CHECK(declared_async->seen().at(0).thread == std::this_thread::get_id());
}

EVMESH_CONTRACT("asynchronous delivery waits for no listener", "[delivery][M82][real]") {
  Gate gate;
  TestType cluster(with_delivery(DeliveryModel::asynchronous));
  const auto listener = recorder_that(wait_at(gate));
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(listener->completed() == 0);
  CHECK(listener->wait_entered(1));
}

EVMESH_CONTRACT("asynchronous delivery loses nothing when its threads are all busy", "[delivery][M82][real]") {
  Gate gate;
  TestType cluster(ClusterSettings{1, [](NodeOptions& options) {
                                     options.delivery = DeliveryModel::asynchronous;
                                     options.pool_threads_max = 2;
                                   }});
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (int i = 0; i < 10; ++i) {
    listeners.push_back(recorder_that([&](const Delivery&) -> Outcome {
      gate.pass();
      throw std::runtime_error("swallowed");
    }));
    registrations.push_back(must(cluster.bus().register_listener(listeners.back(), k1())));
  }
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(2));
  gate.open();

  for (const auto& listener : listeners) CHECK(listener->wait_entered(1));
  must(cluster.bus().drain(patience));
  for (const auto& listener : listeners) CHECK(listener->entered() == 1);
}

EVMESH_CONTRACT("mixed delivery has run the synchronous listener at return", "[delivery][M83]") {
  TestType cluster(with_delivery(DeliveryModel::mixed));
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("mixed delivery runs the asynchronous listener in the end", "[delivery][M84]") {
  TestType cluster(with_delivery(DeliveryModel::mixed));
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("mixed delivery is not held by an asynchronous listener that blocks", "[delivery][M85][real]") {
  Gate gate;
  TestType cluster(with_delivery(DeliveryModel::mixed));
  const auto blocked = recorder_that(wait_at(gate), asynchronous());
  const auto synchronous = recorder();
  const auto first = must(cluster.bus().register_listener(blocked, k1()));
  const auto second = must(cluster.bus().register_listener(synchronous, k1()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(synchronous->completed() == 1);
  CHECK(blocked->completed() == 0);
}

EVMESH_CONTRACT("a failing key listener cancels no group", "[delivery][forgotten][Q5][real]") {
  Gate gate;
  TestType cluster;
  const auto in_group = recorder_that(wait_at(gate), asynchronous());
  const auto on_key = recorder_that(always_throw());
  const auto group_registration = must(cluster.bus().register_listener(in_group, group_a()));
  const auto key_registration = must(cluster.bus().register_listener(on_key, k1()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(1));
  REQUIRE(on_key->entered() == 1);
  gate.open();

  CHECK(in_group->wait_completed(1));
}

EVMESH_CONTRACT("what a key listener throws is swallowed whatever its type", "[delivery][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that([](const Delivery&) -> Outcome { throw 42; });
  const auto other = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_listener(other, k1()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  CHECK(listener->entered() == 1);
  CHECK(other->completed() == 1);
}

EVMESH_CONTRACT("a prefilter that throws fails neither the dispatch nor another listener",
                "[delivery][forgotten]") {
  TestType cluster;
  Recorder::Traits traits;
  traits.handles = [](const Event&) -> bool { throw std::runtime_error("prefilter"); };
  const auto bad = recorder(traits);
  const auto good = recorder();
  const auto good_group = recorder();
  const auto first = must(cluster.bus().register_listener(bad, k1()));
  const auto second = must(cluster.bus().register_listener(good, k1()));
  const auto third = must(cluster.bus().register_listener(good_group, group_a()));

  const auto receipt = cluster.bus().dispatch(sample(), k1());

  CHECK(receipt.has_value());
  CHECK(good->completed() == 1);
  CHECK(good_group->wait_completed(1));
  CHECK(bad->entered() == 0);
}

EVMESH_CONTRACT("an asynchronous listener gets the events of one thread in order, one at a time",
                "[delivery][forgotten]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) expected.push_back(std::to_string(i));

  for (const auto& payload : expected) must(cluster.bus().dispatch(sample(payload), k1()));

  REQUIRE(listener->wait_completed(200));
  CHECK(listener->payloads() == expected);
  CHECK(listener->most_at_once() == 1);
}

EVMESH_CONTRACT("calls of a serial listener never overlap", "[delivery][forgotten][real]") {
  TestType cluster;
  Crowd crowd(1);
  const auto listener = recorder_that([&](const Delivery&) {
    crowd.visit(1ms);
    return Outcome::done();
  });
  RegisterOptions options;
  options.serial = true;
  const RegistrationKey key = k1();
  const auto registration = must(cluster.bus().register_listener(listener, std::span(&key, 1), options));

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) (void)cluster.bus().dispatch(sample(), k1());
    });
  }
  for (auto& thread : threads) thread.join();

  REQUIRE(listener->wait_completed(40));
  CHECK(crowd.most_at_once() == 1);
}

EVMESH_CONTRACT("a dispatch runs its synchronous listeners although every thread of the pool is busy",
                "[delivery][forgotten][real]") {
  Gate gate;
  TestType cluster(with_pool(2));
  std::vector<std::shared_ptr<Recorder>> blocked;
  std::vector<Registration> registrations;
  for (int i = 0; i < 4; ++i) {
    blocked.push_back(recorder_that(wait_at(gate), asynchronous()));
    registrations.push_back(must(cluster.bus().register_listener(blocked.back(), k1())));
  }
  const auto synchronous = recorder();
  const auto registration = must(cluster.bus().register_listener(synchronous, k2()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample(), k1()));
  REQUIRE(gate.wait_arrivals(2));
  must(cluster.bus().dispatch(sample(), k2()));

  CHECK(synchronous->completed() == 1);
  CHECK_FALSE(gate.is_open());
}

EVMESH_CONTRACT("a group that blocks stops no other group", "[delivery][forgotten][real]") {
  Gate gate;
  TestType cluster;
  const auto blocked = recorder_that(wait_at(gate), asynchronous());
  const auto other = async_recorder();
  const auto first = must(cluster.bus().register_listener(blocked, group_a()));
  const auto second = must(cluster.bus().register_listener(other, group_b()));
  const Opener opener(gate);

  for (int i = 0; i < 100; ++i) must(cluster.bus().dispatch(sample()));

  CHECK(other->wait_completed(100));
  CHECK(blocked->completed() == 0);
}

}  // namespace evmesh::contract
