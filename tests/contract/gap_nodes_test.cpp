// A listener that falls behind another node's events: every number is either delivered or named by a gap.
// Mesh only.
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

EVMESH_CONTRACT("a remote listener whose inbox overflows is told exactly which numbers it misses",
                "[gap][nodes][forgotten][Q11]") {
  Gate gate;
  TestType cluster(nodes(2));
  const auto slow = recorder_that([&](const Delivery& delivery) {
    if (delivery.event.payload() == "first") gate.pass();
    return Outcome::done();
  });
  const auto other = recorder();
  RegisterOptions options;
  options.inbox_bytes_max = 64 * 1024;
  const RegistrationKey key = k1();
  const auto slow_registration = must(cluster.bus(0).register_listener(slow, std::span(&key, 1), options));
  const auto other_registration = must(cluster.bus(0).register_listener(other, k1()));
  const Opener opener(gate);

  const Receipt first = must(cluster.bus(1).dispatch(sample("first"), k1()));
  REQUIRE(gate.wait_arrivals(1));
  Receipt last;
  for (int i = 0; i < 100; ++i) last = must(cluster.bus(1).dispatch(sample(std::string(4096, '.')), k1()));
  REQUIRE(other->wait_completed(101));
  gate.open();

  REQUIRE(slow->wait_gaps(1));
  cluster.settle();
  std::multiset<std::uint64_t> accounted;
  for (const Seen& seen : slow->seen()) accounted.insert(seen.origin.value().seq);
  for (const Gap& gap : slow->gaps()) {
    CHECK(gap.reason == GapReason::listener_overrun);
    CHECK(gap.publisher == cluster.node(1).status().id);
    REQUIRE(gap.to.has_value());
    for (std::uint64_t seq = gap.from; seq <= *gap.to; ++seq) accounted.insert(seq);
  }
  std::multiset<std::uint64_t> all;
  for (std::uint64_t seq = first.seq; seq <= last.seq; ++seq) all.insert(seq);
  CHECK(accounted == all);
  CHECK(slow->gaps().size() == 1);
  CHECK(slow->story().at(1) == "gap");
  CHECK(other->gaps().empty());
}

}  // namespace evmesh::contract
