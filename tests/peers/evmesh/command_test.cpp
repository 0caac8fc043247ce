#include "evmesh/command.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using cli::Arguments;
using peers::ExitCode;

namespace {

/// What is wrong with these words, which no node is asked about.
std::string wrong(std::vector<std::string> words) {
  const auto done = cli::run_command({std::move(words), {}});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ExitCode::usage);
  return done.error().message;
}

peers::Failure unavailable(std::vector<std::string> words) {
  const auto done = cli::run_command({std::move(words), {{"EVMESH_SERVER", "unix:/none/a.sock"}}});
  REQUIRE_FALSE(done);
  return done.error();
}

}  // namespace

TEST_CASE("a verb that there is not is refused with the one that was probably meant", "[evmesh]") {
  CHECK(wrong({}) == "what to do is missing; evmesh --help lists all verbs");
  CHECK(wrong({"-o", "json"}) == "what to do is missing; evmesh --help lists all verbs");
  CHECK(wrong({"statsu"}) == "unknown verb \"statsu\"; did you mean evmesh status?");
  CHECK(wrong({"-s", "there", "key", "lss"}) == "unknown verb \"key lss\"; did you mean evmesh key ls?");
  CHECK(wrong({"quite-another-thing"}) == "unknown verb \"quite-another-thing\"; evmesh --help lists all verbs");
  CHECK(wrong({"key"}) == "key what? Use key ls");
}

TEST_CASE("words and flags that a verb does not take are refused, with how it is called", "[evmesh]") {
  CHECK(wrong({"status", "--watc"}) == "unknown flag \"--watc\"; did you mean --watch?");
  CHECK(wrong({"status", "more"}) == "\"more\" is one word too many; it is evmesh status");
  CHECK(wrong({"event", "show"}) == "a word is missing; it is evmesh event show ID");
  CHECK(wrong({"status", "--timeout", "5s", "--timeout", "6s"}) == "--timeout is given twice: \"5s\" and \"6s\"");
}

TEST_CASE("values of flags are refused with what they may be", "[evmesh]") {
  CHECK(wrong({"status", "-o", "xml"}) == "-o \"xml\": use table, json or jsonl");
  CHECK(wrong({"status", "--timeout", "0s"}) == "--timeout must be longer than 0");
  CHECK(wrong({"status", "--timeout", "5"}).starts_with("--timeout: \"5\""));
  CHECK(wrong({"dispatch", "t", "--count", "0"}).starts_with("--count \"0\" must be a whole number from 1 to "));
  CHECK(wrong({"dispatch", "t", "--count", "1x"}).starts_with("--count \"1x\" must be a whole number from 1 to "));
}

TEST_CASE("the node is the one of the flag, else of EVMESH_SERVER", "[evmesh]") {
  const auto asked = unavailable({"status"});
  const auto told = unavailable({"status", "-s", "unix:/none/b.sock"});

  CHECK(asked.code == ExitCode::unavailable);
  CHECK(asked.message.find("/none/a.sock") != std::string::npos);
  CHECK(told.message.find("/none/b.sock") != std::string::npos);
}

TEST_CASE("a flag that is not given has the value that the verb says", "[evmesh]") {
  Arguments arguments;
  arguments.flags["count"] = {"7"};
  arguments.flags["key"] = {"A:1", "B:2"};
  arguments.flags["quiet"] = {};

  CHECK(arguments.number("count", 1, 1, 10) == 7U);
  CHECK(arguments.number("rate", 3, 1, 10) == 3U);
  CHECK(arguments.duration("timeout", "5s") == std::chrono::seconds(5));
  CHECK(arguments.all("key") == std::vector<std::string>{"A:1", "B:2"});
  CHECK(arguments.all("header").empty());
  CHECK(arguments.text("quiet", "otherwise") == "otherwise");
  CHECK(arguments.has("quiet"));
}
