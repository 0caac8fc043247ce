#include "broker_runs.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace bench {

int broker_main(int argc, char** argv, BrokerNotify notify, BrokerWork work) {
  static const std::map<std::string, Course> courses{
      {"notify-1", {.receivers = 1}},
      {"notify-3", {.receivers = 3}},
      {"notify-7", {.receivers = 7}},
      {"notify-latency", {.receivers = 1, .per_second = 1'000}},
      {"notify-keyed", {.receivers = 8, .keys = 10'000}},
  };
  const std::string run = argc == 4 ? argv[1] : "";
  const int port = argc == 4 ? std::atoi(argv[2]) : 0;
  const double seconds = argc == 4 ? std::strtod(argv[3], nullptr) : 0;
  if (run == "work" && work != nullptr) {
    work(port, seconds);
    return 0;
  }
  const auto course = courses.find(run);
  if (course == courses.end() || port == 0) {
    std::fprintf(stderr, "usage: %s RUN PORT SECONDS; a RUN is%s", argv[0], work != nullptr ? " work," : "");
    for (const auto& [name, ignored] : courses) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 64;
  }
  Course chosen = course->second;
  chosen.seconds = seconds;
  const NotifyFigures figures = notify(port, chosen);
  std::printf("value=%.3f\nwire_bytes=%.3f\np50_us=%.3f\np99_us=%.3f\n", figures.rate, figures.wire_bytes, figures.p50_us,
              figures.p99_us);
  return 0;
}

}  // namespace bench
