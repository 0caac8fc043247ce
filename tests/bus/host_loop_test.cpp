// Listeners that the host calls in a loop of its own.
#include <poll.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;
using namespace std::chrono_literals;

namespace {

/// What was heard, on one thread only: without a lock.
struct Heard {
  std::vector<std::string> words;
  bool elsewhere = false;
  const std::thread::id here = std::this_thread::get_id();

  void add(std::string word) {
    elsewhere = elsewhere || std::this_thread::get_id() != here;
    words.push_back(std::move(word));
  }
  std::shared_ptr<Listener> listener(ExecutionMode mode = ExecutionMode::asynchronous) {
    return make_listener([this](const Event& event) { add(event.payload()); }, {.mode = mode});
  }
};

bool readable(const Node& node, std::chrono::milliseconds wait = 0ms) {
  pollfd asked{.fd = node.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, static_cast<int>(wait.count())) == 1;
}

/// As a host's loop does, until there are so many.
bool loop(Node& node, const Heard& heard, std::size_t count) {
  while (heard.words.size() < count) {
    if (!readable(node, patience)) return false;
    must(node.run_once());
  }
  return true;
}

}  // namespace

TEST_CASE("listeners wait for run_once, which calls them on its thread", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  const auto listening = must(node->bus().register_listener(heard.listener(), key("User:bob")));
  CHECK_FALSE(readable(*node));
  CHECK(must(node->run_once()) == 0);

  must(node->bus().dispatch(sample("one"), key("User:bob")));
  CHECK(readable(*node));
  CHECK(heard.words.empty());
  CHECK(must(node->run_once()) == 1);

  CHECK(heard.words == std::vector<std::string>{"one"});
  CHECK_FALSE(heard.elsewhere);
  CHECK_FALSE(readable(*node));
}

TEST_CASE("synchronous listeners have run when dispatch returns, on its thread, whoever runs the others", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  std::vector<Registration> listening;
  for (int count = 0; count < 3; ++count)
    listening.push_back(must(node->bus().register_listener(heard.listener(ExecutionMode::synchronous), key("User:bob"))));

  must(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(heard.words.size() == 3);
  CHECK_FALSE(heard.elsewhere);
}

TEST_CASE("attempts and retries of a group are made by the host's loop", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  const auto failing = make_listener(
      [&](const Delivery& delivery) {
        heard.add(std::to_string(delivery.attempt));
        if (delivery.attempt < 3) throw std::runtime_error("not yet");
      },
      {.mode = ExecutionMode::asynchronous});
  const auto running =
      must(node->bus().register_listener(failing, group("g"), {.retry = {.first = 1ms, .cap = 1ms}}));

  must(node->bus().dispatch(sample("one")));
  CHECK(heard.words.empty());

  CHECK(loop(*node, heard, 3));
  CHECK(heard.words == std::vector<std::string>{"1", "2", "3"});
  CHECK_FALSE(heard.elsewhere);
}

TEST_CASE("run_once makes no more calls than asked for", "[bus][host]") {
  Heard one;
  Heard other;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  const auto first = must(node->bus().register_listener(one.listener(), key("User:bob")));
  const auto second = must(node->bus().register_listener(other.listener(), key("User:bob")));
  must(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(must(node->run_once(1)) == 1);
  CHECK(one.words.size() + other.words.size() == 1);
  CHECK(readable(*node));
  CHECK(must(node->run_once(1)) == 1);
  CHECK(one.words.size() + other.words.size() == 2);
}

TEST_CASE("an asynchronous dispatch is made and answered by the host's loop", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  must(node->bus().dispatch_async(sample("one"), {}, [&](Result<Receipt> receipt) {
    heard.add(receipt ? "accepted" : receipt.error().message);
  }));
  CHECK(heard.words.empty());

  CHECK(loop(*node, heard, 1));
  CHECK(heard.words == std::vector<std::string>{"accepted"});
  CHECK_FALSE(heard.elsewhere);
}

TEST_CASE("what other nodes dispatch is heard in the host's loop", "[bus][host]") {
  Heard heard;
  const auto other = must(Node::open({.mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0"}));
  const auto node = must(Node::open({.mode = Mode::broadcast,
                                     .listen = "tcp://127.0.0.1:0",
                                     .seeds = {other->status().listen},
                                     .host_runs_listeners = true}));
  const auto listening = must(node->bus().register_listener(heard.listener(ExecutionMode::synchronous), key("User:bob")));

  for (const char* text : {"one", "two", "three"}) must(other->bus().dispatch(sample(text), key("User:bob")));

  CHECK(loop(*node, heard, 3));
  CHECK(heard.words == std::vector<std::string>{"one", "two", "three"});
  CHECK_FALSE(heard.elsewhere);
}

TEST_CASE("draining and stopping on the host's only thread make the calls that wait", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  const auto listening = must(node->bus().register_listener(heard.listener(), key("User:bob")));
  const auto running = must(node->bus().register_listener(heard.listener(), group("g")));
  must(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(node->bus().drain(patience));
  CHECK(heard.words.size() == 2);
  must(node->bus().dispatch(sample("two"), key("User:bob")));
  node->stop();

  CHECK(heard.words.size() == 4);
  CHECK_FALSE(heard.elsewhere);
  CHECK(must(node->run_once()) == 0);
}

TEST_CASE("what was unregistered before it was called is called no more", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  auto listening = must(node->bus().register_listener(heard.listener(), key("User:bob")));
  must(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(listening.unregister() == Unregistered::done);
  must(node->run_once());

  CHECK(heard.words.empty());
}

TEST_CASE("run_once is refused inside a listener, and by a node that has threads for listeners", "[bus][host]") {
  const auto node = must(Node::open({.host_runs_listeners = true}));
  std::optional<ErrorCode> inside;
  const auto nesting = make_listener([&](const Event&) { inside = node->run_once().error().code; },
                                     {.mode = ExecutionMode::asynchronous});
  const auto listening = must(node->bus().register_listener(nesting, key("User:bob")));
  must(node->bus().dispatch(sample("one"), key("User:bob")));
  must(node->run_once());
  CHECK(inside == ErrorCode::draining);

  const auto usual = must(Node::open({}));
  CHECK(usual->fd() == -1);
  CHECK(usual->run_once().error().code == ErrorCode::not_supported);
}

TEST_CASE("operators are answered while the host's loop stands still", "[bus][host]") {
  Heard heard;
  const auto node = must(Node::open({.host_runs_listeners = true}));
  const auto refusing = make_listener([](const Delivery&) { return Outcome::refuse("bad"); });
  const auto running = must(node->bus().register_listener(refusing, group("g")));
  must(node->bus().dispatch(sample("one")));

  const auto task = must(node->group_work().redeliver({.dry_run = true}));

  CHECK(must(node->group_work().wait_task(task.id, patience)).redelivered == 1);
}
