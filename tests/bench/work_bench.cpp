// What the machine of group work costs by itself, without a disk: accepting, taking and finishing one event,
// with an empty table and with a backlog, and replaying a journal. Figures, not a test.
//
// usage: work_bench [EVENTS [BACKLOG]]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/commit.hpp"
#include "work/machine.hpp"

using namespace evmesh;
using namespace evmesh::work;

namespace {

constexpr std::size_t batch = 100;

double nanoseconds_each(std::chrono::steady_clock::duration total, std::uint64_t count) {
  return std::chrono::duration<double, std::nano>(total).count() / static_cast<double>(count);
}

class Bench {
 public:
  Bench() : machine_({.self = self()}), group_(machine_.group("mail", *Group::parse("index"), unlimited())) {
    acceptance_.bus = "mail";
    acceptance_.event = parcel_of(std::string(256, 'e'));
    acceptance_.groups = {group_};
  }

  /// `events` of them, a batch at a time, so that each part can be timed without the clock in between.
  void run(const char* what, std::uint64_t events) {
    std::chrono::steady_clock::duration accepting{}, taking{}, finishing{};
    for (std::uint64_t done = 0; done < events; done += batch) {
      accepting += timed([&] { accept(batch); });
      taking += timed([&] { machine_.take(group_, batch, jobs_); });
      finishing += timed([&] { finish(); });
    }
    std::printf("%s: accept %.0f ns, take %.0f ns, finished %.0f ns\n", what,
                nanoseconds_each(accepting, events), nanoseconds_each(taking, events),
                nanoseconds_each(finishing, events));
  }

  void accept(std::uint64_t count) {
    for (; count > 0; --count) {
      if (!machine_.accept(acceptance_, log_)) std::exit(1);
    }
    write();
  }

  [[nodiscard]] static NodeId self() {
    NodeId id;
    id.bytes[0] = 1;
    return id;
  }

 private:
  [[nodiscard]] static Policy unlimited() {
    Policy policy;
    policy.backlog_max = policy.backlog_bytes_max = ~std::uint64_t{0} / 4;
    return policy;
  }

  template <class Work>
  std::chrono::steady_clock::duration timed(const Work& work) {
    const auto began = std::chrono::steady_clock::now();
    work();
    return std::chrono::steady_clock::now() - began;
  }

  void finish() {
    for (const Job& job : jobs_) machine_.finished({}, {}, job.handle, {}, log_, actions_);
    jobs_.clear();
    write();
  }

  void write() {
    machine_.written(log_.end(), actions_);
    machine_.synced(log_.end(), actions_);
    actions_.clear();
    log_.restart(log_.end());
  }

  Machine machine_;
  GroupIndex group_;
  Acceptance acceptance_;
  storage::Commit log_;
  Actions actions_;
  std::vector<Job> jobs_;
};

void replay(std::uint64_t count) {
  std::string record;
  const std::string event(256, 'e');
  storage::Owed owed;
  owed.id = {Bench::self(), 1, 0};
  owed.bus = "mail";
  owed.groups.resize(1);
  owed.groups[0].name = "index";
  owed.event = event;
  Machine machine({.self = Bench::self(), .epoch = 2});
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t position = 1; position <= count; ++position) {
    owed.id.seq = position;
    storage::encode_record(owed, Bench::self(), record);
    if (!machine.replay(position, record)) std::exit(1);
  }
  storage::Commit log(count + 1);
  machine.recovered({}, {}, std::vector<Flight>{}, log);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("encoding and replaying %llu owed: %.2f s\n", static_cast<unsigned long long>(count),
              took.count());
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::uint64_t backlog = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  Bench bench;
  bench.run("empty", events);
  for (std::uint64_t held = 0; held < backlog; held += batch) bench.accept(batch);
  bench.run("with a backlog", events);
  replay(backlog);
}
