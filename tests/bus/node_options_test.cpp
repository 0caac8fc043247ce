#include "bus/node_options.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::bus;

namespace {

std::string refusal(const NodeOptions& options) {
  const auto checked = check_options(options);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ErrorCode::invalid_argument);
  return checked.error().message;
}

}  // namespace

TEST_CASE("the defaults are accepted", "[bus][options]") {
  CHECK(check_options({}));
  CHECK(check_mono_options({}));
}

TEST_CASE("a node's name has 1 to 64 characters of a small set, or is made", "[bus][options]") {
  NodeOptions options;
  options.name = std::string(64, 'n');
  CHECK(check_options(options));

  options.name += 'n';
  CHECK(refusal(options).find("must be 1 to 64 characters") != std::string::npos);
  options.name = "a b";
  CHECK(refusal(options) == "node name \"a b\" must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
}

TEST_CASE("a node without a name is called by the first digits of its id", "[bus][options]") {
  NodeOptions options;
  const Uuid id = Uuid::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01").value();

  CHECK(name_of(options, id) == "node-0b8f5c1e");
  options.name = "alice";
  CHECK(name_of(options, id) == "alice");
}

TEST_CASE("a node has 1 to 16 buses of different names", "[bus][options]") {
  NodeOptions options;
  options.buses.clear();
  CHECK(refusal(options) == "0 buses; a node has 1 to 16");
  for (int i = 0; i < 16; ++i) options.buses.push_back("bus" + std::to_string(i));
  CHECK(check_options(options));
  options.buses.push_back("one-more");
  CHECK(refusal(options) == "17 buses; a node has 1 to 16");
  options.buses = {"events", "events"};
  CHECK(refusal(options) == "bus name \"events\" is given twice");
  options.buses = {"a/b"};
  CHECK(refusal(options).find("bus name \"a/b\"") == 0);
}

TEST_CASE("sizes and times outside their range are refused by their name", "[bus][options]") {
  NodeOptions options;
  options.event_size_bytes_max = (16 << 20) + 1;
  CHECK(refusal(options) == "event_size_bytes_max is 16777217; it must be 1 to 16777216");
  options = {};
  options.event_size_bytes_max = 0;
  CHECK(refusal(options).find("event_size_bytes_max is 0") == 0);
  options = {};
  options.pool_threads_max = 0;
  CHECK(refusal(options).find("pool_threads_max is 0") == 0);
  options = {};
  options.notify_wait = std::chrono::milliseconds{-1};
  CHECK(refusal(options) == "notify_wait is -1 ms; it must not be negative");
  options = {};
  options.join_timeout = std::chrono::milliseconds{-1};
  CHECK(refusal(options) == "join_timeout is -1 ms; it must not be negative");
  options = {};
  options.payload = PayloadFormat::raw;
  CHECK(refusal(options).find("payload must be json or binary") == 0);
}

TEST_CASE("mono with anything of the mesh is an error that names both", "[bus][options]") {
  NodeOptions seeded;
  seeded.seeds = {"tcp://127.0.0.1:7520"};
  NodeOptions listening;
  listening.listen = "tcp://127.0.0.1:0";
  NodeOptions advertising;
  advertising.advertise = "tcp://host:1";

  CHECK(check_mono_options(seeded).error().message ==
        "mode mono has no mesh, but seeds is \"tcp://127.0.0.1:7520\"; leave it out, or choose mode "
        "scale-efficient or broadcast");
  CHECK(check_mono_options(listening).error().message.find("listen is \"tcp://127.0.0.1:0\"") !=
        std::string::npos);
  CHECK(check_mono_options(advertising).error().message.find("advertise") != std::string::npos);
}

TEST_CASE("the window holds the largest event and the ring holds the window", "[bus][options]") {
  NodeOptions options;
  options.event_size_bytes_max = 1000;
  options.window_bytes = 1000;
  options.ring_bytes_max = 1000;
  CHECK(check_sizes(options));

  options.window_bytes = 999;
  CHECK(check_sizes(options).error().message ==
        "window_bytes is 999, less than event_size_bytes_max (1000); raise it, or lower the other");
  options.window_bytes = 1001;
  CHECK(
      check_sizes(options).error().message ==
      "ring_bytes_max is 1000, less than window_bytes (1001); raise it, or peers in step would miss events");
}

TEST_CASE("a node of the mesh opens only with sizes that fit, a mono node needs none", "[bus][options]") {
  NodeOptions options;
  options.ring_bytes_max = 1;
  CHECK(Node::open(options));

  options.mode = Mode::broadcast;
  options.listen = "tcp://127.0.0.1:0";
  const auto refused = Node::open(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_argument);
  CHECK(refused.error().message.find("ring_bytes_max is 1,") == 0);
}

TEST_CASE("what the library says of options names those of the library", "[bus][options]") {
  NodeOptions options;
  options.mode = Mode::broadcast;

  const auto refused = Node::open(options);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("for example listen = tcp://127.0.0.1:7520") != std::string::npos);
  CHECK(refused.error().message.find("mesh.") == std::string::npos);
}

TEST_CASE("the level that nobody chose depends on the disk and on the mode", "[bus][options]") {
  NodeOptions options;
  CHECK(level_of(options) == Level::memory);
  options.data_dir = "d";
  CHECK(level_of(options) == Level::disk);
  options.mode = Mode::broadcast;
  CHECK(level_of(options) == Level::replicated);
  options.data_dir.clear();
  CHECK(level_of(options) == Level::memory);
  options.level = Level::disk;
  CHECK(level_of(options) == Level::disk);
}

TEST_CASE("copies need other nodes and a disk, and their number has a range", "[bus][options]") {
  NodeOptions options;
  options.level = Level::replicated;
  options.data_dir = "d";
  CHECK(refusal(options) ==
        "level replicated keeps copies on other nodes, and mode mono has none; use disk, or choose mode "
        "scale-efficient or broadcast");
  options.mode = Mode::broadcast;
  CHECK(check_options(options));
  options.data_dir.clear();
  CHECK(refusal(options) == "level replicated needs a data_dir; set one, or use memory");
  options.data_dir = "d";
  options.copies = 5;
  CHECK(check_options(options));
  options.copies = 6;
  CHECK(refusal(options) == "copies is 6; it must be 0 to 5");
}
