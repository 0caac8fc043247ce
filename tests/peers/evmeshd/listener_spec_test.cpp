#include "evmeshd/listeners/listener_spec.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "evmeshd/settings.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace std::chrono_literals;
using daemon::ListenerType;
using daemon::Settings;

namespace {

/// As a daemon with this file would read it; lines count from 1 at the beginning of `text`.
peers::Outcome<Settings> read(const std::string& text, std::vector<std::string> flags = {}) {
  const support::TempDir place;
  const std::string file = (place.path() / "f.conf").native();
  std::ofstream(file) << text;
  flags.insert(flags.end(), {"-c", file, "--transient", "--admin.socket=s"});
  auto values = daemon::read_option_values({flags, {}});
  if (!values) return tl::unexpected(values.error());
  return daemon::read_settings(*values);
}

}  // namespace

TEST_CASE("a section becomes a listener, with the defaults of what it does not say", "[evmeshd][listeners]") {
  const auto settings = read(
      "[listener.index]\ntype = exec\ngroup = search-index\ncommand = /bin/true --fast 'a b'\nevents = "
      "Added\nevents = Flags*\n"
      "[listener.heard]\ntype = log\nkey = User:bob, and alice\nkey = User:eve\nlevel = debug\n"
      "[listener.kept]\ntype = file\neach-node = true\npath = /tmp/f\n");

  REQUIRE(settings);
  REQUIRE(settings->listeners.size() == 3);
  const auto& index = settings->listeners[0];
  CHECK(index.name == "index");
  CHECK(index.type == ListenerType::exec);
  CHECK(index.group->to_string() == "search-index");
  CHECK(index.command == std::vector<std::string>{"/bin/true", "--fast", "a b"});
  CHECK(index.events == std::vector<std::string>{"Added", "Flags*"});
  CHECK(index.bus == "events");
  CHECK(index.concurrency == 10);
  CHECK(index.timeout == 10min);
  CHECK(index.retry == RetryPolicy{});
  const auto& heard = settings->listeners[1];
  CHECK(heard.keys.size() == 2);
  CHECK(heard.keys[0].to_string() == "User:bob, and alice");
  CHECK(heard.level == LogLevel::debug);
  CHECK(settings->listeners[2].each_node);
  CHECK(settings->listeners[2].file == "/tmp/f");
}

TEST_CASE("a section says how its group is run", "[evmeshd][listeners]") {
  const auto settings = read(
      "[bus]\nname = a\nname = b\n[listener.q]\ntype = count\ngroup = g\nbus = b\nconcurrency = 4\ntimeout = "
      "10s\n"
      "retry.retries = 2\nretry.first = 1s\nretry.cap = 1m\nretry.jitter = 0.25\n");

  REQUIRE(settings);
  const auto& one = settings->listeners[0];
  CHECK(one.bus == "b");
  CHECK(one.concurrency == 4);
  CHECK(one.timeout == 10s);
  CHECK(one.retry == RetryPolicy{2, 1s, 1min, 0.25});
}

TEST_CASE("a command and a shell's text are the whole rest of the line", "[evmeshd][listeners]") {
  const auto settings = read(
      "[listener.a]\ntype = exec\ngroup = a\nshell = read x ; echo \"$x\" # said\n"
      "[listener.b]\ntype = exec\ngroup = b\ncommand = /bin/echo ';' # said\n");

  REQUIRE(settings);
  CHECK(settings->listeners[0].command ==
        std::vector<std::string>{"/bin/sh", "-c", "read x ; echo \"$x\" # said"});
  CHECK(settings->listeners[1].command == std::vector<std::string>{"/bin/echo", ";"});
}

TEST_CASE("every mistake in a section ends with 78, naming file, line, key, value and cure", "[evmeshd][listeners]") {
  const std::string head = "[listener.q]\n";
  const std::string exec = head + "type = exec\ngroup = g\ncommand = true\n";
  const struct {
    std::string text, place, wanted;
  } cases[] = {
      {"[listener]\n", ":1: ", "[listener.NAME]"},
      {"[listener.]\n", ":1: ", "[listener.NAME]"},
      {"[listener.a b]\n", ":1: ", "\"[listener.a b]\""},
      {head + "type = log\ngroup = g\n" + head, ":4: ", "line 1 already"},
      {head, ":1: ", "lacks type"},
      {head + "type = webhook\n", ":2: listener.q.type: ", "\"webhook\" is none of: exec, log, count, file"},
      {head + "tipe = log\n", ":2: ", "did you mean listener.q.type?"},
      {head + "type = log\ntype = log\n", ":3: ", "line 2 already"},
      {head + "type = log\n", ":1: ", "lacks group, key or each-node"},
      {head + "type = log\ngroup = a b\n", ":3: listener.q.group: ", "\"a b\""},
      {head + "type = log\ngroup = a\ngroup = b\n", ":4: ", "line 3 already"},
      {head + "type = log\nkey = User:bob\nkey = bob\n", ":4: listener.q.key: ", "bob"},
      {head + "type = log\ngroup = g\nkey = User:bob\n", ":4: listener.q.key: ", "contradicts group"},
      {head + "type = log\ngroup = g\neach-node = yes\n", ":4: listener.q.each-node: ", "contradicts group"},
      {head + "type = log\neach-node = perhaps\n", ":3: listener.q.each-node: ", "perhaps"},
      {"[node]\nmode = scale-efficient\n" + head + "type = log\neach-node = 1\n",
       ":5: listener.q.each-node: ", "broadcast"},
      {head + "type = log\ngroup = g\nbus = other\n", ":4: listener.q.bus: ", "bus.name has: events"},
      {head + "type = log\ngroup = g\nlevel = loud\n", ":4: listener.q.level: ", "loud"},
      {head + "type = log\ngroup = g\npath = f\n", ":4: listener.q.path: ", "is for type file"},
      {head + "type = log\ngroup = g\ncommand = f\n", ":4: listener.q.command: ", "is for type exec"},
      {head + "type = log\nkey = User:bob\nconcurrency = 2\n",
       ":4: listener.q.concurrency: ", "listeners with a group"},
      {head + "type = log\nkey = User:bob\nretry.first = 1s\n",
       ":4: listener.q.retry.first: ", "listeners with a group"},
      {head + "type = log\nkey = User:bob\ntimeout = 1s\n",
       ":4: listener.q.timeout: ", "type exec and listeners with a group"},
      {head + "type = file\ngroup = g\n", ":1: ", "lacks path"},
      {head + "type = file\ngroup = g\npath =\n", ":4: listener.q.path: ", "empty"},
      {head + "type = exec\ngroup = g\n", ":1: ", "lacks command"},
      {head + "type = exec\ngroup = g\ncommand = a | b\n", ":4: listener.q.command: ", "shell = "},
      {head + "type = exec\ngroup = g\ncommand = 'a\n", ":4: listener.q.command: ", "not closed"},
      {exec + "shell = b\n", ":5: listener.q.shell: ", "contradicts command"},
      {exec + "concurrency = 0\n", ":5: listener.q.concurrency: ", "1 to 64"},
      {exec + "concurrency = 65\n", ":5: listener.q.concurrency: ", "1 to 64"},
      {exec + "timeout = 10\n", ":5: listener.q.timeout: ", "\"10s\""},
      {exec + "timeout = 0\n", ":5: listener.q.timeout: ", "more than 0"},
      {exec + "retry.retries = 1001\n", ":5: listener.q.retry.retries: ", "0 to 1000"},
      {exec + "retry.jitter = 1.5\n", ":5: listener.q.retry.jitter: ", "0 to 1"},
      {exec + "retry.jitter = nan\n", ":5: listener.q.retry.jitter: ", "0 to 1"},
      {exec + "retry.first = 31s\n", ":5: listener.q.retry.first: ", "retry.cap"},
      {exec + "[listener.r]\ntype = log\ngroup = g\n", ":7: listener.r.group: ", "[listener.q] already"},
  };

  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto settings = read(one.text);
    REQUIRE_FALSE(settings);
    CAPTURE(settings.error().message);
    CHECK(settings.error().code == peers::ExitCode::config);
    CHECK(settings.error().message.find("f.conf" + one.place) != std::string::npos);
    CHECK(settings.error().message.find(one.wanted) != std::string::npos);
  }
}

TEST_CASE("the same group on two buses, and the same name in a later file, are no mistakes", "[evmeshd][listeners]") {
  CHECK(
      read("[bus]\nname = a\nname = b\n[listener.a]\ntype = log\ngroup = g\n[listener.b]\ntype = log\ngroup "
           "= g\nbus = b\n"));
}

TEST_CASE("a later file has a section of the same name instead of the earlier one", "[evmeshd][listeners]") {
  const support::TempDir place;
  const std::string first = (place.path() / "first").native();
  std::ofstream(first) << "[listener.q]\ntype = log\ngroup = first\nlevel = debug\n";

  const auto settings = read("[listener.q]\ntype = count\ngroup = second\n", {"-c", first});

  REQUIRE(settings);
  REQUIRE(settings->listeners.size() == 1);
  CHECK(settings->listeners[0].type == ListenerType::count);
  CHECK(settings->listeners[0].group->to_string() == "second");
}

TEST_CASE("a program or directory that is not there is warned of with the section's line", "[evmeshd][listeners]") {
  const auto settings = read(
      "[listener.a]\ntype = exec\ngroup = a\ncommand = /absent/program\n"
      "[listener.b]\ntype = exec\ngroup = b\ncommand = true\ndirectory = /absent\n"
      "[listener.c]\ntype = exec\ngroup = c\ncommand = sh\n");

  REQUIRE(settings);
  REQUIRE(settings->warnings.size() == 2);
  CHECK(settings->warnings[0].find(":1: [listener.a]: program \"/absent/program\"") != std::string::npos);
  CHECK(settings->warnings[1].find(":5: [listener.b]: directory \"/absent\"") != std::string::npos);
}

TEST_CASE("a listener as a flag or a variable is refused with where it belongs", "[evmeshd][listeners]") {
  const auto flag = daemon::read_option_values({{"--listener.q.type=log"}, {}});
  const auto variable = daemon::read_option_values({{}, {{"EVMESH_LISTENER_Q_TYPE", "log"}}});

  CHECK(flag.error().message.find("[listener.NAME]") != std::string::npos);
  CHECK(variable.error().message.find("[listener.NAME]") != std::string::npos);
}

TEST_CASE("the effective configuration of listeners reads back as the same", "[evmeshd][listeners]") {
  const support::TempDir place;
  const std::string file = (place.path() / "f.conf").native();
  std::ofstream(file) << "[listener.a]\ntype = exec\ngroup = g\nshell = a ; b # c\nretry.jitter = 0\n"
                         "[listener.b]\ntype = log\nkey = User:bob\nkey = User:eve\n";
  const auto printed = [](const std::string& from) {
    auto values = daemon::read_option_values({{"-c", from, "--transient", "--admin.socket=s"}, {}}).value();
    REQUIRE(daemon::read_settings(values));
    return daemon::effective_config(values);
  };
  const auto without_origins = [](std::string text) {
    for (std::size_t at = text.find("  # "); at != std::string::npos; at = text.find("  # "))
      text.erase(at, text.find('\n', at) - at);
    return text;
  };

  const std::string once = printed(file);
  std::ofstream(file) << once;
  const std::string twice = printed(file);

  CHECK(without_origins(twice) == without_origins(once));
  CHECK(once.find("shell = a ; b # c\n") != std::string::npos);
  CHECK(once.find("[listener.b]  # ") != std::string::npos);
}
