#include "work/retry.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace evmesh {
namespace {

Result<void> check_duration(const char* field, std::chrono::milliseconds value) {
  if (value.count() >= 0) return {};
  return fail(ErrorCode::invalid_argument, std::string("retry.") + field + " is " +
                                               std::to_string(value.count()) +
                                               " ms; it must not be negative");
}

}  // namespace

Result<void> RetryPolicy::check() const {
  if (auto checked = check_duration("first", first); !checked) return checked;
  if (auto checked = check_duration("cap", cap); !checked) return checked;
  if (jitter >= 0 && jitter <= 1) return {};
  return fail(ErrorCode::invalid_argument,
              "retry.jitter is " + std::to_string(jitter) + "; it must be 0 to 1");
}

namespace work {

std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::uint32_t n, double chance) {
  if (n < 1 || n > policy.max_retries) return {};
  const double exponential =
      std::ldexp(static_cast<double>(policy.first.count()), static_cast<int>(std::min(n, 1024U)) - 1);
  const double capped = std::min(exponential, static_cast<double>(policy.cap.count()));
  // Doubles are exact far beyond a year; what is longer than this is for ever anyway.
  constexpr double longest = 4e15;
  const double jittered = capped * (1 + policy.jitter * chance);
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(std::ceil(jittered), longest)));
}

}  // namespace work
}  // namespace evmesh
