#include "base/clock.hpp"

#include <ctime>

namespace evmesh::base {
namespace {

std::chrono::nanoseconds read(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);  // cannot fail: both clocks exist since Linux 2.6.39
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

MonoTime SystemClock::now() const { return MonoTime{read(CLOCK_BOOTTIME)}; }

Timestamp SystemClock::wall() const {
  return Timestamp{std::chrono::duration_cast<std::chrono::microseconds>(read(CLOCK_REALTIME))};
}

ManualClock::ManualClock(MonoTime now, Timestamp wall) : now_(now), wall_(wall) {}

MonoTime ManualClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

Timestamp ManualClock::wall() const {
  const std::lock_guard lock(mutex_);
  return wall_;
}

void ManualClock::advance(std::chrono::nanoseconds by) {
  const std::lock_guard lock(mutex_);
  now_ += by;
  wall_rest_ += by;
  const auto whole = std::chrono::floor<std::chrono::microseconds>(wall_rest_);
  wall_ += whole;
  wall_rest_ -= whole;
}

void ManualClock::set_wall(Timestamp wall) {
  const std::lock_guard lock(mutex_);
  wall_ = wall;
}

}  // namespace evmesh::base
