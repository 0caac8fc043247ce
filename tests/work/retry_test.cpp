#include "work/retry.hpp"

#include <limits>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::work;
using namespace std::chrono_literals;

namespace {

/// The largest chance there is.
constexpr double most = 1 - std::numeric_limits<double>::epsilon();

RetryPolicy policy(std::uint32_t retries, std::chrono::milliseconds first, double jitter) {
  return {.max_retries = retries, .first = first, .cap = 30s, .jitter = jitter};
}

}  // namespace

TEST_CASE("the first attempt does not wait", "[work][retry][B01]") {
  CHECK(retry_delay(policy(4, 100ms, 0.5), 0, 0.5) == 0ms);
}

TEST_CASE("waits double and jitter only stretches them", "[work][retry][B02]") {
  const RetryPolicy p = policy(4, 100ms, 0.5);

  CHECK(retry_delay(p, 1, 0) == 100ms);
  CHECK(retry_delay(p, 1, most) == 150ms);
  CHECK(retry_delay(p, 2, 0) == 200ms);
  CHECK(retry_delay(p, 2, most) == 300ms);
  CHECK(retry_delay(p, 3, 0) == 400ms);
  CHECK(retry_delay(p, 3, most) == 600ms);
  CHECK(retry_delay(p, 4, 0) == 800ms);
  CHECK(retry_delay(p, 4, most) == 1200ms);
  CHECK(retry_delay(p, 5, 0.5) == 0ms);
}

TEST_CASE("without retries nothing waits", "[work][retry][B03]") {
  for (std::uint32_t n = 0; n < 5; ++n) CHECK(retry_delay(policy(0, 100ms, 0.5), n, 0.5) == 0ms);
}

TEST_CASE("a first wait of zero stays zero", "[work][retry][B04]") {
  for (std::uint32_t n = 0; n < 5; ++n) CHECK(retry_delay(policy(4, 0ms, 0.5), n, 0.5) == 0ms);
}

TEST_CASE("without jitter waits are exact", "[work][retry][B05]") {
  CHECK(retry_delay(policy(4, 100ms, 0), 1, 0.7) == 100ms);
  CHECK(retry_delay(policy(4, 100ms, 0), 2, 0.7) == 200ms);
  CHECK(retry_delay(policy(4, 100ms, 0), 3, 0.7) == 400ms);
}

TEST_CASE("waits stop growing at the cap, which jitter stretches too", "[work][retry]") {
  RetryPolicy p = policy(4'000'000'000, 100ms, 0.5);
  p.cap = 1s;

  CHECK(retry_delay(p, 5, 0) == 1000ms);
  CHECK(retry_delay(p, 64, 0) == 1000ms);
  CHECK(retry_delay(p, 4'000'000'000, most) == 1500ms);
}

TEST_CASE("fractions of a millisecond are rounded up, because a wait is never shorter", "[work][retry]") {
  CHECK(retry_delay(policy(4, 5ms, 0.5), 1, 0.5) == 7ms);
  CHECK(retry_delay(policy(4, 1ms, 0.5), 1, 0.01) == 2ms);
}

TEST_CASE("a policy without reason is no overflow", "[work][retry]") {
  RetryPolicy p = policy(2000, std::chrono::milliseconds::max(), 1);
  p.cap = std::chrono::milliseconds::max();

  CHECK(retry_delay(p, 2000, most) > 24h * 365);
}

TEST_CASE("a wait lies between the capped exponential and its stretched form", "[work][retry]") {
  rc::prop("min(cap, first * 2^(n-1)) * [1, 1 + jitter]", [] {
    const auto first = *rc::gen::inRange<std::int64_t>(0, 10'000);
    const auto n = *rc::gen::inRange<std::uint32_t>(1, 30);
    const double jitter = *rc::gen::inRange(0, 101) / 100.0;
    const double chance = *rc::gen::inRange(0, 1000) / 1000.0;

    const auto delay = retry_delay(policy(100, std::chrono::milliseconds(first), jitter), n, chance);

    const std::int64_t exponential = std::min<std::int64_t>(30'000, first << (n - 1));
    RC_ASSERT(delay.count() >= exponential);
    RC_ASSERT(static_cast<double>(delay.count()) <= static_cast<double>(exponential) * (1 + jitter) + 1);
  });
}

TEST_CASE("values of a policy that break a rule are refused by their name",
          "[work][retry][B06][B07][B08][B09]") {
  CHECK(policy(8, -1ms, 0.5).check().error().message == "retry.first is -1 ms; it must not be negative");
  CHECK(policy(8, 1ms, -0.1).check().error().message == "retry.jitter is -0.100000; it must be 0 to 1");
  CHECK(policy(8, 1ms, 1.000001).check().error().message == "retry.jitter is 1.000001; it must be 0 to 1");
  CHECK_FALSE(policy(8, 1ms, std::numeric_limits<double>::quiet_NaN()).check());
  RetryPolicy capped;
  capped.cap = -5ms;
  CHECK(capped.check().error().message == "retry.cap is -5 ms; it must not be negative");
}

TEST_CASE("the smallest values of a policy are accepted", "[work][retry][B10][B11][B12]") {
  CHECK(policy(0, 0ms, 0).check());
  CHECK(policy(8, 0ms, 1).check());
  CHECK(RetryPolicy{}.check());
}

TEST_CASE("a policy is a value", "[work][retry][B13][B14]") {
  const RetryPolicy p = policy(5, 200ms, 0.6);

  CHECK(p.max_retries == 5);
  CHECK(p.first == 200ms);
  CHECK(p.jitter == 0.6);
  CHECK(p == policy(5, 200ms, 0.6));
  CHECK_FALSE(p == policy(5, 200ms, 0.5));
}
