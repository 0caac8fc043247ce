#include "bus/local_node.hpp"

#include "bus/support.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

TEST_CASE("a mono node says what it is", "[bus][local-node]") {
  NodeOptions options;
  options.buses = {"mail", "jmap"};
  const auto node = must(open_mono(options));

  must(node->bus().dispatch(sample()));
  const NodeStatus status = node->status();

  CHECK(status.mode == Mode::mono);
  CHECK_FALSE(status.id.nil());
  CHECK(status.name == "node-" + status.id.to_string().substr(0, 8));
  CHECK(status.members.empty());
  CHECK(status.heads == std::map<std::string, std::uint64_t>{{"jmap", 0}, {"mail", 0}});
  CHECK(status.counters.at("evmesh_events_dispatched_total") == 1);
  CHECK_FALSE(status.failed);
}

TEST_CASE("the buses of a mono node are found by name, the first without", "[bus][local-node]") {
  NodeOptions options;
  options.buses = {"mail", "jmap"};
  const auto node = must(open_mono(options));

  CHECK(node->bus().name() == "mail");
  CHECK(must(node->bus("jmap"))->name() == "jmap");
  CHECK(node->bus("other").error().message == "no bus is called \"other\"; there are \"mail\", \"jmap\"");
}

TEST_CASE("a mono node lists its keys by bus and explains each", "[bus][local-node]") {
  NodeOptions options;
  options.buses = {"mail", "jmap"};
  const auto node = must(open_mono(options));
  Story story;
  const auto first = must(node->bus().register_listener(teller(story), key("K:1")));
  const auto second = must(must(node->bus("jmap"))->register_listener(teller(story), key("K:2")));

  const auto keys = node->keys();

  REQUIRE(keys.size() == 2);
  CHECK(keys[0].bus == "jmap");
  CHECK(keys[1].bus == "mail");
  CHECK(must(node->explain("mail", key("K:1"))).listeners == 1);
  CHECK(must(node->explain("mail", key("K:2"))).listeners == 0);
  CHECK(code(node->explain("other", key("K:1"))) == ErrorCode::invalid_argument);
}

TEST_CASE("a mono node has no members to forget", "[bus][local-node]") {
  const auto node = must(open_mono({}));

  CHECK(code(node->forget("bob")) == ErrorCode::unknown_member);
}

TEST_CASE("a mono node is who its directory says it is, in a later life each time", "[bus][local-node]") {
  const support::TempDir directory;
  NodeOptions options;
  options.data_dir = directory.path() / "node";
  auto first = must(open_mono(options));
  const NodeStatus before = first->status();

  const auto second = open_mono(options);
  CHECK(code(second) == ErrorCode::storage);
  first.reset();
  const NodeStatus after = must(open_mono(options))->status();

  CHECK(after.id == before.id);
  CHECK(after.epoch > before.epoch);
}

TEST_CASE("bad options open nothing", "[bus][local-node]") {
  NodeOptions named;
  named.name = "a b";
  NodeOptions seeded;
  seeded.seeds = {"tcp://127.0.0.1:7520"};

  CHECK(code(open_mono(named)) == ErrorCode::invalid_argument);
  CHECK(code(open_mono(seeded)) == ErrorCode::invalid_argument);
}

TEST_CASE("leaving stops a mono node", "[bus][local-node]") {
  const auto node = must(open_mono({}));

  node->leave();
  node->stop();

  CHECK(code(node->bus().dispatch(sample())) == ErrorCode::closed);
}
