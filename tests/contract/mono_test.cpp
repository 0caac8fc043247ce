// What only a mono node promises: its groups have run their first attempt when dispatch returns.
#include <atomic>
#include <chrono>
#include <thread>

#include "contract/fixtures/cluster.hpp"
#include "contract/fixtures/recorder.hpp"
#include "contract/fixtures/samples.hpp"

namespace evmesh::contract {

TEST_CASE("a synchronous group listener of a mono node has run when dispatch returns", "[mono][G15]") {
  LocalCluster cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->completed() == 1);
}

TEST_CASE("a synchronous mono node runs its groups in the calling thread", "[mono][M81]") {
  LocalCluster cluster(with_delivery(DeliveryModel::synchronous));
  const auto listener = async_recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->completed() == 1);
  CHECK(listener->seen().at(0).thread == std::this_thread::get_id());
}

TEST_CASE("an asynchronous mono node waits for no group", "[mono][M82]") {
  Gate gate;
  LocalCluster cluster(with_delivery(DeliveryModel::asynchronous));
  const auto listener = recorder_that(wait_at(gate));
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->completed() == 0);
  CHECK(gate.wait_arrivals(1));
}

TEST_CASE("an asynchronous group listener of a mono node does not hold the dispatch", "[mono][Q6]") {
  Gate gate;
  LocalCluster cluster;
  Recorder::Traits traits;
  traits.mode = ExecutionMode::asynchronous;
  const auto listener = recorder_that(wait_at(gate), traits);
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const Opener opener(gate);

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->completed() == 0);
  CHECK(gate.wait_arrivals(1));
}

TEST_CASE("a mono node has no peers, no numbers and nothing to acknowledge", "[mono][forgotten]") {
  LocalCluster cluster;

  const auto registration = must(cluster.bus().register_listener(recorder(), k1()));
  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(registration.receipt(patience).complete());
  CHECK(registration.receipt().acknowledged.empty());
  CHECK(receipt.seq == 0);
  CHECK(receipt.interested == 0);
  CHECK(cluster.node().status().members.empty());
  CHECK(cluster.node().status().listen.empty());
}

TEST_CASE("a mono node with a seed or an address is refused, and both words are named", "[mono][forgotten]") {
  NodeOptions options;
  options.mode = Mode::mono;
  options.seeds = {"tcp://127.0.0.1:7520"};

  const auto opened = Node::open(options);

  CHECK(code_of(opened) == ErrorCode::invalid_argument);
  CHECK(opened.error().message.find("mono") != std::string::npos);
  CHECK(opened.error().message.find("seed") != std::string::npos);
}

}  // namespace evmesh::contract
