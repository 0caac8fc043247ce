#include "bus/group_runner.hpp"

#include "bus/local_node.hpp"
#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

TEST_CASE("executions that hang hold up no others of their group", "[bus][group-runner]") {
  NodeOptions options;
  options.delivery = DeliveryModel::asynchronous;
  const auto node = must(open_mono(options));
  Gate gate;
  std::atomic<int> second_attempts{0};
  std::atomic<int> done{0};
  // All of them become due together, and short as they were, many are pulled at once.
  const auto listener = make_listener([&](const Delivery& delivery) {
    if (delivery.attempt == 1) return Outcome::retry_after(50ms);
    const int number = ++second_attempts;
    if (number == 3 || number == 10 || number == 20) gate.pass();
    ++done;
    return Outcome::done();
  });
  const auto registration = must(node->bus().register_listener(listener, group("g")));

  for (int event = 0; event < 40; ++event) must(node->bus().dispatch(sample()));

  CHECK(support::eventually(patience, [&] { return done == 37; }));
  gate.open();
  CHECK(support::eventually(patience, [&] { return done == 40; }));
}
