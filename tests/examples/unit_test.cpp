// A unit test of an application's listener: five nodes, one of them killed, hours of retries; no socket, no
// thread, no sleep, and the same story whenever the seed is the same.
#include <evmesh/evmesh.hpp>
#include <evmesh/testing.hpp>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

using namespace evmesh;
using namespace std::chrono_literals;

namespace {

/// What is tested: it indexes letters while its index can be reached.
class Indexer final : public Listener {
 public:
  Indexer(std::map<std::string, int>& index, const bool& reachable) : index_(index), reachable_(reachable) {}

  Outcome handle(const Delivery& delivery) override {
    if (delivery.event.payload().empty()) return Outcome::refuse("an empty letter");
    if (!reachable_) throw std::runtime_error("the index cannot be reached");
    ++index_[delivery.event.payload()];
    return Outcome::done();
  }

 private:
  std::map<std::string, int>& index_;
  const bool& reachable_;
};

bool holds(bool it, const char* what) {
  std::cout << (it ? "holds: " : "DOES NOT HOLD: ") << what << '\n';
  return it;
}

bool killed_node_loses_nothing() {
  testing::Cluster cluster({.nodes = 5, .seed = 7});
  std::map<std::string, int> index;
  bool reachable = false;
  cluster.at_start([&](testing::ClusterNode& node) {
    node.keep(node.bus().register_listener(std::make_shared<Indexer>(index, reachable),
                                           Group::parse("search-index").value(),
                                           {.retry = {.first = 1min, .cap = 30min}}));
  });
  for (const char* letter : {"one", "two", "three", ""})
    if (!cluster[2].bus().dispatch({.type = "letter", .payload = letter})) return false;
  cluster.kill(2);
  cluster.run_for(1h);
  reachable = true;
  cluster.restart(2);
  const bool quiet = cluster.run_until_quiet();
  const auto dead = cluster.dead_letters();
  return quiet && index == std::map<std::string, int>{{"one", 1}, {"two", 1}, {"three", 1}} &&
         dead.size() == 1 && dead[0].attempts.back().error == "an empty letter";
}

bool local_bus_has_a_clock_of_its_own() {
  testing::LocalBus local;
  std::map<std::string, int> index;
  bool reachable = false;
  const auto indexing = local.bus().register_listener(std::make_shared<Indexer>(index, reachable),
                                                      Group::parse("search-index").value(),
                                                      {.retry = {.first = 1h, .cap = 1h, .jitter = 0}});
  if (!local.bus().dispatch({.type = "letter", .payload = "one"})) return false;
  reachable = true;
  local.advance(59min);
  const bool waits = index.empty();
  local.advance(1min);
  return waits && index["one"] == 1;
}

}  // namespace

int main() {
  const bool node = holds(killed_node_loses_nothing(), "what a killed node owed is indexed once by others");
  const bool clock = holds(local_bus_has_a_clock_of_its_own(), "a retry waits until the test advances the clock");
  return node && clock ? 0 : 1;
}
// prints: holds: what a killed node owed is indexed once by others
// prints: holds: a retry waits until the test advances the clock
