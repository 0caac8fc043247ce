#include "bus/sleeper.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace evmesh::bus {

namespace {

timespec absolute(base::MonoTime when) {
  // Zero would disarm the timer, and a time in the past fires at once.
  const auto nanoseconds = std::max(when.time_since_epoch(), std::chrono::nanoseconds{1});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(nanoseconds);
  return {seconds.count(), (nanoseconds - seconds).count()};
}

void drain(int descriptor) {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t count = ::read(descriptor, &ignored, sizeof(ignored));
}

}  // namespace

Sleeper::Sleeper(int watched)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!usable()) return;
  watch(event_);
  watch(timer_);
  if (watched >= 0) watch(watched);
}

Sleeper::~Sleeper() {
  for (const int descriptor : {timer_, event_, epoll_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

void Sleeper::watch(int descriptor) const {
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = descriptor;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &interest);
}

void Sleeper::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t count = ::write(event_, &one, sizeof(one));
}

void Sleeper::arm(base::MonoTime when) {
  itimerspec spec{};
  if (when != base::MonoTime::max()) spec.it_value = absolute(when);
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Sleeper::sleep() {
  std::array<epoll_event, 4> events{};
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
  for (int index = 0; index < count; ++index) {
    const int descriptor = events[static_cast<std::size_t>(index)].data.fd;
    if (descriptor == event_ || descriptor == timer_) drain(descriptor);
  }
}

}  // namespace evmesh::bus
