#include "common/stderr_log.hpp"

#include <array>
#include <string>

#include <unistd.h>
#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::peers;

namespace {

/// What `write` sends to standard error.
template <class Write>
std::string captured(Write write) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const int kept = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  write();
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::array<char, 1000> text{};
  const ssize_t got = read(ends[0], text.data(), text.size());
  close(ends[0]);
  return {text.data(), static_cast<std::size_t>(got)};
}

const LogRecord sample{LogLevel::warning, "node_gone", {{"why", "a b"}}};

}  // namespace

TEST_CASE("a line begins with the time in UTC and microseconds", "[peers][log]") {
  const std::string line = captured([] { stderr_log(LogLevel::info, LogForm::timestamp)(sample); });

  using Catch::Matchers::Matches;
  CHECK_THAT(line,
             Matches(R"(ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=warning msg=node_gone why="a b"\n)"));
}

TEST_CASE("under systemd a line begins with the level as a number", "[peers][log]") {
  CHECK(captured([] { stderr_log(LogLevel::info, LogForm::journal)(sample); }) ==
        "<4>level=warning msg=node_gone why=\"a b\"\n");
}

TEST_CASE("records below the least level are not written", "[peers][log]") {
  CHECK(captured([] { stderr_log(LogLevel::error, LogForm::journal)(sample); }).empty());
}

TEST_CASE("a log level has a name", "[peers][log]") {
  CHECK(parse_log_level("warning") == LogLevel::warning);
  CHECK(parse_log_level("loud").error().message ==
        "\"loud\" is no log level; use debug, info, warning or error");
}
