#include "evmesh-maildir/settings.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::maildir;
using evmesh::peers::ExitCode;
using evmesh::peers::OptionSources;
using namespace std::chrono_literals;

namespace {

using Environment = std::map<std::string, std::string>;

auto read(std::vector<std::string> arguments, Environment environment = {}) {
  return read_settings(OptionSources{std::move(arguments), std::move(environment)}, "/here");
}

Settings settings(std::vector<std::string> arguments, Environment environment = {}) {
  return std::get<Settings>(read(std::move(arguments), std::move(environment)).value());
}

std::string refusal(std::vector<std::string> arguments, Environment environment = {}) {
  const auto refused = read(std::move(arguments), std::move(environment));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::usage);
  return refused.error().message;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the defaults are as documented", "[maildir][settings]") {
  const Settings read = settings({"--root", "/m/%u/Maildir", "-s", "/run/n.sock"}, {{"HOME", "/h"}});

  CHECK(read.state_dir == "/h/.local/state/evmesh-maildir");
  CHECK(read.server->socket == "/run/n.sock");
  CHECK(read.bus == "events");
  CHECK(read.timeout == 5s);
  CHECK(read.give_up == 0ms);
  CHECK(read.rescan == 5min);
  CHECK_FALSE(read.once);
  CHECK(settings({"--root", "/m/%u", "--print", "--once"}).give_up == 10s);
}

TEST_CASE("the state directory follows the XDG rules", "[maildir][settings]") {
  const std::map<std::string, std::string> both{{"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}};
  CHECK(settings({"--root", "/m/%u", "-s", "/n.sock"}, both).state_dir == "/s/evmesh-maildir");
  CHECK(settings({"--root", "/m/%u", "-s", "/n.sock"}).state_dir == "/here/evmesh-maildir-state");
}

TEST_CASE("what was printed is no reason not to dispatch it: --print has a state of its own", "[maildir][settings]") {
  CHECK(settings({"--root", "/m/%u", "--print"}, {{"HOME", "/h"}}).state_dir == "/h/.local/state/evmesh-maildir-print");
  CHECK(settings({"--root", "/m/%u", "--print"}).state_dir == "/here/evmesh-maildir-print-state");
  CHECK(settings({"--root", "/m/%u", "--print", "--state-dir", "/s"}).state_dir == "/s");
}

TEST_CASE("flags go over environment, and the program's own variables over EVMESH_SERVER",
          "[maildir][settings]") {
  const Environment both{
      {"EVMESH_SERVER", "/a.sock"}, {"EVMESH_MAILDIR_SOCKET", "/b.sock"}, {"EVMESH_MAILDIR_ROOT", "/m/%u"}};

  CHECK(settings({}, both).server->socket == "/b.sock");
  CHECK(settings({"--socket", "/c.sock"}, both).server->socket == "/c.sock");
  CHECK(settings({"--root", "/m/%u"}, {{"EVMESH_SERVER", "unix:/a.sock"}}).server->socket == "/a.sock");
  CHECK(settings({}, {{"EVMESH_MAILDIR_ROOT", "/m/%u"}, {"EVMESH_MAILDIR_PRINT", "true"}}).print);
}

TEST_CASE("what is unknown is refused with what was probably meant", "[maildir][settings]") {
  CHECK(holds(refusal({"--rooot", "/m/%u"}), "--root"));
  CHECK(holds(refusal({"--onc"}), "did you mean --once?"));
  CHECK(holds(refusal({}, {{"EVMESH_MAILDIR_ROOTS", "/m/%u"}}), "did you mean EVMESH_MAILDIR_ROOT?"));
  CHECK_FALSE(refusal({"stray"}).empty());
  CHECK(holds(refusal({"--roo", "/m/%u"}), "unknown flag"));
}

TEST_CASE("wrong values are refused naming flag and value", "[maildir][settings]") {
  CHECK(holds(refusal({"--print"}), "--root is missing"));
  CHECK(holds(refusal({"--root", "/home", "--print"}), "\"/home\""));
  CHECK(holds(refusal({"--root", "/m/%u"}), "--socket PATH"));
  CHECK(holds(refusal({"--root", "/m/%u", "-s", "ftp://x"}), "\"ftp://x\""));
  CHECK(holds(refusal({"--root", "/m/%u", "--print", "--timeout", "5"}), "--timeout: \"5\""));
  CHECK(holds(refusal({"--root", "/m/%u", "--print", "--log-level", "loud"}), "\"loud\""));
  CHECK(holds(refusal({"--root", "/m/%u", "--print", "--bus", "a b"}), "\"a b\""));
  CHECK(holds(refusal({"--root", "/h/%u/M", "--print", "--state-dir", "/h/alice/M/s"}), "in a Maildir"));
  CHECK_FALSE(refusal({"--root", "/m/%u", "--root", "/m/%u/x", "--print"}).empty());
}

TEST_CASE("--help shows two examples and --version a version", "[maildir][settings]") {
  const std::string help = std::get<Text>(read({"--help"}).value()).text;

  CHECK(holds(help, "Examples:\n  evmesh-maildir --root"));
  CHECK(holds(help, "--print | jq"));
  CHECK(holds(help, "--state-dir"));
  CHECK(std::get<Text>(read({"--version"}).value()).text.starts_with("evmesh-maildir "));
}
