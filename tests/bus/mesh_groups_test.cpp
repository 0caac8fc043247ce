// Required groups of nodes that share a mesh.
#include <filesystem>

#include <evmesh/evmesh.hpp>

#include "bus/durable_support.hpp"

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

/// Throws away what it gets.
std::shared_ptr<Listener> any_listener() {
  return make_listener([](const Delivery&) {});
}

/// What the node knows of the group; nothing when it does not know it.
std::optional<GroupStatus> status_of(Node& node, const Group& group) {
  auto status = node.group_work().group("events", group);
  return status ? std::optional(std::move(*status)) : std::nullopt;
}

bool is_required(Node& node, const Group& group) {
  const auto status = status_of(node, group);
  return status && status->required;
}

template <class Condition>
bool soon(Condition&& holds) {
  return eventually(patience, holds);
}

}  // namespace

TEST_CASE("a group that one node registers is owed what any member accepts", "[bus][mesh-groups]") {
  const auto a = must(Node::open(member("a")));
  const auto b = must(Node::open(member("b", a.get())));
  const auto registration = must(a->bus().register_listener(any_listener(), group("g")));

  const RegistrationReceipt receipt = registration.receipt(patience);
  const Receipt dispatched = must(b->bus().dispatch(sample()));

  REQUIRE(receipt.complete());
  REQUIRE(receipt.acknowledged.size() == 1);
  CHECK(receipt.acknowledged[0].name == "b");
  CHECK(receipt.elapsed > 0us);
  CHECK(dispatched.groups == 1);
  CHECK(is_required(*b, group("g")));
  CHECK(status_of(*b, group("g"))->runners == 0);
}

TEST_CASE("a node that joins later owes to the groups that are required already", "[bus][mesh-groups]") {
  const auto a = must(Node::open(member("a")));
  const auto registration = must(a->bus().register_listener(any_listener(), group("g")));
  CHECK(registration.receipt().acknowledged.empty());

  const auto b = must(Node::open(member("b", a.get())));

  CHECK(soon([&] { return is_required(*b, group("g")); }));
  CHECK(registration.receipt(patience).acknowledged.size() == 1);
}

TEST_CASE("a group stays required when its registration and its node end", "[bus][mesh-groups]") {
  const auto b = must(Node::open(member("b")));
  {
    const auto a = must(Node::open(member("a", b.get())));
    const auto registration = must(a->bus().register_listener(any_listener(), group("g")));
    REQUIRE(registration.receipt(patience).complete());
  }

  CHECK(is_required(*b, group("g")));
  CHECK(must(b->bus().dispatch(sample())).groups == 1);
}

TEST_CASE("a group that is forgotten is owed nothing anywhere, and what it was owed is a dead letter",
          "[bus][mesh-groups]") {
  const auto a = must(Node::open(member("a")));
  const auto b = must(Node::open(member("b", a.get())));
  auto registration = must(a->bus().register_listener(any_listener(), group("g")));
  REQUIRE(registration.receipt(patience).complete());
  must(b->group_work().pause("events", group("g"), "so that it stays owed"));
  REQUIRE(soon([&] { return status_of(*a, group("g"))->paused; }));
  must(b->bus().dispatch(sample("left over")));

  registration.forget();

  CHECK_FALSE(is_required(*a, group("g")));
  REQUIRE(soon([&] { return !is_required(*b, group("g")); }));
  CHECK(must(b->bus().dispatch(sample())).groups == 0);
  REQUIRE(soon([&] { return must(b->bus().dead_letters().ids(group("g"))).size() == 1; }));
  const DeadLetter letter = only_letter(b->bus(), group("g"));
  CHECK(letter.event.payload() == "left over");
  REQUIRE(letter.attempts.size() == 1);
  CHECK(letter.attempts[0].error == "not run: the group was removed");
}

TEST_CASE("a group is paused and goes on at every member", "[bus][mesh-groups]") {
  const auto a = must(Node::open(member("a")));
  const auto b = must(Node::open(member("b", a.get())));
  const auto registration = must(a->bus().register_listener(any_listener(), group("g")));
  REQUIRE(registration.receipt(patience).complete());

  must(b->group_work().pause("events", group("g"), "moving"));
  CHECK(soon([&] { return status_of(*a, group("g"))->paused; }));
  CHECK(status_of(*a, group("g"))->pause_reason == "moving");
  must(a->group_work().resume("events", group("g")));

  CHECK(soon([&] { return !status_of(*b, group("g"))->paused; }));
}

TEST_CASE("a group that an operator removes is removed everywhere", "[bus][mesh-groups]") {
  const auto a = must(Node::open(member("a")));
  const auto b = must(Node::open(member("b", a.get())));
  {
    const auto registration = must(a->bus().register_listener(any_listener(), group("g")));
    REQUIRE(registration.receipt(patience).complete());
  }

  must(b->group_work().remove("events", group("g"), false));

  CHECK_FALSE(is_required(*b, group("g")));
  CHECK(soon([&] { return !is_required(*a, group("g")); }));
}

TEST_CASE("a runner gets its group back when another node registers it again", "[bus][mesh-groups]") {
  auto front = member("a");
  front.execute_group_listeners = false;
  const auto a = must(Node::open(front));
  const auto b = must(Node::open(member("b", a.get())));
  Story story;
  const auto here = must(b->bus().register_listener(telling(story), group("g")));
  REQUIRE(here.receipt(patience).complete());
  auto there = must(a->bus().register_listener(any_listener(), group("g")));
  there.forget();
  REQUIRE(soon([&] { return !is_required(*b, group("g")); }));

  const auto again = must(a->bus().register_listener(any_listener(), group("g")));
  REQUIRE(again.receipt(patience).complete());
  must(b->bus().dispatch(sample("hello")));

  CHECK(status_of(*b, group("g"))->runners == 1);
  CHECK(story.wait(1) == std::vector<std::string>{"hello 1"});
}

TEST_CASE("a member requires on its own disk what another registered", "[bus][mesh-groups]") {
  const TempDir dir{support::memory_disk()};
  GroupOptions options;
  options.critical = false;
  options.backlog_max = 1;
  options.refuse_at_backlog = true;
  auto durable = member("b");
  durable.data_dir = dir.path();
  {
    const auto b = must(Node::open(durable));
    const auto a = must(Node::open(member("a", b.get())));
    const auto registration = must(a->bus().register_listener(any_listener(), group("g"), options));
    REQUIRE(registration.receipt(patience).complete());
  }

  const auto b = must(Node::open(durable));
  must(b->bus().dispatch(sample()));
  const auto second = b->bus().dispatch(sample());

  REQUIRE(is_required(*b, group("g")));
  CHECK_FALSE(status_of(*b, group("g"))->critical);
  CHECK(code(second) == ErrorCode::back_pressure);
}

TEST_CASE("a removed group stays removed when a node that was away comes back", "[bus][mesh-groups]") {
  const TempDir dir{support::memory_disk()};
  auto durable = member("b");
  durable.data_dir = dir.path();
  const auto a = must(Node::open(member("a")));
  auto registration = must(a->bus().register_listener(any_listener(), group("g")));
  durable.seeds = {a->status().listen};
  {
    const auto b = must(Node::open(durable));
    REQUIRE(soon([&] { return is_required(*b, group("g")); }));
  }
  registration.forget();

  const auto b = must(Node::open(durable));

  CHECK(soon([&] { return !is_required(*b, group("g")); }));
  CHECK_FALSE(is_required(*a, group("g")));
}
