// Nodes of the mesh as their host sees them when something goes wrong: stuck listeners, callbacks that throw,
// failure.
#include <pthread.h>
#include <zmq.h>

#include <algorithm>
#include <stdexcept>

#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

NodeOptions member(std::string name, const Node* seed = nullptr) {
  NodeOptions options;
  options.name = std::move(name);
  options.mode = Mode::broadcast;
  options.listen = "tcp://127.0.0.1:0";
  if (seed != nullptr) options.seeds = {seed->status().listen};
  return options;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

/// Threads of this process get a stack that no machine can give, while it lives.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 46);
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

}  // namespace

TEST_CASE("a node with a listener that does not end stops within its ten seconds", "[bus][mesh-node]") {
  auto options = member("a");
  options.delivery = DeliveryModel::asynchronous;
  options.buses = {"one", "two"};
  const auto node = must(Node::open(options));
  Gate gate;
  std::vector<Registration> registrations;
  for (const char* name : {"one", "two"}) {
    EventBus& bus = *must(node->bus(name));
    registrations.push_back(
        must(bus.register_listener(make_listener([&](const Event&) { gate.pass(); }), key("K:1"))));
    must(bus.dispatch(sample(), key("K:1")));
  }
  REQUIRE(gate.wait_arrived(2));

  const auto began = std::chrono::steady_clock::now();
  node->stop();

  CHECK(since(began) >= 10s);
  CHECK(since(began) < 14s);
  gate.open();
}

TEST_CASE("stop inside a listener does not wait for the thread that is stopping the node",
          "[bus][mesh-node]") {
  auto options = member("a");
  options.delivery = DeliveryModel::asynchronous;
  const auto node = must(Node::open(options));
  Gate entered;
  Gate stopping;
  const auto listener = make_listener([&](const Event&) {
    entered.open();
    stopping.pass();
    node->stop();
  });
  const auto registration = must(node->bus().register_listener(listener, key("K:1")));
  must(node->bus().dispatch(sample(), key("K:1")));
  entered.pass();

  const auto began = std::chrono::steady_clock::now();
  std::thread outer([&] { node->stop(); });
  // The other has begun when the bus refuses.
  const bool begun = support::eventually(
      patience, [&] { return code(node->bus().dispatch(sample())) == ErrorCode::closed; });
  stopping.open();
  outer.join();

  CHECK(begun);
  CHECK(since(began) < 8s);
}

TEST_CASE("a receipt covers a batch and its wait names every peer interested in any of it",
          "[bus][mesh-node]") {
  auto options = member("a");
  options.mode = Mode::scale_efficient;
  const auto a = must(Node::open(options));
  auto other = member("b", a.get());
  other.mode = Mode::scale_efficient;
  const auto b = must(Node::open(other));
  Story story;
  const auto registration = must(b->bus().register_listener(teller(story), key("K:1")));
  const std::vector<KeyedEvent> batch{{sample("first"), {key("K:1")}}, {sample("last"), {key("K:2")}}};

  const Receipt receipt = must(a->bus().dispatch(batch));
  const SeenBy seen = a->bus().wait_seen(receipt, patience);

  CHECK(receipt.seq == receipt.first_seq + 1);
  CHECK(receipt.interested == 1);
  REQUIRE(seen.peers.size() == 1);
  CHECK(seen.peers[0].name == "b");
  CHECK(seen.complete());
  CHECK(story.wait(1) == std::vector<std::string>{"first"});
}

TEST_CASE("a registration's receipt says how long the acknowledgements took, not how long it was asked for",
          "[bus][mesh-node]") {
  const auto a = must(Node::open(member("a")));
  const auto b = must(Node::open(member("b", a.get())));
  Story story;
  const auto registration = must(b->bus().register_listener(teller(story), key("K:1")));

  const RegistrationReceipt first = registration.receipt();
  const RegistrationReceipt second = registration.receipt();
  const KeyStatus status = must(b->explain("events", key("K:1")));

  REQUIRE(first.complete());
  REQUIRE(first.acknowledged.size() == 1);
  CHECK(first.elapsed > 0us);
  CHECK(second.elapsed == first.elapsed);
  CHECK(status.receipt.elapsed == first.elapsed);
}

TEST_CASE("a node that cannot have its threads does not open, and says why", "[bus][mesh-node]") {
  const auto warm = must(Node::open(member("a")));  // ZeroMQ's own threads are there
  Result<std::unique_ptr<Node>> refused;
  {
    const NoThreads none;
    refused = Node::open(member("b"));
  }

  REQUIRE(code(refused) == ErrorCode::busy);
  CHECK(refused.error().message.find("no thread left for group work") == 0);
  CHECK(Node::open(member("b")));
}

namespace {

/// A node whose sockets fail when the test wants it: it stands on a ZeroMQ context that can be shut down.
struct Doomed {
  explicit Doomed(std::function<void(const Error&)> on_fatal = {}) {
    auto options = member("a");
    options.zmq_context = context.get();
    options.on_fatal = std::move(on_fatal);
    options.log = [this](const LogRecord& record) { log.add(record.message); };
    node = must(Node::open(options));
  }

  void fail() {
    zmq_ctx_shutdown(context.get());
    REQUIRE(support::eventually(patience, [&] { return node->status().failed; }));
  }

  Story log;
  std::unique_ptr<void, int (*)(void*)> context{zmq_ctx_new(), &zmq_ctx_term};
  std::unique_ptr<Node> node;
};

}  // namespace

TEST_CASE("a node that failed answers every call with the reason", "[bus][mesh-node]") {
  Doomed doomed;
  Node& node = *doomed.node;
  EventBus& bus = node.bus();
  Story story;
  const auto listener = teller(story);
  const auto on_key = must(bus.register_listener(listener, key("K:1")));
  const auto in_group = must(bus.register_listener(listener, group("g")));
  const Receipt receipt = must(bus.dispatch(sample()));

  doomed.fail();

  CHECK(code(bus.register_listener(listener, key("K:2"))) == ErrorCode::node_failed);
  CHECK(code(bus.register_each_node(listener)) == ErrorCode::node_failed);
  CHECK(code(bus.register_listener(listener, group("h"))) == ErrorCode::node_failed);
  CHECK(code(bus.redeliver(group("g"), sample())) == ErrorCode::node_failed);
  CHECK(code(bus.dispatch(sample(), key("K:1"))) == ErrorCode::node_failed);
  CHECK(code(bus.dispatch_async(sample(), {}, {})) == ErrorCode::node_failed);
  CHECK(code(node.forget("b")) == ErrorCode::node_failed);
  const SeenBy seen = bus.wait_seen(receipt, 1h);
  REQUIRE(seen.failure.has_value());
  CHECK(seen.failure->code == ErrorCode::node_failed);
  CHECK(seen.failure->message == node.status().failure);
  CHECK_FALSE(seen.complete());
  const RegistrationReceipt registered = on_key.receipt(1h);
  REQUIRE(registered.failure.has_value());
  CHECK(registered.failure->code == ErrorCode::node_failed);
  CHECK_FALSE(registered.complete());
}

TEST_CASE("what on_fatal throws is logged and ends nothing", "[bus][mesh-node]") {
  Story told;
  Doomed doomed([&](const Error& error) {
    told.add(std::string(to_string(error.code)));
    throw std::runtime_error("on_fatal broke");
  });

  doomed.fail();

  CHECK(told.wait(1) == std::vector<std::string>{"node_failed"});
  CHECK(support::eventually(patience, [&] {
    const auto words = doomed.log.words();
    return std::ranges::find(words, "callback_failed") != words.end();
  }));
}

TEST_CASE("on_fatal may stop the node while another thread stops it", "[bus][mesh-node]") {
  Gate failed;
  Gate stopping;
  Node* node = nullptr;
  Doomed doomed([&](const Error&) {
    failed.open();
    stopping.pass();
    node->stop();
  });
  node = doomed.node.get();
  doomed.fail();
  failed.pass();

  std::thread outer([&] { node->stop(); });
  const bool begun = support::eventually(
      patience, [&] { return code(node->bus().dispatch(sample())) == ErrorCode::closed; });
  stopping.open();
  outer.join();

  CHECK(begun);
}

TEST_CASE("a node that cannot have a thread for on_fatal fails all the same", "[bus][mesh-node]") {
  Story told;
  Doomed doomed([&](const Error&) { told.add("called"); });
  {
    const NoThreads none;
    doomed.fail();
  }
  doomed.node->stop();

  CHECK(told.words().empty());
  const auto words = doomed.log.words();
  CHECK(std::ranges::find(words, "on_fatal_not_called") != words.end());
}
