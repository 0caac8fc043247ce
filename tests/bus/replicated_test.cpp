// Group work that other nodes keep copies of: real sockets, several nodes in one process.
#include <algorithm>
#include <memory>
#include <set>

#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;
using evmesh::support::eventually;

namespace {

/// At the default level of a node with a disk in a mesh. Nobody executes anything unless told so.
NodeOptions keeper(const support::TempDir& place, std::string name, const Node* seed = nullptr) {
  NodeOptions options;
  options.name = std::move(name);
  options.mode = Mode::scale_efficient;
  options.listen = "tcp://127.0.0.1:0";
  options.data_dir = place.path() / options.name;
  options.copies = 2;
  options.execute_group_listeners = false;
  if (seed != nullptr) options.seeds = {seed->status().listen};
  return options;
}

Registration require(Node& node) {
  return must(node.bus().register_listener(make_listener([](const Delivery&) {}), group("g")));
}

Registration run(Node& node, Story& story) {
  return must(node.bus().register_listener(make_listener([&](const Delivery& delivery) {
                                             story.add(delivery.event.payload() +
                                                       (delivery.possibly_duplicate ? "?" : ""));
                                           }),
                                           group("g")));
}

Receipt dispatch(Node& node, std::string payload) { return must(node.bus().dispatch(sample(std::move(payload)))); }

/// Dispatches until a receipt says so.
Receipt copied(Node& node) {
  Receipt receipt;
  CHECK(eventually(patience, [&] {
    receipt = dispatch(node, "first");
    return receipt.copies == 1 && !receipt.degraded;
  }));
  return receipt;
}

std::uint64_t owed(Node& node) { return must(node.group_work().group("events", group("g"))).owed(); }

}  // namespace

TEST_CASE("a mesh node with a disk keeps group work on another node's disk, and its receipt says so",
          "[bus][replicated]") {
  const support::TempDir place;
  const auto a = must(Node::open(keeper(place, "a")));
  const auto required = require(*a);
  const auto b = must(Node::open(keeper(place, "b", a.get())));

  const Receipt receipt = copied(*a);

  CHECK(receipt.copies == 1);
  CHECK_FALSE(receipt.degraded);
}

TEST_CASE("alone, a node accepts and says that copies lack, or refuses, as it was told", "[bus][replicated]") {
  const support::TempDir place;
  const auto allows = must(Node::open(keeper(place, "allows")));
  const auto required = require(*allows);
  NodeOptions options = keeper(place, "refuses");
  options.degraded = Degraded::refuse;
  const auto refuses = must(Node::open(options));
  const auto also_required = require(*refuses);

  const Receipt receipt = dispatch(*allows, "one");
  const auto refused = refuses->bus().dispatch(sample("one"));

  CHECK(receipt.degraded);
  CHECK(receipt.copies == 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::back_pressure);
  CHECK(refused.error().message ==
        "level replicated wants copies on 1 other nodes, and 0 keep them now; start more nodes that have a data "
        "directory, or set degraded to allow");
  CHECK(owed(*refuses) == 0);
}

TEST_CASE("by itself a node without seeds wants no copies before it met somebody", "[bus][replicated]") {
  const support::TempDir place;
  NodeOptions options = keeper(place, "a");
  options.copies = 0;
  const auto a = must(Node::open(options));
  const auto required = require(*a);

  CHECK_FALSE(dispatch(*a, "one").degraded);
  const auto b = must(Node::open(keeper(place, "b", a.get())));
  CHECK(copied(*a).copies == 1);
}

TEST_CASE("in mode mono there is nobody to keep copies", "[bus][replicated]") {
  const support::TempDir place;
  NodeOptions options;
  options.data_dir = place.path();
  options.level = Level::replicated;

  const auto node = Node::open(options);

  REQUIRE_FALSE(node);
  CHECK(node.error().code == ErrorCode::invalid_argument);
  CHECK(node.error().message.find("use disk, or choose mode") != std::string::npos);
}

TEST_CASE("a guardian that leaves is replaced, and its place made up", "[bus][replicated]") {
  const support::TempDir place;
  const auto a = must(Node::open(keeper(place, "a")));
  const auto required = require(*a);
  auto b = must(Node::open(keeper(place, "b", a.get())));
  copied(*a);
  const auto c = must(Node::open(keeper(place, "c", a.get())));

  b->leave();
  b.reset();

  CHECK(copied(*a).copies == 1);
}

TEST_CASE("what a node owes when it leaves in order runs elsewhere, each event once and unmarked",
          "[bus][replicated]") {
  const support::TempDir place;
  auto a = must(Node::open(keeper(place, "a")));
  const auto required = require(*a);
  NodeOptions options = keeper(place, "b", a.get());
  options.execute_group_listeners = true;
  const auto b = must(Node::open(options));
  copied(*a);
  for (int number = 0; number < 20; ++number) dispatch(*a, std::to_string(number));
  const std::uint64_t all = owed(*a);
  Story story;

  a->leave();
  a.reset();
  const auto running = run(*b, story);

  const auto ran = story.wait(all);
  CHECK(ran.size() == all);
  CHECK(std::ranges::none_of(ran, [](const std::string& word) { return word.back() == '?'; }));
  CHECK(std::set(ran.begin(), ran.end()).size() == 21);
}

TEST_CASE("a node that stopped and is back runs nothing that others took over", "[bus][replicated]") {
  const support::TempDir place;
  NodeOptions options = keeper(place, "b");
  options.execute_group_listeners = true;
  const auto b = must(Node::open(options));
  NodeOptions coming = keeper(place, "a", b.get());
  coming.execute_group_listeners = true;
  auto a = must(Node::open(coming));
  Registration required = require(*a);
  must(a->group_work().pause("events", group("g"), "a test"));
  copied(*a);
  for (int number = 0; number < 20; ++number) dispatch(*a, std::to_string(number));
  const std::uint64_t all = owed(*a);
  Story there;
  Story here;

  a->stop();
  required = {};
  a.reset();
  CHECK(eventually(patience, [&] { return owed(*b) == all; }));
  a = must(Node::open(coming));
  const auto running_here = run(*a, here);
  must(a->group_work().resume("events", group("g")));
  must(b->group_work().resume("events", group("g")));
  const auto running_there = run(*b, there);

  CHECK(eventually(patience, [&] { return there.words().size() + here.words().size() == all; }));
  CHECK(eventually(patience, [&] { return owed(*a) + owed(*b) == 0; }));
  CHECK(there.words().size() + here.words().size() == all);
}
