#include "common/options.hpp"

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
