#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// What the benchmark programs share: clocks, events that tell who they are, medians.
namespace bench {

constexpr std::size_t payload_bytes = 256;

[[noreturn]] inline void fail(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(1);
}

inline void require(bool good, const std::string& what) {
  if (!good) fail(what);
}

/// As above, for what is asked for each event: makes no text while all is well.
inline void require(bool good, const char* what) {
  if (!good) fail(what);
}

inline std::uint64_t nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

inline void sleep_until(std::uint64_t at) {
  const timespec until{static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

/// A payload that carries its number and when it was made.
inline std::string stamped(std::uint64_t number) {
  std::string payload(payload_bytes, 'x');
  const std::uint64_t stamp[] = {number, nanoseconds()};
  std::memcpy(payload.data(), stamp, sizeof stamp);
  return payload;
}

struct Stamp {
  std::uint64_t number = 0;
  std::uint64_t made = 0;
};

inline Stamp stamp_of(std::string_view payload) {
  Stamp stamp;
  require(payload.size() == payload_bytes, "a payload came damaged");
  std::memcpy(&stamp.number, payload.data(), sizeof stamp.number);
  std::memcpy(&stamp.made, payload.data() + sizeof stamp.number, sizeof stamp.made);
  return stamp;
}

/// In microseconds, of samples in nanoseconds.
inline double median_us(std::vector<std::uint64_t> samples) {
  require(!samples.empty(), "no samples");
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return static_cast<double>(*middle) / 1'000;
}

}  // namespace bench
