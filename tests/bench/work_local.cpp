// One run of one figure of work on one node, or of what it is compared with; scripts/bench starts each
// several times in turn and prints the medians. Figures, not a test.
//
// usage: work_local RUN DIRECTORY SECONDS-OR-COUNT
#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flow.hpp"
#include "letter_runs.hpp"
#include "measure.hpp"
#include "node_runs.hpp"
#include "plain_log.hpp"

namespace {

using namespace bench;

/// A group-commit log and three threads that get what is on the disk.
double log_rate(const std::string& directory, double seconds) {
  Flow flow;
  PlainLog* log_again = nullptr;  // the workers log what is done, the log gives them work
  WorkerThreads workers(3, [&](const PlainLog::Record& record) {
    log_again->append_done(record.first);
    flow.handled(record.second);  // the last thing: when all are handled the log goes
  });
  PlainLog log(directory + "/plain.log", [&](std::vector<PlainLog::Record> records) {
    for (std::size_t i = 0; i < records.size(); ++i) flow.confirmed();
    workers.add(std::move(records));
  });
  log_again = &log;
  return rate_of(flow, seconds, [&](std::uint64_t number) { log.append(number, stamped(number)); });
}

/// From one thread to another through a queue with a condition variable.
double handover_us(const std::string&, double seconds) {
  std::mutex mutex;
  std::condition_variable some;
  std::vector<std::string> queue;
  bool ending = false;
  std::vector<std::uint64_t> samples;
  std::thread listener([&] {
    for (;;) {
      std::unique_lock lock(mutex);
      some.wait(lock, [&] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      const std::string payload = std::move(queue.front());
      queue.erase(queue.begin());
      lock.unlock();
      samples.push_back(nanoseconds() - stamp_of(payload).made);
    }
  });
  paced(seconds, [&](std::uint64_t number) {
    std::string payload = stamped(number);
    const std::lock_guard lock(mutex);
    queue.push_back(std::move(payload));
    some.notify_one();
  });
  {
    const std::lock_guard lock(mutex);
    ending = true;
    some.notify_one();
  }
  listener.join();
  return median_us(std::move(samples));
}

/// A file that grows by 4 KiB, synced each time.
double append_us(const std::string& directory, double seconds) {
  const std::string path = directory + "/append.log";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  require(file >= 0, "cannot make " + path);
  const std::string page(4096, 'x');
  std::vector<std::uint64_t> samples;
  paced(seconds, [&](std::uint64_t) {
    const auto start = nanoseconds();
    require(::write(file, page.data(), page.size()) == 4096 && ::fdatasync(file) == 0,
            "cannot append to " + path);
    samples.push_back(nanoseconds() - start);
  });
  ::close(file);
  return median_us(std::move(samples));
}

void print(const char* name, double value) { std::printf("%s=%.3f\n", name, value); }

void print_restart(const std::string& directory, double) {
  const Restart figures = restart(directory);
  print("seconds", figures.seconds);
  print("resident_bytes", static_cast<double>(figures.resident_bytes));
}

void print_pages(const std::string& directory, double) {
  const Pages figures = pages(directory);
  print("open_seconds", figures.open_seconds);
  print("page_ms", figures.page_ms);
  print("match_ms", figures.match_ms);
}

}  // namespace

int main(int argc, char** argv) {
  using Run = void (*)(const std::string&, double);
  static const std::map<std::string, Run> runs{
      {"node-rate", [](const std::string& d, double s) { print("value", node_rate(d, s)); }},
      {"log-rate", [](const std::string& d, double s) { print("value", log_rate(d, s)); }},
      {"node-latency", [](const std::string& d, double s) { print("value", node_latency_us(d, s)); }},
      {"handover", [](const std::string& d, double s) { print("value", handover_us(d, s)); }},
      {"node-receipt", [](const std::string& d, double s) { print("value", node_receipt_us(d, s)); }},
      {"append", [](const std::string& d, double s) { print("value", append_us(d, s)); }},
      {"owe", [](const std::string& d, double n) { owe(d, static_cast<std::uint64_t>(n)); }},
      {"restart", print_restart},
      {"bury", [](const std::string& d, double n) { bury(d, static_cast<std::uint64_t>(n)); }},
      {"pages", print_pages},
  };
  const auto run = argc == 4 ? runs.find(argv[1]) : runs.end();
  if (run == runs.end()) {
    std::fprintf(stderr, "usage: work_local RUN DIRECTORY SECONDS-OR-COUNT; a RUN is one of");
    for (const auto& [name, ignored] : runs) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 64;
  }
  run->second(argv[2], std::strtod(argv[3], nullptr));
  return 0;
}
