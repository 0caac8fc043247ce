// Runs of one node through the public API.
#include "node_runs.hpp"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <evmesh/evmesh.hpp>
#include <fstream>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "flow.hpp"
#include "measure.hpp"

// jemalloc's, where the program is linked with it.
extern "C" int mallctl(const char*, void*, std::size_t*, void*, std::size_t) __attribute__((weak));

namespace bench {
namespace {

using namespace evmesh;

constexpr std::uint32_t worker_threads = 3;
constexpr const char* busy_bus = "busy";
constexpr const char* idle_bus = "idle";  // what nobody works off

template <class T>
T good(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}

void good(const Result<void>& result) {
  if (!result) fail(result.error().message);
}

std::unique_ptr<Node> open_node(const std::string& directory) {
  return good(Node::open({.name = "bench",
                          .delivery = DeliveryModel::asynchronous,
                          .buses = {busy_bus, idle_bus},
                          .data_dir = directory,
                          .level = Level::disk,
                          .pool_threads_max = worker_threads}));
}

Event event_of(std::string payload) { return Event({.type = "bench.event", .payload = std::move(payload)}); }

Registration listen(EventBus& bus, const char* group, std::shared_ptr<Listener> listener) {
  return good(bus.register_listener(std::move(listener), good(Group::parse(group)),
                                    GroupOptions{.concurrency = worker_threads, .backlog_max = 2'000'000}));
}

/// Without what the allocator keeps for later.
std::uint64_t resident_bytes() {
  ::malloc_trim(0);
  constexpr const char* purge_all_arenas = "arena.4096.purge";
  if (mallctl) require(mallctl(purge_all_arenas, nullptr, nullptr, nullptr, 0) == 0, "jemalloc did not purge");
  std::uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

double node_rate(const std::string& directory, double seconds) {
  const auto node = open_node(directory);
  EventBus& bus = *good(node->bus(busy_bus));
  Flow flow;
  auto work = listen(bus, "work", make_listener([&](const Event& event) { flow.handled(event.payload()); }));
  const double rate = rate_of(flow, seconds, [&](std::uint64_t number) {
    good(bus.dispatch_async(event_of(stamped(number)), {}, [&](const Result<Receipt>& receipt) {
      if (!receipt) fail(receipt.error().message);
      flow.confirmed();
    }));
  });
  node->stop();
  return rate;
}

double node_latency_us(const std::string& directory, double seconds) {
  const auto node = open_node(directory);
  EventBus& bus = *good(node->bus(busy_bus));
  std::vector<std::uint64_t> samples;
  std::binary_semaphore handled{0};
  auto work = listen(bus, "work", make_listener([&](const Event& event) {
                       samples.push_back(nanoseconds() - stamp_of(event.payload()).made);
                       handled.release();
                     }));
  paced(seconds, [&](std::uint64_t number) {
    good(bus.dispatch(event_of(stamped(number))));
    handled.acquire();
  });
  node->stop();
  return median_us(std::move(samples));
}

double node_receipt_us(const std::string& directory, double seconds) {
  const auto node = open_node(directory);
  EventBus& bus = *good(node->bus(busy_bus));
  std::vector<std::uint64_t> samples;
  std::counting_semaphore<> handled{0};
  auto work = listen(bus, "work", make_listener([&](const Event&) { handled.release(); }));
  paced(seconds, [&](std::uint64_t number) {
    const Event event = event_of(stamped(number));
    const auto start = nanoseconds();
    good(bus.dispatch(event));
    samples.push_back(nanoseconds() - start);
    handled.acquire();
  });
  node->stop();
  return median_us(std::move(samples));
}

void owe(const std::string& directory, std::uint64_t events) {
  const auto node = open_node(directory);
  EventBus& bus = *good(node->bus(idle_bus));
  // A group whose registration was thrown away is owed all the same.
  static_cast<void>(listen(bus, "later", make_listener([](const Event&) {
                             fail("work of a group that has no listener was run");
                           })));
  std::counting_semaphore<> room{Flow::unconfirmed_max};
  for (std::uint64_t number = 0; number < events; ++number) {
    room.acquire();
    good(bus.dispatch_async(event_of(stamped(number)), {}, [&](const Result<Receipt>& receipt) {
      if (!receipt) fail(receipt.error().message);
      require(receipt->groups == 1, "an event was not owed to the group");
      room.release();
    }));
  }
  for (std::uint64_t left = Flow::unconfirmed_max; left > 0; --left) room.acquire();
  node->stop();
}

Restart restart(const std::string& directory) {
  const auto before = resident_bytes();
  const auto start = nanoseconds();
  const auto node = open_node(directory);
  Restart figures;
  figures.seconds = static_cast<double>(nanoseconds() - start) / 1e9;
  figures.resident_bytes = resident_bytes() - before;
  node->stop();
  return figures;
}

}  // namespace bench
