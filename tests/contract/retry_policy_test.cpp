// The retry policy: what it accepts, and what of its waits can be seen from outside. Bounds from above are a
// matter of the delay generator's own tests; a busy machine may always be late.
#include <chrono>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

namespace {

GroupOptions retries(std::uint32_t retries, std::chrono::milliseconds first, double jitter) {
  GroupOptions options;
  options.retry = RetryPolicy{retries, first, 30'000ms, jitter};
  return options;
}

std::string refusal(const RetryPolicy& policy) {
  const auto checked = policy.check();
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().code == ErrorCode::invalid_argument);
  return checked.error().message;
}

bool mentions(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

EVMESH_CONTRACT("the first attempt is not delayed", "[retry][B01]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration =
      must(cluster.bus().register_listener(listener, group_a(), retries(8, 60'000ms, 0.5)));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("without retries there is one attempt", "[retry][B03]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), retries(0, 0ms, 0.5)));

  must(cluster.bus().dispatch(sample()));
  must(cluster.bus().dispatch(sample()));

  REQUIRE(
      eventually(patience, [&] { return must(cluster.bus().dead_letters().ids(group_a())).size() == 2; }));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 2);
}

EVMESH_CONTRACT("a first wait of zero retries at once", "[retry][B04]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), retries(20, 0ms, 1.0)));

  must(cluster.bus().dispatch(sample()));

  // With the smallest wait above zero the exponential alone would take over two minutes.
  CHECK(listener->wait_entered(21));
}

EVMESH_CONTRACT("without jitter the waits double", "[retry][B05]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), retries(3, 20ms, 0.0)));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_entered(4));
  const auto seen = listener->seen();
  CHECK(seen[1].began - seen[0].began >= 20ms);
  CHECK(seen[2].began - seen[1].began >= 40ms);
  CHECK(seen[3].began - seen[2].began >= 80ms);
}

EVMESH_CONTRACT("waits stop growing at the cap", "[retry][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  GroupOptions options = retries(20, 1ms, 0.0);
  options.retry.cap = 2ms;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->wait_entered(21));
}

EVMESH_CONTRACT("a group with a policy that breaks a rule is refused", "[retry][forgotten]") {
  TestType cluster;

  const auto registered = cluster.bus().register_listener(recorder(), group_a(), retries(3, -1ms, 0.5));

  CHECK(code_of(registered) == ErrorCode::invalid_argument);
  CHECK(cluster.bus().groups().empty());
}

TEST_CASE("a negative first wait is refused by its name", "[retry][B06]") {
  CHECK(mentions(refusal(RetryPolicy{3, -1ms, 30'000ms, 0.5}), "first"));
}

TEST_CASE("the number of retries cannot be negative, and a negative cap is refused by its name",
          "[retry][B07]") {
  STATIC_REQUIRE(std::is_unsigned_v<decltype(RetryPolicy::max_retries)>);
  CHECK(mentions(refusal(RetryPolicy{3, 5ms, -1ms, 0.5}), "cap"));
}

TEST_CASE("a negative jitter is refused by its name", "[retry][B08]") {
  CHECK(mentions(refusal(RetryPolicy{3, 5ms, 30'000ms, -0.000001}), "jitter"));
}

TEST_CASE("a jitter over one is refused by its name", "[retry][B09]") {
  CHECK(mentions(refusal(RetryPolicy{3, 5ms, 30'000ms, 1.000001}), "jitter"));
}

TEST_CASE("a jitter of one is accepted, one that is no number is not", "[retry][B09]") {
  CHECK(RetryPolicy{3, 5ms, 30'000ms, 1.0}.check().has_value());
  CHECK(mentions(refusal(RetryPolicy{3, 5ms, 30'000ms, std::numeric_limits<double>::quiet_NaN()}), "jitter"));
}

TEST_CASE("a first wait of zero is accepted", "[retry][B10]") {
  CHECK(RetryPolicy{3, 0ms, 30'000ms, 0.5}.check().has_value());
}

TEST_CASE("no retries are accepted", "[retry][B11]") {
  CHECK(RetryPolicy{0, 5ms, 30'000ms, 0.5}.check().has_value());
}

TEST_CASE("no jitter is accepted", "[retry][B12]") {
  CHECK(RetryPolicy{3, 5ms, 30'000ms, 0.0}.check().has_value());
}

TEST_CASE("the values of a policy read back, and the defaults are eight retries from 100 ms",
          "[retry][B13]") {
  const RetryPolicy policy{5, 200ms, 30'000ms, 0.6};
  const RetryPolicy defaults;

  CHECK(policy.max_retries == 5);
  CHECK(policy.first == 200ms);
  CHECK(policy.jitter == 0.6);
  CHECK(defaults == RetryPolicy{8, 100ms, 30'000ms, 0.5});
}

TEST_CASE("policies are equal when every value is", "[retry][B14]") {
  const RetryPolicy policy{5, 200ms, 30'000ms, 0.6};

  CHECK(policy == RetryPolicy{5, 200ms, 30'000ms, 0.6});
  CHECK_FALSE(policy == RetryPolicy{6, 200ms, 30'000ms, 0.6});
  CHECK_FALSE(policy == RetryPolicy{5, 201ms, 30'000ms, 0.6});
  CHECK_FALSE(policy == RetryPolicy{5, 200ms, 30'001ms, 0.6});
  CHECK_FALSE(policy == RetryPolicy{5, 200ms, 30'000ms, 0.7});
}

}  // namespace evmesh::contract
