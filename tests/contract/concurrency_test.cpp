// Many dispatches at once: nothing lost, nothing doubled, nothing stuck.
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

// Sanitizers make every step ten times as slow; what they look for is there in a tenth of the steps.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVMESH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EVMESH_SANITIZED 1
#endif
#endif

namespace evmesh::contract {

using namespace std::chrono_literals;

namespace {

#ifdef EVMESH_SANITIZED
constexpr std::uint32_t dispatches_per_thread = 500;
#else
constexpr std::uint32_t dispatches_per_thread = 10'000;
#endif

/// Dispatches on ten threads, `count` events each, all to `keys`; returns how many were refused.
std::uint32_t dispatch_on_ten_threads(EventBus& bus, std::uint32_t count,
                                      const std::vector<RegistrationKey>& keys) {
  std::atomic<std::uint32_t> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      for (std::uint32_t j = 0; j < count; ++j) {
        if (!bus.dispatch(sample(), keys)) refused.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return refused.load();
}

/// One recorder per key or group, with their registrations.
struct Audience {
  std::vector<std::shared_ptr<Recorder>> listeners;
  std::vector<Registration> registrations;

  template <class Place>
  void join(EventBus& bus, const Place& place, const std::shared_ptr<Recorder>& listener) {
    listeners.push_back(listener);
    registrations.push_back(must(bus.register_listener(listener, place)));
  }
  [[nodiscard]] bool all_completed(std::uint32_t each) const {
    for (const auto& listener : listeners) {
      if (!listener->wait_completed(each)) return false;
    }
    return true;
  }
  [[nodiscard]] std::vector<std::uint32_t> entered() const {
    std::vector<std::uint32_t> counts;
    for (const auto& listener : listeners) counts.push_back(listener->entered());
    return counts;
  }
};

const std::vector<RegistrationKey>& all_keys() {
  static const std::vector<RegistrationKey> keys{k1(), k2(), k3()};
  return keys;
}

}  // namespace

EVMESH_CONTRACT("three groups run three hundred concurrent events once each", "[concurrency][C01]") {
  TestType cluster;
  Audience groups;
  for (const Group& group : {group_a(), group_b(), group_c()}) groups.join(cluster.bus(), group, recorder());

  const auto began = std::chrono::steady_clock::now();
  CHECK(dispatch_on_ten_threads(cluster.bus(), 30, {}) == 0);
  CHECK(std::chrono::steady_clock::now() - began < 5s);

  REQUIRE(groups.all_completed(300));
  must(cluster.bus().drain(patience));
  CHECK(groups.entered() == std::vector<std::uint32_t>{300, 300, 300});
}

EVMESH_CONTRACT("listeners of three keys get three hundred concurrent events once each",
                "[concurrency][C02]") {
  TestType cluster;
  Audience keys;
  for (const RegistrationKey& key : all_keys()) keys.join(cluster.bus(), key, recorder());

  CHECK(dispatch_on_ten_threads(cluster.bus(), 30, all_keys()) == 0);

  REQUIRE(keys.all_completed(300));
  must(cluster.bus().drain(patience));
  CHECK(keys.entered() == std::vector<std::uint32_t>{300, 300, 300});
}

EVMESH_CONTRACT("listeners in a group and on a key get three hundred concurrent events once for each of both",
                "[concurrency][C03]") {
  TestType cluster;
  const std::vector<Group> groups{group_a(), group_b(), group_c()};
  Audience audience;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto listener = recorder();
    audience.join(cluster.bus(), groups[i], listener);
    audience.registrations.push_back(must(cluster.bus().register_listener(listener, all_keys()[i])));
  }

  CHECK(dispatch_on_ten_threads(cluster.bus(), 30, all_keys()) == 0);

  REQUIRE(audience.all_completed(600));
  must(cluster.bus().drain(patience));
  CHECK(audience.entered() == std::vector<std::uint32_t>{600, 600, 600});
}

EVMESH_CONTRACT("a group under heavy load runs everything that was accepted", "[concurrency][C08]") {
  TestType cluster;
  std::atomic<std::uint32_t> runs{0};
  const auto listener = make_listener([&](const Delivery&) { runs.fetch_add(1); });
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  const auto began = std::chrono::steady_clock::now();
  const std::uint32_t refused = dispatch_on_ten_threads(cluster.bus(), dispatches_per_thread, {});
  CHECK(std::chrono::steady_clock::now() - began < 3min);

  CHECK(refused == 0);
  must(cluster.bus().drain(10min));
  CHECK(runs.load() == 10 * dispatches_per_thread);
}

EVMESH_CONTRACT("listeners that come and go under load get nothing twice and nothing after they went",
                "[concurrency][forgotten]") {
  TestType cluster;
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> late{0};
  std::vector<std::thread> publishers;
  for (int i = 0; i < 2; ++i) {
    publishers.emplace_back([&] {
      while (!stop.load()) (void)cluster.bus().dispatch(sample(), k1());
    });
  }

  for (int i = 0; i < 200; ++i) {
    auto gone = std::make_shared<std::atomic<bool>>(false);
    Recorder::Traits traits;
    traits.mode = i % 2 == 0 ? ExecutionMode::synchronous : ExecutionMode::asynchronous;
    const auto listener = recorder_that(
        [gone, &late](const Delivery&) {
          if (gone->load()) late.fetch_add(1);
          return Outcome::done();
        },
        traits);
    auto registration = must(cluster.bus().register_listener(listener, k1()));
    if (i % 10 == 0) REQUIRE(listener->wait_entered(1));
    registration.unregister();
    if (listener->running() != 0) late.fetch_add(1);
    gone->store(true);
  }
  stop.store(true);
  for (auto& publisher : publishers) publisher.join();

  must(cluster.bus().drain(patience));
  CHECK(late.load() == 0);
}

}  // namespace evmesh::contract
