// Many dispatches at once over two nodes: mesh only.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

/// Dispatches three hundred events on ten threads; returns how many were refused.
std::uint32_t dispatch_three_hundred(EventBus& bus, const std::vector<RegistrationKey>& keys) {
  std::atomic<std::uint32_t> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 30; ++j) {
        if (!bus.dispatch(sample(), keys)) refused.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return refused.load();
}

}  // namespace

EVMESH_CONTRACT("groups that two nodes run get three hundred concurrent events once each",
                "[concurrency][nodes][C05]") {
  TestType cluster(nodes(2));
  const std::vector<Group> groups{group_a(), group_b(), group_c()};
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (const Group& group : groups) {
    listeners.push_back(recorder());
    registrations.push_back(must(cluster.bus(0).register_listener(listeners.back(), group)));
    registrations.push_back(must(cluster.bus(1).register_listener(listeners.back(), group)));
  }

  CHECK(dispatch_three_hundred(cluster.bus(0), {}) == 0);

  for (const auto& listener : listeners) REQUIRE(listener->wait_completed(300));
  must(cluster.bus(0).drain(patience));
  must(cluster.bus(1).drain(patience));
  for (const auto& listener : listeners) CHECK(listener->entered() == 300);
}

EVMESH_CONTRACT("listeners of three keys on two nodes get three hundred concurrent events once each",
                "[concurrency][nodes][C06]") {
  TestType cluster(nodes(2));
  const std::vector<RegistrationKey> keys{k1(), k2(), k3()};
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;
  for (std::size_t node = 0; node < 2; ++node) {
    for (const RegistrationKey& key : keys) {
      listeners.push_back(recorder());
      registrations.push_back(must(cluster.bus(node).register_listener(listeners.back(), key)));
    }
  }

  CHECK(dispatch_three_hundred(cluster.bus(0), keys) == 0);

  for (const auto& listener : listeners) REQUIRE(listener->wait_completed(300));
  cluster.settle();
  for (const auto& listener : listeners) CHECK(listener->entered() == 300);
}

EVMESH_CONTRACT(
    "registrations that come and go while another node publishes see no event twice and none late",
    "[concurrency][nodes][forgotten]") {
  TestType cluster(nodes(2));
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> late{0};
  std::thread publisher([&] {
    while (!stop.load()) (void)cluster.bus(1).dispatch(sample(), k1());
  });

  std::vector<std::shared_ptr<Recorder>> listeners;
  for (int i = 0; i < 20; ++i) {
    listeners.push_back(recorder());
    auto registration = must(cluster.bus(0).register_listener(listeners.back(), k1()));
    CHECK(listeners.back()->wait_entered(1));
    registration.unregister();
    if (listeners.back()->running() != 0) late.fetch_add(1);
  }
  stop.store(true);
  publisher.join();

  cluster.settle();
  CHECK(late.load() == 0);
  for (const auto& listener : listeners) {
    std::uint64_t last = 0;
    for (const Seen& seen : listener->seen()) {
      REQUIRE(seen.origin.has_value());
      REQUIRE(seen.origin->seq > last);
      last = seen.origin->seq;
    }
    CHECK(listener->gaps().empty());
  }
}

}  // namespace evmesh::contract
