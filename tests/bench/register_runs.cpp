// Registrations among many keys, and what a node costs that has nothing to do; through the public API.
#include "register_runs.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <evmesh/evmesh.hpp>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "shared_flow.hpp"

namespace bench {
namespace {

using namespace evmesh;

constexpr unsigned peers = 7;
constexpr std::uint64_t keys_per_node = 100'000;
constexpr double registrations_per_second = 200;
constexpr std::chrono::seconds patience{30};

/// What the node that is measured and its peers tell each other, in memory they share.
struct Stage {
  std::atomic<bool> has_endpoint{false};
  std::atomic<bool> registering{false};
  std::atomic<bool> ending{false};
  std::atomic<unsigned> registered{0};
  std::array<char, 256> endpoint{};
};

Stage& shared_stage() {
  void* const memory = ::mmap(nullptr, sizeof(Stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "no shared memory");
  return *new (memory) Stage;
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}

template <class Condition>
void wait_for(Condition holds, const char* what) {
  const auto end = nanoseconds() + 60'000'000'000;
  while (!holds()) {
    require(nanoseconds() < end, what);
    Shared::rest();
  }
}

std::unique_ptr<Node> open_node(const std::string& name, std::vector<std::string> seeds) {
  return must(Node::open({.name = name,
                          .mode = Mode::scale_efficient,
                          .level = Level::memory,
                          .listen = "tcp://127.0.0.1:0",
                          .seeds = std::move(seeds)}));
}

/// Every node sees all others both ways.
bool joined(const Node& node) {
  const auto members = node.status().members;
  return std::ranges::count_if(members, [](const Member& member) {
           return !member.self && member.state == MemberState::alive && member.hears_us && member.we_hear;
         }) == peers;
}

RegistrationKey key_of_node(const std::string& node, std::uint64_t number) {
  return must(RegistrationKey::parse("Bench:" + node + '-' + std::to_string(number)));
}

/// All of a node's keys at once; every peer knows them when it returns.
Registration register_all(Node& node, const std::string& name) {
  std::vector<RegistrationKey> keys;
  keys.reserve(keys_per_node);
  for (std::uint64_t number = 0; number < keys_per_node; ++number) keys.push_back(key_of_node(name, number));
  auto registration = must(node.bus().register_listener(make_listener([](const Event&) {}), keys, {.receipt_timeout = patience}));
  require(registration.receipt(patience).complete(), "a peer did not acknowledge all keys");
  return registration;
}

void be_peer(Stage& stage, unsigned number, bool with_keys) {
  const std::string name = "peer-" + std::to_string(number);
  while (!stage.has_endpoint) Shared::rest();
  const auto node = open_node(name, {stage.endpoint.data()});
  wait_for([&] { return joined(*node); }, "a peer never saw all others");
  Registration registration;
  if (with_keys) {
    while (!stage.registering) Shared::rest();
    registration = register_all(*node, name);
  }
  ++stage.registered;
  while (!stage.ending) Shared::rest();
  node->stop();
}

/// Opens the node that is measured and waits for its peers.
std::unique_ptr<Node> open_measured(Stage& stage) {
  auto node = open_node("measured", {});
  const std::string endpoint = node->status().listen;
  require(endpoint.size() < stage.endpoint.size(), "the endpoint is too long");
  std::ranges::copy(endpoint, stage.endpoint.begin());
  stage.has_endpoint = true;
  wait_for([&] { return joined(*node); }, "a peer never joined");
  return node;
}

double resident_bytes() {
  ::malloc_trim(0);
  std::uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double p99_us(std::vector<std::uint64_t> samples) {
  require(samples.size() >= 100, "too few registrations for a figure; --seconds 1 or more");
  std::ranges::sort(samples);
  return static_cast<double>(samples[samples.size() * 99 / 100]) / 1'000;
}

/// One registration after the other, at moments that do not depend on how long they take.
void measure(EventBus& bus, double seconds, RegisterFigures& figures) {
  std::vector<std::uint64_t> local, receipt;
  std::vector<Registration> registrations;
  const auto listener = make_listener([](const Event&) {});
  const auto count = static_cast<std::uint64_t>(seconds * registrations_per_second);
  const auto step = static_cast<std::uint64_t>(1e9 / registrations_per_second);
  const auto start = nanoseconds();
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto key = key_of_node("new", number);
    sleep_until(start + number * step);
    const auto begun = nanoseconds();
    auto registration = must(bus.register_listener(listener, key, {.receipt_timeout = std::chrono::milliseconds{0}}));
    local.push_back(nanoseconds() - begun);
    const auto answer = registration.receipt(patience);
    receipt.push_back(nanoseconds() - begun);
    require(answer.complete() && answer.acknowledged.size() == peers, "a receipt is not complete");
    registrations.push_back(std::move(registration));
  }
  figures.local_p99_us = p99_us(std::move(local));
  figures.receipt_p99_us = p99_us(std::move(receipt));
}

}  // namespace

RegisterFigures register_figures(double seconds) {
  Stage& stage = shared_stage();
  Workers workers(peers, [&](unsigned number) { be_peer(stage, number, true); });
  const auto node = open_measured(stage);
  const double before = resident_bytes();
  stage.registering = true;
  wait_for([&] { return stage.registered == peers; }, "the peers did not register their keys");
  RegisterFigures figures;
  figures.bytes_per_key = (resident_bytes() - before) / (peers * keys_per_node);
  const Registration own = register_all(*node, "measured");
  measure(node->bus(), seconds, figures);
  stage.ending = true;
  workers.join();
  node->stop();
  return figures;
}

double idle_percent(double seconds) {
  Stage& stage = shared_stage();
  Workers workers(peers, [&](unsigned number) { be_peer(stage, number, false); });
  const auto node = open_measured(stage);
  wait_for([&] { return stage.registered == peers; }, "a peer never joined");
  sleep_until(nanoseconds() + 1'000'000'000);  // what joining costs is over
  const double used = own_cpu_seconds();
  const auto begun = nanoseconds();
  sleep_until(begun + static_cast<std::uint64_t>(seconds * 1e9));
  const double percent = 100 * (own_cpu_seconds() - used) * 1e9 / static_cast<double>(nanoseconds() - begun);
  require(joined(*node), "a peer was lost");
  stage.ending = true;
  workers.join();
  node->stop();
  return percent;
}

}  // namespace bench
