#include "evmeshd/settings.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using daemon::Settings;
using peers::ExitCode;

namespace {

peers::Outcome<Settings> read(std::vector<std::string> flags, std::map<std::string, std::string> environment = {}) {
  auto values = daemon::read_option_values({std::move(flags), std::move(environment)});
  if (!values) return tl::unexpected(values.error());
  return daemon::read_settings(*values);
}

struct Wrong {
  std::vector<std::string> flags;
  std::string message;
};

void check(const std::vector<Wrong>& cases, const std::vector<std::string>& always) {
  for (const auto& [flags, message] : cases) {
    std::vector<std::string> all = always;
    all.insert(all.end(), flags.begin(), flags.end());
    const auto settings = read(all);
    CAPTURE(flags);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == ExitCode::usage);
    CHECK(settings.error().message == message);
  }
}

const std::vector<std::string> alone{"--node.data-dir=d"};
const std::vector<std::string> meshed{"--node.data-dir=d", "--node.mode=broadcast"};

}  // namespace

TEST_CASE("sizes outside their bounds, or of each other's, are refused with the bound", "[evmeshd][settings]") {
  const std::string window_of_event = "bus.window (8MiB) must hold at least one event of bus.event-size-max (16MiB)";
  check(
      {
          {{"--bus.event-size-max=17MiB"}, "--bus.event-size-max: must be 1B to 16MiB"},
          {{"--bus.event-size-max=0"}, "--bus.event-size-max: must be 1B to 16MiB"},
          {{"--bus.event-size-max=16MiB"}, "--bus.event-size-max: " + window_of_event},
          {{"--bus.event-size-max=16MiB", "--bus.window=8MiB"}, "--bus.window: " + window_of_event},
          {{"--bus.ring-size=4MiB"}, "--bus.ring-size: must be at least bus.window (8MiB)"},
          {{"--bus.window=65MiB"}, "--bus.window: must not be over bus.ring-size (64MiB)"},
          {{"--bus.ring-size=65GiB"}, "--bus.ring-size: must be at most 64GiB"},
          {{"--journal.reserve=7MiB"}, "--journal.reserve: \"7MiB\" must be 8MiB to 16GiB"},
          {{"--journal.reserve=17GiB"}, "--journal.reserve: \"17GiB\" must be 8MiB to 16GiB"},
          {{"--journal.dead-letters=1023KiB"}, "--journal.dead-letters: \"1023KiB\" must be 1MiB to 1024GiB"},
      },
      alone);
  CHECK(read({"--node.data-dir=d", "--bus.event-size-max=16MiB", "--bus.window=16MiB", "--bus.ring-size=64GiB"}));
}

TEST_CASE("numbers, times and words that are none are refused with what they may be", "[evmeshd][settings]") {
  check(
      {
          {{"--node.threads=0"}, "--node.threads: \"0\" must be a whole number from 1 to 1024"},
          {{"--node.threads=1025"}, "--node.threads: \"1025\" must be a whole number from 1 to 1024"},
          {{"--mesh.max-nodes=1e1"}, "--mesh.max-nodes: \"1e1\" must be a whole number from 2 to 64"},
          {{"--mesh.join-timeout=61s"},
           "--mesh.join-timeout: \"61s\" is longer than 60s; members that come later are met all the same"},
          {{"--bus.notify-wait=30"}, "--bus.notify-wait: \"30\" has no unit; write \"30s\" or \"30ms\""},
          {{"--node.mode=solo"}, "--node.mode: \"solo\" is none of: mono, scale-efficient, broadcast"},
          {{"--bus.copies=6"}, "--bus.copies: \"6\" is none of: auto, 1, 2, 3, 4, 5"},
          {{"--node.execute-group-listeners=maybe"},
           "--node.execute-group-listeners: \"maybe\" is none of: true, false, yes, no, 1, 0"},
          {{"--node.name=a\nb"}, "--node.name: \"a\\nb\" holds control characters or is not UTF-8"},
      },
      alone);
  CHECK(read(alone, {{"EVMESH_NODE_NAME", ""}}).error().message ==
        "EVMESH_NODE_NAME: node.name: the value is empty; leave the option out instead");
}

TEST_CASE("a node needs a directory or none, and a place for its socket", "[evmeshd][settings]") {
  const std::string socket(108, 's');
  check(
      {
          {{"--admin.socket=s"},
           "--node.data-dir: is needed: give --node.data-dir DIR, or --transient for a node that keeps nothing"},
          {{"--transient"}, "--admin.socket: is needed when there is no data directory: give --admin.socket PATH"},
          {{"--node.data-dir=d", "--transient"}, "--transient: node.transient: contradicts node.data-dir \"d\"; leave one out"},
          {{"--node.data-dir=d", "--admin.socket=" + socket},
           "--admin.socket: \"" + std::string(64, 's') +
               "...\" has 108 bytes; 107 is the most a UNIX socket can have; set admin.socket to a shorter path"},
      },
      {});
  CHECK(read({"--node.data-dir=d", "--admin.socket=" + std::string(107, 's')}));
  const auto settings = read({"--node.data-dir=d"});
  REQUIRE(settings);
  CHECK(settings->admin_socket == "d/admin.sock");
}

TEST_CASE("names and endpoints are refused one by one, as the library would", "[evmeshd][settings]") {
  const std::string cluster(256, 'c');
  check(
      {
          {{"--mesh.seed=tcp://127.0.0.1:1"},
           "--mesh.seed: mode mono has no mesh, but seeds is \"tcp://127.0.0.1:1\"; leave it out, or choose mode "
           "scale-efficient or broadcast"},
          {{"--mesh.advertise=tcp://127.0.0.1:1"},
           "--mesh.advertise: mode mono has no mesh, but advertise is \"tcp://127.0.0.1:1\"; leave it out, or choose mode "
           "scale-efficient or broadcast"},
      },
      alone);
  check({{{"--mesh.cluster=" + cluster}, "--mesh.cluster: \"" + std::string(64, 'c') + "...\" is longer than 255 bytes"}}, meshed);
  const auto names = [](std::vector<std::string> more, std::string_view flag, std::string_view value) {
    more.insert(more.end(), meshed.begin(), meshed.end());
    const auto settings = read(more);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == ExitCode::usage);
    CHECK(settings.error().message.starts_with(std::string(flag) + ": "));
    CHECK(settings.error().message.find(value) != std::string::npos);
  };
  names({"--node.name=a/b"}, "--node.name", "a/b");
  names({"--bus.name=a", "--bus.name=b!"}, "--bus.name", "b!");
  names({"--mesh.listen=tcp://0.0.0.0:7520", "--mesh.advertise=tcp://127.0.0.1:7520"}, "--mesh.listen", "insecure");
  names({"--mesh.seed=tcp://127.0.0.1:1", "--mesh.seed=tcp://127.0.0.1"}, "--mesh.seed", "\"tcp://127.0.0.1\"");
  names({"--mesh.advertise=x"}, "--mesh.advertise", "\"x\"");
}

TEST_CASE("what can be meant but hardly is gets a warning", "[evmeshd][settings]") {
  const auto settings = read({"--transient", "--admin.socket=s", "--node.mode=broadcast", "--mesh.seed=tcp://127.0.0.1:1",
                              "--mesh.seed=tcp://127.0.0.1:1", "--node.execute-group-listeners=false"});

  REQUIRE(settings);
  CHECK(settings->warnings ==
        std::vector<std::string>{"--mesh.seed: \"tcp://127.0.0.1:1\" is given twice",
                                 "--node.execute-group-listeners: false at level memory, so what groups are owed ends with "
                                 "this process, never run"});
}

TEST_CASE("a level that the node cannot keep is refused", "[evmeshd][settings]") {
  check({{{"--bus.level=safe"}, "--bus.level: \"safe\" is none of: memory, disk, replicated"}}, meshed);
  const auto alone_replicated = read({"--node.data-dir=d", "--bus.level=replicated"});
  REQUIRE_FALSE(alone_replicated);
  CHECK(alone_replicated.error().message.find("mode mono has none") != std::string::npos);
  CHECK(read({"--node.data-dir=d", "--node.mode=broadcast", "--bus.level=disk"}));
}
