// A listener that falls behind on the dispatching node learns of what it missed.
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

/// Registers with an inbox that holds about sixteen of the events below.
Registration register_with_small_inbox(EventBus& bus, const std::shared_ptr<Recorder>& listener) {
  RegisterOptions options;
  options.inbox_bytes_max = 64 * 1024;
  const RegistrationKey key = k1();
  return must(bus.register_listener(listener, std::span(&key, 1), options));
}

/// "000" to "099", each filled up to 4 KiB.
std::vector<std::string> hundred_payloads() {
  std::vector<std::string> payloads;
  for (int i = 0; i < 100; ++i) {
    std::string payload = std::to_string(1000 + i).substr(1);
    payload.resize(4096, '.');
    payloads.push_back(payload);
  }
  return payloads;
}

/// A listener that blocks in its first call.
std::shared_ptr<Recorder> stuck_at_first(Gate& gate, std::function<void(const Gap&)> on_gap = {}) {
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  traits.gap = std::move(on_gap);
  return recorder_that(
      [&gate](const Delivery& delivery) {
        if (delivery.event.payload() == "first") gate.pass();
        return Outcome::done();
      },
      traits);
}

}  // namespace

EVMESH_CONTRACT("a listener whose inbox overflows loses the oldest and gets one gap in their place",
                "[gap][forgotten][Q11]") {
  Gate gate;
  TestType cluster;
  const auto slow = stuck_at_first(gate);
  const auto registration = register_with_small_inbox(cluster.bus(), slow);
  const Opener opener(gate);
  const auto payloads = hundred_payloads();

  must(cluster.bus().dispatch(sample("first"), k1()));
  REQUIRE(gate.wait_arrivals(1));
  for (const auto& payload : payloads) must(cluster.bus().dispatch(sample(payload), k1()));
  gate.open();

  REQUIRE(slow->wait_gaps(1));
  must(cluster.bus().drain(patience));
  const auto story = slow->story();
  REQUIRE(story.size() > 3);
  CHECK(story.size() < 50);
  CHECK(story[0] == "first");
  CHECK(story[1] == "gap");
  const std::vector<std::string> rest(story.begin() + 2, story.end());
  CHECK(rest ==
        std::vector<std::string>(payloads.end() - static_cast<std::ptrdiff_t>(rest.size()), payloads.end()));
  REQUIRE(slow->gaps().size() == 1);
  CHECK(slow->gaps()[0].reason == GapReason::listener_overrun);
}

EVMESH_CONTRACT("a listener whose inbox overflows concerns no other listener", "[gap][forgotten][Q11]") {
  Gate gate;
  TestType cluster;
  const auto slow = stuck_at_first(gate);
  const auto other = async_recorder();
  const auto synchronous = recorder();
  const auto slow_registration = register_with_small_inbox(cluster.bus(), slow);
  const auto other_registration = must(cluster.bus().register_listener(other, k1()));
  const auto synchronous_registration = must(cluster.bus().register_listener(synchronous, k1()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample("first"), k1()));
  REQUIRE(gate.wait_arrivals(1));
  for (const auto& payload : hundred_payloads()) must(cluster.bus().dispatch(sample(payload), k1()));

  CHECK(other->wait_completed(101));
  CHECK(synchronous->completed() == 101);
  CHECK(other->gaps().empty());
  CHECK(synchronous->gaps().empty());
}

EVMESH_CONTRACT("a listener that throws when told of a gap gets what follows", "[gap][forgotten][Q11]") {
  Gate gate;
  TestType cluster;
  const auto slow = stuck_at_first(gate, [](const Gap&) { throw std::runtime_error("no gaps, please"); });
  const auto registration = register_with_small_inbox(cluster.bus(), slow);
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample("first"), k1()));
  REQUIRE(gate.wait_arrivals(1));
  for (const auto& payload : hundred_payloads()) must(cluster.bus().dispatch(sample(payload), k1()));
  gate.open();

  REQUIRE(slow->wait_gaps(1));
  must(cluster.bus().drain(patience));
  CHECK(slow->payloads().back() == hundred_payloads().back());
  must(cluster.bus().dispatch(sample("after"), k1()));
  must(cluster.bus().drain(patience));
  CHECK(slow->payloads().back() == "after");
}

EVMESH_CONTRACT("a listener that keeps up gets no gap", "[gap][forgotten][Q11]") {
  TestType cluster;
  const auto listener = async_recorder();
  const auto registration = register_with_small_inbox(cluster.bus(), listener);

  for (const auto& payload : hundred_payloads()) {
    must(cluster.bus().dispatch(sample(payload), k1()));
    must(cluster.bus().drain(patience));
  }

  CHECK(listener->payloads() == hundred_payloads());
  CHECK(listener->gaps().empty());
}

}  // namespace evmesh::contract
