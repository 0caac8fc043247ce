// A node that accepts group work and runs none of it.
#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;

namespace {

NodeOptions options(const support::TempDir& place, bool executes) {
  NodeOptions options;
  options.data_dir = place.path() / "node";
  options.execute_group_listeners = executes;
  return options;
}

std::shared_ptr<Listener> telling(Story& story) {
  return make_listener([&story](const Delivery& delivery) { story.add(delivery.event.payload()); });
}

}  // namespace

TEST_CASE("a front-line node owes its groups what it accepts, and a later life runs it once", "[bus]") {
  const support::TempDir place;
  Story story;
  {
    const auto node = must(Node::open(options(place, false)));
    const auto registered = must(node->bus().register_listener(telling(story), group("g")));
    CHECK(must(node->bus().dispatch(sample("one"))).groups == 1);
    CHECK(must(node->bus().dispatch(sample("two"))).groups == 1);
    CHECK(node->bus().groups() == std::vector{group("g")});
    node->stop();
  }
  CHECK(story.words().empty());

  const auto node = must(Node::open(options(place, true)));
  GroupOptions in_order;
  in_order.concurrency = 1;
  const auto registered = must(node->bus().register_listener(telling(story), group("g"), in_order));

  CHECK(story.wait(2) == std::vector<std::string>{"one", "two"});
  CHECK(must(node->bus().dispatch(sample("three"))).groups == 1);
  CHECK(story.wait(3).size() == 3);
}

TEST_CASE("a front-line node runs its key and each-node listeners as ever", "[bus]") {
  const support::TempDir place;
  Story story;
  const auto node = must(Node::open(options(place, false)));
  const auto keyed = must(node->bus().register_listener(telling(story), key("User:bob")));
  const auto each = must(node->bus().register_each_node(telling(story)));

  REQUIRE(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(story.wait(2) == std::vector<std::string>{"one", "one"});
}

TEST_CASE("a front-line node refuses a second listener of a group, and takes one when the first has gone",
          "[bus]") {
  const support::TempDir place;
  Story story;
  const auto node = must(Node::open(options(place, false)));
  auto first = must(node->bus().register_listener(telling(story), group("g")));

  CHECK(code(node->bus().register_listener(telling(story), group("g"))) ==
        ErrorCode::group_already_registered);
  first = Registration();
  CHECK(must(node->bus().dispatch(sample("one"))).groups == 1);
  const auto second = must(node->bus().register_listener(telling(story), group("g")));

  CHECK(must(node->bus().dispatch(sample("two"))).groups == 1);
  CHECK(story.words().empty());
}

TEST_CASE("what a front-line group is owed goes to the dead letters when the group is forgotten", "[bus]") {
  const support::TempDir place;
  Story story;
  const auto node = must(Node::open(options(place, false)));
  auto registered = must(node->bus().register_listener(telling(story), group("g")));
  REQUIRE(node->bus().dispatch(sample("one")));

  CHECK(registered.forget() == Unregistered::done);

  CHECK(must(node->bus().dead_letters().ids(group("g"))).size() == 1);
  CHECK(must(node->bus().dispatch(sample("two"))).groups == 0);
  CHECK(story.words().empty());
}

TEST_CASE("the status of a front-line node says what it is", "[bus]") {
  const support::TempDir place;
  const auto front = must(Node::open(options(place, false)));

  CHECK(front->status().notes ==
        std::vector<std::string>{
            "front-line node: groups are owed what is dispatched here, and no group listener runs here"});
}
