#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

/// The program around a simulator: which seeds, how many at once, what is said of them. A `World(seed,
/// trace)` plays one seed; its `run()` gives the seed, the violation if any, step, time and totals.
namespace evmesh::sim {

struct Simulator {
  const char* name;
  const char* usage;
  std::uint64_t full_run =
      0;  ///< seeds unless told otherwise; from so many on every rare situation must come up
  const std::vector<std::string_view>& rare;
};

namespace seeds {

struct Options {
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  std::uint64_t jobs = 2;
  std::optional<std::uint64_t> seed;
  std::string regressions;
  unsigned failures_max = 10;  // more end the run
  bool trace = false;
};

inline std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Empty when the arguments are wrong. `full_run` is how many seeds run unless told otherwise.
inline std::optional<Options> read(int argc, char** argv, std::uint64_t full_run) {
  Options options;
  options.seeds = full_run;
  if (const char* seeds = std::getenv("EVMESH_SIM_SEEDS")) {
    const auto value = number(seeds);
    if (!value) return std::nullopt;
    options.seeds = *value;
  }
  for (int index = 1; index < argc; ++index) {
    const std::string_view option = argv[index];
    if (option == "--trace") {
      options.trace = true;
      continue;
    }
    if (option == "--until-failure") {
      options.failures_max = 1;
      continue;
    }
    if (++index == argc) return std::nullopt;
    if (option == "--regressions") {
      options.regressions = argv[index];
      continue;
    }
    const auto value = number(argv[index]);
    if (!value) return std::nullopt;
    if (option == "--seeds")
      options.seeds = *value;
    else if (option == "--first")
      options.first = *value;
    else if (option == "--jobs")
      options.jobs = std::max<std::uint64_t>(1, *value);
    else if (option == "--seed")
      options.seed = *value;
    else
      return std::nullopt;
  }
  return options;
}

/// One test case for scripts/test (tests/support/README.md).
inline void count_case(std::string_view name, bool passed) {
  const char* const directory = std::getenv("EVMESH_CASES_DIR");
  if (directory == nullptr) return;
  const std::string path = std::string(directory) + '/' + program_invocation_short_name + '.' +
                           std::to_string(getpid()) + ".cases";
  std::ofstream(path, std::ios::app) << "started\t" << name << '\n'
                                     << (passed ? "passed" : "failed") << '\t' << name << '\n';
}

template <class Outcome>
void print(const Outcome& outcome, std::string_view program) {
  std::ostringstream text;
  text << "FAILED seed " << outcome.seed << ", step " << outcome.step << ", virtual time "
       << outcome.time.count() << " ms, invariant " << outcome.violation->invariant << ": "
       << outcome.violation->what << "\n  replay: " << program << " --seed " << outcome.seed << " --trace\n";
  std::fputs(text.str().c_str(), stdout);
  std::fflush(stdout);
}

/// Runs every seed; the number of those that failed. Stops early when there are many.
template <class World, class Totals>
unsigned run(const std::vector<std::uint64_t>& seeds, const Options& options, std::string_view program,
             Totals& totals) {
  std::atomic<std::size_t> next{0};
  std::atomic<unsigned> failed{0};
  std::mutex mutex;  // guards totals and the output
  std::vector<std::thread> workers;
  for (std::uint64_t job = 0; job < options.jobs; ++job) {
    workers.emplace_back([&] {
      for (std::size_t index = next++; index < seeds.size() && failed < options.failures_max;
           index = next++) {
        const auto outcome = World(seeds[index], false).run();
        const std::lock_guard lock(mutex);
        totals.merge(outcome.totals);
        if (!outcome.violation) continue;
        ++failed;
        print(outcome, program);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return failed;
}

/// Lines that begin with a number; what follows says what the seed found.
inline std::optional<std::vector<std::uint64_t>> read_regressions(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  if (!file) return std::nullopt;
  for (std::string line; std::getline(file, line);) {
    if (const auto seed = number(line.substr(0, line.find(' ')))) seeds.push_back(*seed);
  }
  if (file.bad()) return std::nullopt;  // a directory opens, and cannot be read
  return seeds;
}

template <class Totals>
unsigned report_rare(const Totals& totals, const std::vector<std::string_view>& rare) {
  unsigned never = 0;
  for (const std::string_view name : rare) {
    if (totals.of(name) > 0) continue;
    ++never;
    std::printf("FAILED: \"%.*s\" never came up; the load or the faults must be changed so that it does\n",
                static_cast<int>(name.size()), name.data());
  }
  return never;
}

template <class World>
int run_many(const Simulator& simulator, const Options& options, std::string_view program) {
  const auto began = std::chrono::steady_clock::now();
  decltype(World(0, false).run().totals) totals;
  unsigned failed = 0;
  if (!options.regressions.empty()) {
    const auto seeds = read_regressions(options.regressions);
    if (!seeds)
      std::fprintf(stderr, "%s: cannot read --regressions \"%s\"\n", simulator.name,
                   options.regressions.c_str());
    failed = seeds ? run<World>(*seeds, options, program, totals) : 1;
    count_case("seeds that failed once keep every promise", failed == 0);
  }
  std::vector<std::uint64_t> seeds(options.seeds);
  for (std::uint64_t index = 0; index < options.seeds; ++index) seeds[index] = options.first + index;
  const unsigned broken = run<World>(seeds, options, program, totals);
  count_case("every seed keeps every promise", broken == 0);
  std::fputs(totals.text().c_str(), stdout);
  failed += broken;
  if (options.seeds >= simulator.full_run && broken == 0) {
    const unsigned never = report_rare(totals, simulator.rare);
    count_case("every rare situation came up", never == 0);
    failed += never;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%s: %llu seeds in %.1f s, %u failed\n", simulator.name,
              static_cast<unsigned long long>(totals.of("seeds")), took.count(), failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace seeds

/// As `main`: 0, 1 when a promise broke, 64 when the arguments are wrong.
template <class World>
int run_simulator(const Simulator& simulator, int argc, char** argv) {
  const auto options = seeds::read(argc, argv, simulator.full_run);
  if (!options) {
    std::fputs(simulator.usage, stderr);
    return 64;
  }
  if (!options->seed) return seeds::run_many<World>(simulator, *options, argv[0]);
  const auto outcome = World(*options->seed, options->trace).run();
  if (outcome.violation) seeds::print(outcome, argv[0]);
  return outcome.violation ? 1 : 0;
}

}  // namespace evmesh::sim
