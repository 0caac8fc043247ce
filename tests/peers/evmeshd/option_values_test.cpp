#include "evmeshd/option_values.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using daemon::OptionValues;
using daemon::read_option_values;

namespace {

using Texts = std::vector<std::string>;

OptionValues read(Texts arguments, std::map<std::string, std::string> environment = {}) {
  auto values = read_option_values({std::move(arguments), std::move(environment)});
  REQUIRE(values);
  return *std::move(values);
}

/// What is wrong with them; of flags and variables it is always `usage`.
std::string wrong(Texts arguments, std::map<std::string, std::string> environment = {}) {
  const auto values = read_option_values({std::move(arguments), std::move(environment)});
  REQUIRE_FALSE(values);
  CHECK(values.error().code == peers::ExitCode::usage);
  return values.error().message;
}

}  // namespace

TEST_CASE("flags go over variables, those over files, a later file over an earlier one, all over defaults",
          "[evmeshd][options]") {
  const support::TempDir place;
  const std::string first = (place.path() / "1.conf").native(), second = (place.path() / "2.conf").native();
  std::ofstream(first) << "[node]\nname = one\nthreads = 1\nmode = broadcast\n[mesh]\nseed = tcp://a:1\nseed = tcp://b:1\n";
  std::ofstream(second) << "[node]\nname = two\nthreads = 2\n";
  const auto values = read({"-c", first, "-c", second, "--node.name", "flag"}, {{"EVMESH_NODE_NAME", "variable"},
                                                                                  {"EVMESH_NODE_THREADS", "3"}});
  const auto& name = values.by_name.at("node.name");
  const auto& threads = values.by_name.at("node.threads");

  CHECK(name.texts == Texts{"flag"});
  CHECK(name.origin == "--node.name");
  CHECK(threads.texts == Texts{"3"});
  CHECK(threads.origin == "EVMESH_NODE_THREADS");
  CHECK(values.by_name.at("node.mode").origin == first + ":4");
  CHECK(values.by_name.at("mesh.seed").texts == Texts{"tcp://a:1", "tcp://b:1"});
  CHECK(values.by_name.at("log.level").origin == "default");
}

TEST_CASE("one variable has all values of a setting that may be repeated", "[evmeshd][options]") {
  const auto values = read({}, {{"EVMESH_MESH_SEED", " tcp://a:1, tcp://b:1 tcp://c:1,"}, {"EVMESH_NODE_NAME", "a, b"}});

  CHECK(values.by_name.at("mesh.seed").texts == Texts{"tcp://a:1", "tcp://b:1", "tcp://c:1"});
  CHECK(values.by_name.at("node.name").texts == Texts{"a, b"});
}

TEST_CASE("variables of the other programs, and of nobody, are left alone", "[evmeshd][options]") {
  CHECK(read({}, {{"EVMESH_SERVER", "x"}, {"EVMESH_MAILDIR_ROOT", "x"}, {"EVMESH_EVENT_TYPE", "x"}, {"PATH", "x"}})
            .by_name.count("node.name") == 0);
}

TEST_CASE("an unknown variable is refused with the one that was probably meant", "[evmeshd][options]") {
  CHECK(wrong({}, {{"EVMESH_NODE_NAEM", "x"}}) ==
        "unknown environment variable \"EVMESH_NODE_NAEM\"; did you mean EVMESH_NODE_NAME?");
  CHECK(wrong({}, {{"EVMESH_LISTENER_A_TYPE", "log"}}) ==
        "unknown environment variable \"EVMESH_LISTENER_A_TYPE\"; listeners are configured in a file, as [listener.NAME]");
}

TEST_CASE("flags that there are not, given twice or standing alone are refused", "[evmeshd][options]") {
  CHECK(wrong({"--node.naem", "x"}) == "unknown flag \"--node.naem\"; did you mean --node.name?");
  CHECK(wrong({"--listener.a.type", "log"}) ==
        "unknown flag \"--listener.a.type\"; listeners are configured in a file, as [listener.NAME]");
  CHECK(wrong({"--node.name=a", "--node.name=b"}) == "--node.name is given twice: \"a\" and \"b\"");
  CHECK(wrong({"f.conf"}) == "\"f.conf\" stands without a flag; files are given as -c FILE");
  CHECK(wrong({"--node.mode"}) == "flag \"--node.mode\" has no value; write --node.mode VALUE");
}

TEST_CASE("the short forms mean the long ones, and help needs nothing else", "[evmeshd][options]") {
  const auto values = read({"--transient", "--insecure", "--check-config", "--ready-file", "r"});

  CHECK(values.by_name.at("node.transient").texts == Texts{"true"});
  CHECK(values.by_name.at("mesh.insecure").origin == "--insecure");
  CHECK(values.check_config);
  CHECK_FALSE(values.print_config);
  CHECK(values.ready_file == "r");
  CHECK(read({"-h"}, {{"EVMESH_NONE", "x"}}).help);
  CHECK(read({"-V"}).version);
}
