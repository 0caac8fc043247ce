// Group work that other nodes run: real sockets, several nodes in one process.
#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;
using evmesh::support::eventually;

namespace {

NodeOptions member(std::string name, const Node* seed = nullptr) {
  NodeOptions options;
  options.name = std::move(name);
  options.mode = Mode::scale_efficient;
  options.listen = "tcp://127.0.0.1:0";
  options.delivery = DeliveryModel::asynchronous;
  if (seed != nullptr) options.seeds = {seed->status().listen};
  return options;
}

/// A node that runs no groups itself, so that all it owes runs elsewhere.
std::unique_ptr<Node> front_line(const support::TempDir* place = nullptr) {
  NodeOptions options = member("front");
  options.execute_group_listeners = false;
  if (place != nullptr) options.data_dir = place->path() / "front";
  if (place != nullptr) options.level = Level::disk;
  return must(Node::open(std::move(options)));
}

Registration require(Node& node, GroupOptions options = {}) {
  return must(node.bus().register_listener(make_listener([](const Delivery&) {}), group("g"), options));
}

std::string told(const Delivery& delivery) {
  return delivery.event.payload() + ' ' + std::to_string(delivery.attempt) +
         (delivery.possibly_duplicate ? "?" : "");
}

}  // namespace

TEST_CASE("what a front-line node owes runs once on a node that has the group", "[bus][spread]") {
  const auto front = front_line();
  const auto required = require(*front);
  const auto worker = must(Node::open(member("worker", front.get())));
  Story story;
  const auto running = must(worker->bus().register_listener(
      make_listener([&](const Delivery& delivery) { story.add(told(delivery)); }), group("g")));

  for (int number = 0; number < 100; ++number) must(front->bus().dispatch(sample(std::to_string(number))));

  const auto ran = story.wait(100);
  CHECK(std::set(ran.begin(), ran.end()).size() == 100);
  CHECK(ran.size() == 100);
  CHECK(std::ranges::none_of(ran, [](const std::string& word) { return word.back() == '?'; }));
  CHECK(eventually(patience, [&] { return must(front->group_work().group("events", group("g"))).owed() == 0; }));
}

TEST_CASE("what is owed and no longer in memory is read back for the node that runs it", "[bus][spread]") {
  constexpr std::size_t count = 40;
  constexpr std::size_t bytes = 900'000;  // more together than is kept in memory
  const support::TempDir place;
  const auto front = front_line(&place);
  const auto required = require(*front);
  for (std::size_t number = 0; number < count; ++number)
    must(front->bus().dispatch(sample(std::string(bytes, static_cast<char>('A' + number)))));
  std::atomic<std::size_t> whole{0};
  const auto worker = must(Node::open(member("worker", front.get())));
  const auto running = must(worker->bus().register_listener(
      make_listener([&](const Delivery& delivery) { whole += delivery.event.payload().size() == bytes ? 1 : 0; }),
      group("g")));

  CHECK(eventually(patience, [&] { return whole == count; }));
  CHECK(eventually(patience, [&] { return must(front->group_work().group("events", group("g"))).owed() == 0; }));
  CHECK(must(front->bus().dead_letters().ids(group("g"))).empty());
}

TEST_CASE("work goes to every node that has a place for it", "[bus][spread]") {
  const auto front = front_line();
  const auto required = require(*front);
  const auto one = must(Node::open(member("one", front.get())));
  const auto two = must(Node::open(member("two", front.get())));
  GroupOptions single;
  single.concurrency = 1;
  Gate first;
  Gate second;
  const auto running_one = must(one->bus().register_listener(
      make_listener([&](const Delivery&) { first.pass(); }), group("g"), single));
  const auto running_two = must(two->bus().register_listener(
      make_listener([&](const Delivery&) { second.pass(); }), group("g"), single));

  for (int number = 0; number < 4; ++number) must(front->bus().dispatch(sample(std::to_string(number))));

  CHECK(first.wait_arrived(1));
  CHECK(second.wait_arrived(1));
  first.open();
  second.open();
  CHECK(eventually(patience, [&] { return must(front->group_work().group("events", group("g"))).owed() == 0; }));
}

TEST_CASE("an attempt that fails on another node is counted there where it is owed, and becomes a dead letter",
          "[bus][spread]") {
  const support::TempDir place;
  const auto front = front_line(&place);
  GroupOptions twice;
  twice.retry = {.max_retries = 1, .first = 1ms, .cap = 1ms, .jitter = 0.0};
  const auto required = require(*front, twice);
  const auto worker = must(Node::open(member("worker", front.get())));
  Story story;
  const auto running = must(worker->bus().register_listener(
      make_listener([&](const Delivery& delivery) {
        story.add(told(delivery));
        throw std::runtime_error("no luck");
      }),
      group("g"), twice));

  must(front->bus().dispatch(sample("one")));

  CHECK(story.wait(2) == std::vector<std::string>{"one 1", "one 2"});
  CHECK(eventually(patience, [&] { return must(front->bus().dead_letters().ids(group("g"))).size() == 1; }));
  const DeadLetterId id = must(front->bus().dead_letters().ids(group("g"))).front();
  const DeadLetter letter = must(front->bus().dead_letters().find(group("g"), id)).value();
  REQUIRE(letter.attempts.size() == 2);
  CHECK(letter.attempts[1].error == "no luck");
  CHECK(letter.attempts[1].node == worker->status().id);
}

TEST_CASE("a node that stops gives back what it has not begun, at once and as the same attempt", "[bus][spread]") {
  const auto front = front_line();
  const auto required = require(*front);
  const auto stopping = must(Node::open(member("stopping", front.get())));
  Story story;
  Gate gate;
  GroupOptions single;
  single.concurrency = 1;
  const auto on_stopping = must(stopping->bus().register_listener(
      make_listener([&](const Delivery&) { gate.pass(); }), group("g"), single));
  for (int number = 0; number < 4; ++number) must(front->bus().dispatch(sample(std::to_string(number))));
  REQUIRE(gate.wait_arrived(1));
  const auto other = must(Node::open(member("other", front.get())));
  const auto on_other = must(other->bus().register_listener(
      make_listener([&](const Delivery& delivery) { story.add(told(delivery)); }), group("g"), single));

  std::thread stops([&] { stopping->stop(); });
  const auto ran = story.wait(3);
  gate.open();
  stops.join();

  CHECK(std::set(ran.begin(), ran.end()) == std::set<std::string>{"1 1", "2 1", "3 1"});
  CHECK(eventually(patience, [&] { return must(front->group_work().group("events", group("g"))).owed() == 0; }));
  CHECK(story.words().size() == 3);
}

TEST_CASE("what a paused group was owed goes to other nodes when it goes on", "[bus][spread]") {
  const auto front = front_line();
  const auto required = require(*front);
  const auto worker = must(Node::open(member("worker", front.get())));
  Story story;
  const auto running = must(worker->bus().register_listener(
      make_listener([&](const Delivery& delivery) { story.add(told(delivery)); }), group("g")));
  must(front->group_work().pause("events", group("g"), "a test"));
  must(front->bus().dispatch(sample("one")));

  must(front->group_work().resume("events", group("g")));

  CHECK(story.wait(1) == std::vector<std::string>{"one 1"});
}
