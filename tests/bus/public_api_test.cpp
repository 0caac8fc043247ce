// The short forms of the public API, and the small types in it.
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;

namespace {

std::unique_ptr<Node> mono() { return must(Node::open({})); }

}  // namespace

TEST_CASE("keys are given one by one, in braces or as a list, with options or without", "[api]") {
  const auto node = mono();
  EventBus& bus = node->bus();
  const std::vector<RegistrationKey> both{key("K:1"), key("K:2")};
  Story story;
  std::vector<Registration> registrations;

  registrations.push_back(must(bus.register_listener(teller(story), key("K:1"))));
  registrations.push_back(must(bus.register_listener(teller(story), key("K:1"), {.serial = true})));
  registrations.push_back(must(bus.register_listener(teller(story), {key("K:1"), key("K:2")})));
  registrations.push_back(
      must(bus.register_listener(teller(story), {key("K:1"), key("K:2")}, {.serial = true})));
  registrations.push_back(must(bus.register_listener(teller(story), {key("K:2")})));
  registrations.push_back(must(bus.register_listener(teller(story), both)));
  registrations.push_back(must(bus.register_listener(teller(story), both, {.serial = true})));

  CHECK(must(bus.dispatch(sample(), key("K:1"))).listeners == 6);
  CHECK(must(bus.dispatch(sample(), {key("K:2")})).listeners == 5);
  CHECK(must(bus.dispatch(sample(), both)).listeners == 7);
  CHECK(must(bus.dispatch(sample(), {})).listeners == 0);
}

TEST_CASE("an event is dispatched from its fields", "[api]") {
  const auto node = mono();
  EventBus& bus = node->bus();
  const std::vector<RegistrationKey> keys{key("K:1")};
  Story story;
  const auto registration = must(bus.register_listener(teller(story), key("K:1")));

  must(bus.dispatch({.type = "t", .payload = "by key"}, key("K:1")));
  must(bus.dispatch({.type = "t", .payload = "in braces"}, {key("K:1"), key("K:2")}));
  must(bus.dispatch({.type = "t", .payload = "by list"}, keys));
  must(bus.dispatch({.type = "t", .payload = "to nobody"}));

  CHECK(story.words() == std::vector<std::string>{"by key", "in braces", "by list"});
}

TEST_CASE("a listener is made from a function of a delivery, of an event, or of anything", "[api]") {
  const auto node = mono();
  EventBus& bus = node->bus();
  Story story;
  std::vector<Registration> registrations;
  const auto add = [&](std::shared_ptr<Listener> listener) {
    registrations.push_back(must(bus.register_listener(std::move(listener), key("K:1"))));
  };

  add(make_listener([&](const Delivery& delivery) { story.add("delivery " + delivery.event.payload()); }));
  add(make_listener([&](const Event& event) { story.add("event " + event.payload()); }));
  add(make_listener([&](const auto& delivery) { story.add("any " + std::to_string(delivery.attempt)); }));
  must(bus.dispatch(sample("e"), key("K:1")));

  auto words = story.words();
  std::ranges::sort(words);
  CHECK(words == std::vector<std::string>{"any 1", "delivery e", "event e"});
}

TEST_CASE("a group listener made from a function of an event says what became of it", "[api]") {
  const auto node = mono();
  EventBus& bus = node->bus();
  const auto refuse = [](const Event& event) { return Outcome::refuse("no " + event.payload()); };
  const auto registration = must(bus.register_listener(make_listener(refuse), group("g")));

  must(bus.dispatch(sample("letter")));

  const auto ids = must(bus.dead_letters().ids(group("g")));
  REQUIRE(ids.size() == 1);
  const auto letter = must(bus.dead_letters().find(group("g"), ids[0]));
  REQUIRE(letter.has_value());
  CHECK(letter->attempts.back().error == "no letter");
}

TEST_CASE("a report is complete when every peer has seen it and the node has not failed", "[api]") {
  SeenBy seen;
  CHECK(seen.complete());
  seen.peers.push_back({.id = {}, .name = "a", .seen = true});
  CHECK(seen.complete());
  seen.peers.push_back({.id = {}, .name = "b", .seen = false});
  CHECK_FALSE(seen.complete());
  CHECK_FALSE(SeenBy{.peers = {}, .failure = Error{ErrorCode::node_failed, "twin"}}.complete());

  RegistrationReceipt receipt;
  CHECK(receipt.complete());
  receipt.failure = Error{ErrorCode::node_failed, "twin"};
  CHECK_FALSE(receipt.complete());
  receipt.failure.reset();
  receipt.missing.emplace_back("b");
  CHECK_FALSE(receipt.complete());
}

TEST_CASE("the headers know the version that is built", "[api]") { CHECK(library_version == EVMESH_VERSION); }
