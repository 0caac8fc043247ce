#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "measure.hpp"

namespace bench {

/// What a producer and its worker processes count together, in memory they share. Numbers from 0.
struct Shared {
  static constexpr std::uint64_t events_max = 1 << 24;
  static constexpr std::uint64_t unhandled_max = 20'000;

  std::atomic<std::uint32_t> ready{0};  ///< workers that can be given work
  std::atomic<bool> ending{false};
  std::atomic<bool> sampling{false};  ///< how long events wait is asked; it costs what is counted otherwise
  std::atomic<bool> has_endpoint{false};
  std::array<char, 256> endpoint{};  ///< of the producer, when `has_endpoint`
  alignas(64) std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> repeated{0};
  std::atomic<std::uint64_t> samples{0};
  std::array<std::uint64_t, 1 << 16> waited_ns;  ///< from dispatch to listener, the first ones
  std::array<std::atomic<std::uint8_t>, events_max> seen;

  /// A worker got this event.
  void note(std::string_view payload) {
    const Stamp stamp = stamp_of(payload);
    if (seen[stamp.number].exchange(1, std::memory_order_relaxed) != 0) ++repeated;
    if (sampling.load(std::memory_order_relaxed)) add_sample(nanoseconds() - stamp.made);
    handled.fetch_add(1, std::memory_order_release);
  }

  /// Producer: not so many that the queues measure themselves.
  void hold(std::uint64_t submitted) const {
    while (submitted - handled.load(std::memory_order_acquire) >= unhandled_max) nap();
  }

  /// Waits for the last of `submitted`. No figure when one is missing or came twice.
  void finish(std::uint64_t submitted) const {
    const auto patience = nanoseconds() + 60'000'000'000;
    while (handled.load(std::memory_order_acquire) < submitted && nanoseconds() < patience) nap();
    std::uint64_t unique = 0;
    for (std::uint64_t number = 0; number < submitted; ++number) unique += seen[number];
    require(unique == submitted, std::to_string(submitted - unique) + " events were lost");
    require(repeated == 0, std::to_string(repeated.load()) + " events came twice");
  }

  static void nap() { sleep_for(50'000); }

  /// For waits that last the whole run: a process that looks 20,000 times in a second disturbs what is measured.
  static void rest() { sleep_for(10'000'000); }

 private:
  void add_sample(std::uint64_t waited) {
    const auto at = samples.fetch_add(1, std::memory_order_relaxed);
    if (at < waited_ns.size()) waited_ns[at] = waited;
  }

  static void sleep_for(long nanoseconds) {
    const timespec moment{0, nanoseconds};
    ::nanosleep(&moment, nullptr);
  }
};

inline Shared& shared_memory() {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "no shared memory");
  return *new (memory) Shared;
}

/// Processes that each call `work` and end; before the parent has threads.
class Workers {
 public:
  Workers(unsigned count, const std::function<void(unsigned)>& work) {
    for (unsigned number = 0; number < count; ++number) {
      const pid_t child = ::fork();
      require(child >= 0, "cannot start a worker");
      if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // with a run that has no figure
        work(number);
        ::_exit(0);
      }
      children_.push_back(child);
    }
  }
  /// All have ended well.
  void join() {
    for (const pid_t child : children_) {
      int status = 0;
      require(::waitpid(child, &status, 0) == child && status == 0, "a worker failed");
    }
  }

 private:
  std::vector<pid_t> children_;
};

inline double cpu_seconds_of(int who) {
  rusage used{};
  ::getrusage(who, &used);
  double sum = 0;
  for (const timeval& time : {used.ru_utime, used.ru_stime})
    sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  return sum;
}

/// Processor time of this process.
inline double own_cpu_seconds() { return cpu_seconds_of(RUSAGE_SELF); }

/// Processor time of this process and of the workers that were joined.
inline double cpu_seconds() { return own_cpu_seconds() + cpu_seconds_of(RUSAGE_CHILDREN); }

}  // namespace bench
