#include "bus/node_core.hpp"

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

/// Two buses, each with a listener that stands at `gate`, called by a thread of the pool.
struct Stuck {
  Stuck() : core(NodeOptions{}) {
    const auto identity = must(open_identity({}));
    must(core.open_work(*identity, {}, {}));
    for (const char* name : {"one", "two"}) {
      Bus& bus = core.add({.name = name, .delivery = DeliveryModel::asynchronous});
      registrations.push_back(
          must(bus.register_listener(make_listener([this](const Event&) { gate.pass(); }), key("K:1"))));
      must(bus.dispatch(sample(), key("K:1")));
    }
    REQUIRE(gate.wait_arrived(2));
  }
  ~Stuck() { gate.open(); }

  Gate gate;
  NodeCore core;
  std::vector<Registration> registrations;
};

}  // namespace

TEST_CASE("a stop waits for the calls of all buses together no longer than its deadline",
          "[bus][node-core]") {
  Stuck stuck;
  const auto began = std::chrono::steady_clock::now();

  const auto deadline = stuck.core.clock().now() + 2s;
  stuck.core.close(deadline);
  stuck.core.stop(deadline);

  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took >= 2s);
  CHECK(took < 3500ms);
  stuck.gate.open();
  for (Registration& registration : stuck.registrations) registration.unregister();
}
