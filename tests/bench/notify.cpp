// One run of one figure of notifications, or of what it is compared with; scripts/bench starts each several times in
// turn and prints the medians. Figures, not a test.
//
// usage: notify RUN DIRECTORY SECONDS
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "notify_board.hpp"
#include "register_runs.hpp"

namespace {

using namespace bench;

void print(const NotifyFigures& figures) {
  std::printf("value=%.3f\nwire_bytes=%.3f\np50_us=%.3f\np99_us=%.3f\n", figures.rate, figures.wire_bytes, figures.p50_us,
              figures.p99_us);
}

/// The runs that are compared with nothing; false when `run` is none of them.
bool run_alone(const std::string& run, double seconds) {
  if (run == "mono") {
    std::printf("value=%.3f\n", mono_rate(seconds));
  } else if (run == "idle") {
    std::printf("value=%.3f\n", idle_percent(seconds));
  } else if (run == "register") {
    const RegisterFigures figures = register_figures(seconds);
    std::printf("local_p99_us=%.3f\nreceipt_p99_us=%.3f\nbytes=%.3f\n", figures.local_p99_us, figures.receipt_p99_us,
                figures.bytes_per_key);
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using Side = NotifyFigures (*)(const Course&);
  static const std::map<std::string, Side> sides{{"node", node_notify}, {"raw", raw_notify}};
  static const std::map<std::string, Course> courses{
      {"1", {.receivers = 1}},
      {"3", {.receivers = 3}},
      {"7", {.receivers = 7}},
      {"latency", {.receivers = 1, .per_second = 1'000}},
      {"keyed", {.receivers = 8, .keys = 10'000}},
  };
  const std::string run = argc == 4 ? argv[1] : "";
  const double seconds = argc == 4 ? std::strtod(argv[3], nullptr) : 0;
  if (run_alone(run, seconds)) return 0;
  const auto dash = run.find('-');
  const auto side = sides.find(run.substr(0, dash));
  const auto course = dash == std::string::npos ? courses.end() : courses.find(run.substr(dash + 1));
  if (side == sides.end() || course == courses.end()) {
    std::fprintf(stderr, "usage: notify RUN DIRECTORY SECONDS; a RUN is mono, idle, register, or node or raw with one of");
    for (const auto& [name, ignored] : courses) std::fprintf(stderr, " -%s", name.c_str());
    std::fprintf(stderr, "\n");
    return 64;
  }
  Course chosen = course->second;
  chosen.seconds = seconds;
  print(side->second(chosen));
  return 0;
}
