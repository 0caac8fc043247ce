#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "measure.hpp"
#include "progress.hpp"

namespace bench {

/// The rules of a throughput run, the same for evmesh and what it is compared with: at most 1,000 events wait
/// for their confirmation and at most 20,000 for their listener, and every event reaches the listener once.
class Flow {
 public:
  static constexpr std::uint64_t unconfirmed_max = 1'000;
  static constexpr std::uint64_t unhandled_max = 20'000;
  static constexpr std::uint64_t events_max = 1 << 24;

  /// Producer: waits until one more may be submitted, and numbers it.
  std::uint64_t next() {
    confirmed_.hold(submitted_, unconfirmed_max);
    handled_.hold(submitted_, unhandled_max);
    require(submitted_ < events_max, "more events than one run can count");
    return submitted_++;
  }

  void confirmed() { confirmed_.count(); }

  /// Listener, any thread.
  void handled(std::string_view payload) {
    if (seen_[stamp_of(payload).number].exchange(1, std::memory_order_relaxed) != 0) ++repeated_;
    handled_.count();
  }

  /// Waits for the last event. No figure when one is missing or came twice.
  void finish() {
    confirmed_.hold(submitted_, 1);
    handled_.hold(submitted_, 1);
    require(repeated_ == 0, std::to_string(repeated_.load()) + " events came twice");
    std::uint64_t unique = 0;
    for (std::uint64_t number = 0; number < submitted_; ++number) unique += seen_[number];
    require(unique == submitted_, std::to_string(submitted_ - unique) + " events were lost");
  }

  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }

 private:
  std::uint64_t submitted_ = 0;
  Progress confirmed_;
  Progress handled_;
  std::atomic<std::uint64_t> repeated_{0};
  std::vector<std::atomic<std::uint8_t>> seen_ = std::vector<std::atomic<std::uint8_t>>(events_max);
};

/// Submits for `seconds` and waits for the end. Events a second, until the last was handled.
template <class Submit>
double rate_of(Flow& flow, double seconds, Submit submit) {
  const auto start = nanoseconds();
  const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
  while (nanoseconds() < end) submit(flow.next());
  flow.finish();
  return static_cast<double>(flow.submitted()) * 1e9 / static_cast<double>(nanoseconds() - start);
}

/// Calls `each` with numbers from 0, 500 times a second, at moments that do not depend on how long it takes.
template <class Each>
void paced(double seconds, Each each) {
  constexpr std::uint64_t step = 1'000'000'000 / 500;
  const auto count = static_cast<std::uint64_t>(seconds * 500);
  const auto start = nanoseconds();
  for (std::uint64_t number = 0; number < count; ++number) {
    sleep_until(start + number * step);
    each(number);
  }
}

}  // namespace bench
