#include "common/options.hpp"

#include <cstdlib>

#include <catch2/catch.hpp>

using namespace evmesh::peers;
namespace po = boost::program_options;

namespace {

po::options_description sample() {
  po::options_description known;
  known.add_options()("data-dir", po::value<std::string>()->default_value("here"))("quick",
                                                                                   po::bool_switch());
  return known;
}

Outcome<po::variables_map> parse(std::vector<std::string> arguments,
                                 std::map<std::string, std::string> environment = {}) {
  const po::options_description known = sample();
  return parse_options(known, {std::move(arguments), std::move(environment)},
                       {.prefix = "SAMPLE_", .others = {{"PLACE", "data-dir"}}});
}

}  // namespace

TEST_CASE("flags go over the program's variables, those over others, and all over defaults",
          "[peers][options]") {
  const auto value = [](const auto& parsed) { return (*parsed)["data-dir"].template as<std::string>(); };

  CHECK(value(parse({})) == "here");
  CHECK(value(parse({}, {{"PLACE", "a"}})) == "a");
  CHECK(value(parse({}, {{"PLACE", "a"}, {"SAMPLE_DATA_DIR", "b"}})) == "b");
  CHECK(value(parse({"--data-dir", "c"}, {{"SAMPLE_DATA_DIR", "b"}})) == "c");
}

TEST_CASE("an unknown flag or variable is refused with the one that was probably meant", "[peers][options]") {
  CHECK(parse({"--quik"}).error() ==
        Failure{ExitCode::usage, "unknown flag \"--quik\"; did you mean --quick?"});
  CHECK(parse({}, {{"SAMPLE_QUIK", "1"}}).error() ==
        Failure{ExitCode::usage, "unknown environment variable \"SAMPLE_QUIK\"; did you mean SAMPLE_QUICK?"});
  CHECK(parse({"--zzzzzzzz"}).error().message == "unknown flag \"--zzzzzzzz\"; --help lists all flags");
  CHECK(parse({"--quik=1"}).error().message == "unknown flag \"--quik\"; did you mean --quick?");
}

TEST_CASE("a flag without its value is refused with the way to write it", "[peers][options]") {
  const Failure failure{ExitCode::usage, "flag \"--data-dir\" has no value; write --data-dir VALUE"};
  CHECK(parse({"--data-dir"}).error() == failure);
  CHECK(parse({"--data-dir="}).error() == failure);
}

TEST_CASE("a flag is never guessed from its beginning", "[peers][options]") {
  CHECK(parse({"--qui"}).error().code == ExitCode::usage);
}

TEST_CASE("variables of others are none of our business", "[peers][options]") {
  CHECK(parse({}, {{"PATH", "/bin"}, {"SAMPLER", "x"}}));
}

TEST_CASE("a switch may stand in the environment", "[peers][options]") {
  CHECK((*parse({}, {{"SAMPLE_QUICK", "true"}}))["quick"].as<bool>());
  CHECK(parse({}, {{"SAMPLE_QUICK", "perhaps"}}).error().code == ExitCode::usage);
}

TEST_CASE("a process's own options are its arguments without its name, and its environment", "[peers][options]") {
  std::string name = "sample", flag = "--quick";
  char* arguments[] = {name.data(), flag.data(), nullptr};
  const auto path = std::string(getenv("PATH"));

  const auto sources = OptionSources::of_process(2, arguments);

  CHECK(sources.arguments == std::vector<std::string>{"--quick"});
  CHECK(sources.environment.at("PATH") == path);
  CHECK(OptionSources::of_process(0, arguments).arguments.empty());
}

TEST_CASE("an argument without a flag is refused", "[peers][options]") {
  CHECK(parse({"word"}).error() ==
        Failure{ExitCode::usage, "an argument stands without a flag; --help shows how it is meant"});
}

TEST_CASE("what no terminal shows is escaped in what the library says of it", "[peers][options]") {
  const auto refused = parse({"--quick=\x1b[2J"});

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::usage);
  CHECK(refused.error().message.find('\x1b') == std::string::npos);
}
