#pragma once

#include <chrono>
#include <mutex>

#include <evmesh/event.hpp>

namespace evmesh::base {

/// The clock that MonoTime counts on. It has no now(): time comes from a `Clock`, or as an argument.
struct MonoClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
};

/// Nanoseconds since this machine was started, sleep included (CLOCK_BOOTTIME). Means nothing on another
/// machine.
using MonoTime = MonoClock::time_point;

/// Where time comes from. Thread-safe.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// Never goes back; goes on while the machine sleeps. For deadlines and durations.
  [[nodiscard]] virtual MonoTime now() const = 0;

  /// UTC as the machine believes it; may jump. For what people read, never for a decision.
  [[nodiscard]] virtual Timestamp wall() const = 0;
};

/// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonoTime now() const override;
  [[nodiscard]] Timestamp wall() const override;
};

/// Stands still until a test moves it; both of its times move together. Thread-safe.
class ManualClock final : public Clock {
 public:
  /// Starts at `now` and `wall`. The defaults are far from zero, so that "an hour ago" is a time too.
  explicit ManualClock(MonoTime now = MonoTime{std::chrono::hours{1000}},
                       Timestamp wall = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1});

  [[nodiscard]] MonoTime now() const override;
  [[nodiscard]] Timestamp wall() const override;

  void advance(std::chrono::nanoseconds by);

  /// Sets the wall clock alone, forwards or back, as an administrator or NTP does.
  void set_wall(Timestamp wall);

 private:
  mutable std::mutex mutex_;  // guards all below
  MonoTime now_;
  Timestamp wall_;
  std::chrono::nanoseconds wall_rest_{0};  // what is too small for wall_'s microseconds yet
};

}  // namespace evmesh::base
