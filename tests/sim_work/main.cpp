#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include "world.hpp"

namespace {

using evmesh::sim_work::Outcome;
using evmesh::sim_work::Totals;
using evmesh::sim_work::World;

constexpr std::string_view usage =
    R"(usage: sim_work [--seeds COUNT] [--first N] [--jobs N] [--regressions FILE] [--until-failure]
       sim_work --seed N [--trace]

Runs nodes that owe group work, under virtual time and over a disk that crashes, and checks every promise. COUNT is
5000, or EVMESH_SIM_SEEDS. FILE names seeds that failed once; they run first. A run of at least 5000 seeds fails when a rare
situation never came up.
)";

constexpr std::uint64_t full_run = 5'000;
constexpr unsigned failures_max = 10;

struct Options {
  std::uint64_t seeds = full_run;
  std::uint64_t first = 1;
  std::uint64_t jobs = 2;
  std::optional<std::uint64_t> seed;
  std::string regressions;
  unsigned failures_max = ::failures_max;  // more end the run
  bool trace = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Empty when the arguments are wrong.
std::optional<Options> read(int argc, char** argv) {
  Options options;
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
void count_case(std::string_view name, bool passed) {
  const char* const directory = std::getenv("EVMESH_CASES_DIR");
  if (directory == nullptr) return;
  const std::string path = std::string(directory) + '/' + program_invocation_short_name + '.' +
                           std::to_string(getpid()) + ".cases";
  std::ofstream(path, std::ios::app) << "started\t" << name << '\n'
                                     << (passed ? "passed" : "failed") << '\t' << name << '\n';
}

void print(const Outcome& outcome, std::string_view program) {
  std::ostringstream text;
  text << "FAILED seed " << outcome.seed << ", step " << outcome.step << ", virtual time "
       << outcome.time.count() << " ms, invariant " << outcome.violation->invariant << ": "
       << outcome.violation->what << "\n  replay: " << program << " --seed " << outcome.seed << " --trace\n";
  std::fputs(text.str().c_str(), stdout);
  std::fflush(stdout);
}

/// Runs every seed; the number of those that failed. Stops early when there are many.
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
        const Outcome outcome = World(seeds[index], false).run();
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
std::optional<std::vector<std::uint64_t>> read_regressions(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  if (!file) return std::nullopt;
  for (std::string line; std::getline(file, line);) {
    if (const auto seed = number(line.substr(0, line.find(' ')))) seeds.push_back(*seed);
  }
  if (file.bad()) return std::nullopt;  // a directory opens, and cannot be read
  return seeds;
}

unsigned report_rare(const Totals& totals) {
  unsigned never = 0;
  for (const std::string_view name : evmesh::sim_work::rare_situations()) {
    if (totals.of(name) > 0) continue;
    ++never;
    std::printf("FAILED: \"%.*s\" never came up; the load or the faults must be changed so that it does\n",
                static_cast<int>(name.size()), name.data());
  }
  return never;
}

int run_many(const Options& options, std::string_view program) {
  const auto began = std::chrono::steady_clock::now();
  Totals totals;
  unsigned failed = 0;
  if (!options.regressions.empty()) {
    const auto seeds = read_regressions(options.regressions);
    if (!seeds)
      std::fprintf(stderr, "sim_work: cannot read --regressions \"%s\"\n", options.regressions.c_str());
    failed = seeds ? run(*seeds, options, program, totals) : 1;
    count_case("seeds that failed once keep every promise", failed == 0);
  }
  std::vector<std::uint64_t> seeds(options.seeds);
  for (std::uint64_t index = 0; index < options.seeds; ++index) seeds[index] = options.first + index;
  const unsigned broken = run(seeds, options, program, totals);
  count_case("every seed keeps every promise", broken == 0);
  std::fputs(totals.text().c_str(), stdout);
  failed += broken;
  if (options.seeds >= full_run && broken == 0) {
    const unsigned never = report_rare(totals);
    count_case("every rare situation came up", never == 0);
    failed += never;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("sim_work: %llu seeds in %.1f s, %u failed\n",
              static_cast<unsigned long long>(totals.of("seeds")), took.count(), failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = read(argc, argv);
  if (!options) {
    std::fputs(usage.data(), stderr);
    return 64;
  }
  if (!options->seed) return run_many(*options, argv[0]);
  const Outcome outcome = World(*options->seed, options->trace).run();
  if (outcome.violation) print(outcome, argv[0]);
  return outcome.violation ? 1 : 0;
}
