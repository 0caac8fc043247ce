// One run of one figure of group work that other nodes run, or of what it is compared with; scripts/bench
// starts each several times in turn and prints the medians. Figures, not a test.
//
// usage: work_mesh RUN DIRECTORY SECONDS
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <evmesh/evmesh.hpp>

#include "progress.hpp"
#include "raw_queue.hpp"

namespace {

using namespace bench;
using namespace evmesh;

constexpr unsigned workers_count = 3;

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) bench::fail(std::string(what) + ": " + result.error().message);
  return std::move(*result);
}

NodeOptions options_of(const std::string& directory, const std::string& name, Level level, bool keeps) {
  NodeOptions options;
  options.name = name;
  options.mode = Mode::scale_efficient;
  options.listen = "tcp://127.0.0.1:0";
  options.delivery = DeliveryModel::asynchronous;
  options.level = keeps ? level : Level::memory;
  if (keeps && level != Level::memory) options.data_dir = directory + '/' + name;
  return options;
}

/// `runs`: it has the group; otherwise it is a member that has nothing to do.
void work(Shared& shared, const std::string& directory, Level level, unsigned number, bool runs) {
  while (!shared.has_endpoint) Shared::nap();
  NodeOptions options =
      options_of(directory, "worker-" + std::to_string(number), level, level == Level::replicated);
  options.seeds = {shared.endpoint.data()};
  const auto node = must(Node::open(std::move(options)), "a worker's node");
  Registration registration;
  if (runs) {
    registration =
        must(node->bus().register_listener(
                 make_listener([&](const Delivery& delivery) { shared.note(delivery.event.payload()); }),
                 Group::parse("work").value()),
             "a worker's group");
  }
  ++shared.ready;
  while (!shared.ending) Shared::rest();
  node->stop();
}

/// A node that runs nothing itself, some that do, and others.
class Mesh {
 public:
  Mesh(const std::string& directory, Level level, unsigned runners = workers_count, unsigned others = 0)
      : workers_(runners + others,
                 [&, level](unsigned number) { work(shared_, directory, level, number, number < runners); }) {
    NodeOptions options = options_of(directory, "source", level, true);
    options.execute_group_listeners = false;
    node_ = must(Node::open(std::move(options)), "the source's node");
    registration_ = must(node_->bus().register_listener(make_listener([](const Delivery&) {}),
                                                        Group::parse("work").value()),
                         "the source's group");
    const std::string endpoint = node_->status().listen;
    std::strncpy(shared_.endpoint.data(), endpoint.c_str(), shared_.endpoint.size() - 1);
    shared_.has_endpoint = true;
    while (shared_.ready < runners + others) Shared::nap();
  }

  [[nodiscard]] Shared& shared() { return shared_; }
  [[nodiscard]] EventBus& bus() { return node_->bus(); }

  static Event event(std::uint64_t number) { return Event({.type = "numbered", .payload = stamped(number)}); }

  void end() {
    shared_.ending = true;
    workers_.join();
    node_->stop();
  }

 private:
  Shared& shared_ = shared_memory();
  Workers workers_;
  std::unique_ptr<Node> node_;
  Registration registration_;
};

/// Dispatches as fast as it may, until the last was handled; how many.
std::uint64_t produce(Mesh& mesh, double seconds) {
  Progress confirmed;
  std::uint64_t submitted = 0;
  const auto end = nanoseconds() + static_cast<std::uint64_t>(seconds * 1e9);
  while (nanoseconds() < end) {
    confirmed.hold(submitted, in_flight);
    mesh.shared().hold(submitted);
    const auto begun = mesh.bus().dispatch_async(Mesh::event(submitted), {}, [&](const Result<Receipt>& receipt) {
      if (!receipt) bench::fail("a dispatch failed: " + receipt.error().message);
      confirmed.count();
    });
    if (begun) {
      ++submitted;
    } else {
      require(begun.error().code == ErrorCode::busy, begun.error().message);
      Shared::nap();
    }
  }
  mesh.shared().finish(submitted);
  return submitted;
}

void rate(const std::string& directory, double seconds, Level level) {
  Mesh mesh(directory, level);
  const auto start = nanoseconds();
  const std::uint64_t submitted = produce(mesh, seconds);
  const auto took = nanoseconds() - start;
  mesh.end();
  const Spread spread = spread_of(submitted, took);
  std::printf("value=%.3f\ncpu_us=%.3f\n", spread.rate, spread.cpu_us);
}

/// What an event costs the node that dispatches it, in a mesh of so many nodes.
void cost(const std::string& directory, double seconds, unsigned nodes) {
  constexpr unsigned runners = 2;
  Mesh mesh(directory, Level::memory, runners, nodes - 1 - runners);
  const double before = own_cpu_seconds();
  const std::uint64_t submitted = produce(mesh, seconds);
  const double used = own_cpu_seconds() - before;
  mesh.end();
  std::printf("value=%.3f\n", used * 1e6 / static_cast<double>(submitted));
}

void latency(const std::string& directory, double seconds) {
  Mesh mesh(directory, Level::disk);
  mesh.shared().sampling = true;
  std::uint64_t submitted = 0;
  paced(seconds, [&](std::uint64_t number) {
    static_cast<void>(must(mesh.bus().dispatch(Mesh::event(number)), "a dispatch"));
    submitted = number + 1;
  });
  mesh.shared().finish(submitted);
  mesh.end();
  std::printf("value=%.3f\n", latency_of(mesh.shared()));
}

void receipt(const std::string& directory, double seconds) {
  Mesh mesh(directory, Level::replicated);
  std::vector<std::uint64_t> samples;
  paced(seconds, [&](std::uint64_t number) {
    const Event event = Mesh::event(number);
    const auto began = nanoseconds();
    const Receipt receipt = must(mesh.bus().dispatch(event), "a dispatch");
    samples.push_back(nanoseconds() - began);
    require(receipt.copies >= 1 && !receipt.degraded, "a receipt without a copy");
  });
  mesh.shared().finish(samples.size());
  mesh.end();
  std::printf("value=%.3f\n", median_us(std::move(samples)));
}

void print(const Spread& spread) { std::printf("value=%.3f\ncpu_us=%.3f\n", spread.rate, spread.cpu_us); }

}  // namespace

int main(int argc, char** argv) {
  using Run = void (*)(const std::string&, double);
  static const std::map<std::string, Run> runs{
      {"memory", [](const std::string& d, double s) { rate(d, s, Level::memory); }},
      {"disk", [](const std::string& d, double s) { rate(d, s, Level::disk); }},
      {"replicated", [](const std::string& d, double s) { rate(d, s, Level::replicated); }},
      {"cost-3", [](const std::string& d, double s) { cost(d, s, 3); }},
      {"cost-10", [](const std::string& d, double s) { cost(d, s, 10); }},
      {"cost-30", [](const std::string& d, double s) { cost(d, s, 30); }},
      {"latency", latency},
      {"receipt", receipt},
      {"raw", [](const std::string&, double s) { print(raw_rate(s)); }},
      {"logged", [](const std::string& d, double s) { print(logged_rate(d, s)); }},
      {"raw-latency", [](const std::string&, double s) { std::printf("value=%.3f\n", raw_latency_us(s)); }},
  };
  const auto run = argc == 4 ? runs.find(argv[1]) : runs.end();
  if (run == runs.end()) {
    std::fprintf(stderr, "usage: work_mesh RUN DIRECTORY SECONDS; a RUN is one of");
    for (const auto& [name, ignored] : runs) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 64;
  }
  run->second(argv[2], std::strtod(argv[3], nullptr));
  return 0;
}
