// Who is registered on a key, as dispatch and the node's own account of its keys show it.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

std::uint32_t listeners_of(EventBus& bus, const RegistrationKey& key) {
  return must(bus.dispatch(sample(), key)).listeners;
}

/// Listeners per key of this node, keys without any left out.
std::vector<std::pair<std::string, std::uint32_t>> rows(Cluster& cluster) {
  std::vector<std::pair<std::string, std::uint32_t>> rows;
  for (const KeyStatus& status : cluster.node().keys()) {
    if (status.listeners > 0) rows.emplace_back(status.key, status.listeners);
  }
  return rows;
}

using Rows = std::vector<std::pair<std::string, std::uint32_t>>;

/// Runs `work(thread)` on ten threads that begin together.
template <class Work>
void on_ten_threads(Work work) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      ready.fetch_add(1);
      while (ready.load() < 10) std::this_thread::yield();
      work(i);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace

EVMESH_CONTRACT("a key without listeners has none", "[registry][L01][M15]") {
  TestType cluster;

  CHECK(listeners_of(cluster.bus(), k1()) == 0);
  CHECK(rows(cluster).empty());
}

EVMESH_CONTRACT("a registered listener is found by its key", "[registry][L02][M16]") {
  TestType cluster;
  const auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(listeners_of(cluster.bus(), k1()) == 1);
}

EVMESH_CONTRACT("two registered listeners are found by their key", "[registry][L03]") {
  TestType cluster;
  const auto first = must(cluster.bus().register_listener(recorder(), k1()));
  const auto second = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(listeners_of(cluster.bus(), k1()) == 2);
}

EVMESH_CONTRACT("a removed listener is not found any more", "[registry][L04][M19]") {
  TestType cluster;
  auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(registration.unregister() == Unregistered::done);

  CHECK(listeners_of(cluster.bus(), k1()) == 0);
}

EVMESH_CONTRACT("the first listener of a key makes the node interested in it", "[registry][L05]") {
  TestType cluster;

  const auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(rows(cluster) == Rows{{"MailboxId:1", 1}});
}

EVMESH_CONTRACT("the second listener of a key changes a number and nothing else", "[registry][L06]") {
  TestType cluster;
  const auto first = must(cluster.bus().register_listener(recorder(), k1()));

  const auto second = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(rows(cluster) == Rows{{"MailboxId:1", 2}});
}

EVMESH_CONTRACT("removing one of two listeners leaves the node interested", "[registry][L07][M20]") {
  TestType cluster;
  auto first = must(cluster.bus().register_listener(recorder(), k1()));
  const auto second = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(first.unregister() == Unregistered::done);

  CHECK(rows(cluster) == Rows{{"MailboxId:1", 1}});
  CHECK(listeners_of(cluster.bus(), k1()) == 1);
}

EVMESH_CONTRACT("removing the only listener of a key ends the node's interest in it",
                "[registry][L08][M21]") {
  TestType cluster;
  auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(registration.unregister() == Unregistered::done);

  CHECK(rows(cluster).empty());
}

EVMESH_CONTRACT("a listener added twice is one", "[registry][M17]") {
  TestType cluster;
  const auto listener = recorder();
  const auto first = must(cluster.bus().register_listener(listener, k1()));
  const auto second = must(cluster.bus().register_listener(listener, k1()));

  CHECK(listeners_of(cluster.bus(), k1()) == 1);
  CHECK(rows(cluster) == Rows{{"MailboxId:1", 1}});
}

EVMESH_CONTRACT("listeners are found by exactly their own key", "[registry][M18]") {
  TestType cluster;
  const auto first = must(cluster.bus().register_listener(recorder(), k1()));
  const auto second = must(cluster.bus().register_listener(recorder(), k2()));
  const auto third = must(cluster.bus().register_listener(recorder(), k2()));

  CHECK(listeners_of(cluster.bus(), k1()) == 1);
  CHECK(listeners_of(cluster.bus(), k2()) == 2);
  CHECK(listeners_of(cluster.bus(), k3()) == 0);
  CHECK(rows(cluster) == Rows{{"MailboxId:1", 1}, {"MailboxId:2", 2}});
}

EVMESH_CONTRACT("removing what is not there any more is silent", "[registry][M25]") {
  TestType cluster;
  auto gone = must(cluster.bus().register_listener(recorder(), k1()));
  const auto kept = must(cluster.bus().register_listener(recorder(), k1()));

  CHECK(gone.unregister() == Unregistered::done);
  CHECK(gone.unregister() == Unregistered::done);

  CHECK(listeners_of(cluster.bus(), k1()) == 1);
}

EVMESH_CONTRACT("a hundred concurrent registrations of one listener are one entry",
                "[registry][L09][L12][M56]") {
  TestType cluster;
  const auto listener = recorder();
  std::vector<Registration> registrations(100);

  on_ten_threads([&](int thread) {
    for (int i = 0; i < 10; ++i) {
      auto made = cluster.bus().register_listener(listener, k1());
      if (made) registrations[static_cast<std::size_t>(thread * 10 + i)] = std::move(*made);
    }
  });

  for (const auto& registration : registrations) REQUIRE(registration.active());
  CHECK(listeners_of(cluster.bus(), k1()) == 1);
  CHECK(listener->entered() == 1);
  CHECK(rows(cluster) == Rows{{"MailboxId:1", 1}});
}

EVMESH_CONTRACT("concurrent registrations of three listeners are three entries", "[registry][L10]") {
  TestType cluster;
  const std::vector<std::shared_ptr<Recorder>> listeners{recorder(), recorder(), recorder()};
  std::vector<Registration> registrations(90);

  on_ten_threads([&](int thread) {
    for (int i = 0; i < 9; ++i) {
      const auto slot = static_cast<std::size_t>(thread * 9 + i);
      auto made = cluster.bus().register_listener(listeners[slot % 3], k1());
      if (made) registrations[slot] = std::move(*made);
    }
  });

  CHECK(listeners_of(cluster.bus(), k1()) == 3);
  CHECK(rows(cluster) == Rows{{"MailboxId:1", 3}});
}

EVMESH_CONTRACT("concurrent removals leave nothing behind", "[registry][L11][L13][M57]") {
  TestType cluster;
  const std::vector<std::shared_ptr<Recorder>> listeners{recorder(), recorder(), recorder()};
  std::vector<Registration> registrations;
  for (std::size_t i = 0; i < 100; ++i) {
    registrations.push_back(must(cluster.bus().register_listener(listeners[i % 3], k1())));
  }

  on_ten_threads([&](int thread) {
    for (int i = 0; i < 10; ++i) registrations[static_cast<std::size_t>(thread * 10 + i)].unregister();
  });

  CHECK(listeners_of(cluster.bus(), k1()) == 0);
  CHECK(rows(cluster).empty());
}

EVMESH_CONTRACT("registrations and removals side by side come to exact numbers", "[registry][M58]") {
  TestType cluster;
  std::vector<std::vector<Registration>> kept(10);

  on_ten_threads([&](int thread) {
    for (int i = 0; i < 20; ++i) {
      auto made = cluster.bus().register_listener(recorder(), k1());
      if (made && i % 2 == 0) kept[static_cast<std::size_t>(thread)].push_back(std::move(*made));
    }
  });

  CHECK(listeners_of(cluster.bus(), k1()) == 100);
  CHECK(rows(cluster) == Rows{{"MailboxId:1", 100}});
  kept.clear();
  CHECK(listeners_of(cluster.bus(), k1()) == 0);
  CHECK(rows(cluster).empty());
}

EVMESH_CONTRACT("the account of a key names its listeners", "[registry][forgotten]") {
  TestType cluster;
  Recorder::Traits traits;
  traits.name = "imap-idle";
  const auto registration = must(cluster.bus().register_listener(recorder(traits), k1()));

  const KeyStatus status = must(cluster.node().explain("events", k1()));

  CHECK(status.bus == "events");
  CHECK(status.key == "MailboxId:1");
  CHECK(status.listeners == 1);
  CHECK(status.listener_names == std::vector<std::string>{"imap-idle"});
  CHECK(status.peers.empty());
}

}  // namespace evmesh::contract
