#include "transport/poller.hpp"

#include <poll.h>

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;

TEST_CASE("a burst and what comes after it arrive by wake-ups alone", "[transport][poller]") {
  const Peer a(1), b(2);
  connect(a, 1, b);

  for (int i = 0; i < 3'000; ++i) REQUIRE(a->send(1, Class::notification, "burst"));
  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 3'000; }));
  a->send(1, Class::notification, "one more");

  CHECK(run_until({&a, &b}, [&] { return b.heard->frames.size() == 3'001; }));
}

TEST_CASE("a turn takes no more than it was allowed and says that there is more", "[transport][poller]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  for (int i = 0; i < 100; ++i) a->send(1, Class::notification, "frame");
  REQUIRE(run_until(
      {&a, &b}, [&] { return !b.heard->frames.empty(); }, patience, 1));
  CHECK(b.heard->frames.size() == 1);

  CHECK(run_until(
      {&a, &b}, [&] { return b.heard->frames.size() == 100; }, patience, 7));
}

TEST_CASE("no wake-up is lost to sends in between", "[transport][poller]") {
  // Each side sends while the other's frames arrive: every send may swallow the wake-up of its own socket.
  const Peer a(1), b(2);
  connect(a, 1, b);
  connect(b, 1, a);
  int back = 0;
  b.heard->when_frame = [&](const ConnectionId& from, std::string_view) {
    b->answer(from, "answer");
    b->send(1, Class::control, "echo");
  };
  a.heard->when_frame = [&](const ConnectionId&, std::string_view) {
    if (++back < 5'000) a->send(1, Class::control, "next");
  };

  a->send(1, Class::control, "first");

  REQUIRE(run_until({&a, &b}, [&] { return back == 5'000 && a.heard->answers.size() == 5'000; }));
}

namespace {

/// Waits until `wait_fd` is readable, without taking anything.
bool woken(const Peer& peer) {
  pollfd news{.fd = peer->wait_fd(), .events = POLLIN, .revents = 0};
  return poll(&news, 1, static_cast<int>(patience.count())) == 1;
}

/// Repeats `use` until it has swallowed the wake-up. ZeroMQ looks at what its threads told it only when a
/// millisecond has passed since the last time.
template <class Use>
bool swallowed(const Peer& peer, Use&& use) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + patience;
  pollfd news{.fd = peer->wait_fd(), .events = POLLIN, .revents = 0};
  for (auto next = clock::now(); poll(&news, 1, 0) == 1; next = clock::now() + 2ms) {
    if (clock::now() > end) return false;
    while (clock::now() < next) continue;
    use();
  }
  return true;
}

}  // namespace

TEST_CASE("a send that swallows the wake-up of an answer leaves the transport ready", "[transport][poller]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  a->send(1, Class::control, "hello");
  REQUIRE(run_until({&b}, [&] { return !b.heard->frames.empty(); }));
  REQUIRE(run_until({&a}, [] { return true; }));
  while (a->ready()) a->receive(*a.heard);

  b->answer(routing_id(life(1), 1), "welcome");
  REQUIRE(woken(a));
  REQUIRE(swallowed(a, [&] { a->send(1, Class::control, "more"); }));

  CHECK(a->ready());
  a->receive(*a.heard);
  CHECK(a.heard->answers.size() == 1);
}

TEST_CASE("an answer that swallows the wake-up of a frame leaves the transport ready",
          "[transport][poller]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  a->send(1, Class::control, "first");
  REQUIRE(run_until({&b}, [&] { return !b.heard->frames.empty(); }));
  while (b->ready()) b->receive(*b.heard);

  a->send(1, Class::control, "second");
  REQUIRE(woken(b));
  REQUIRE(swallowed(b, [&] { b->answer(routing_id(life(1), 1), "answer"); }));

  CHECK(b->ready());
  b->receive(*b.heard);
  CHECK(b.heard->frames.size() == 2);
}

TEST_CASE("publishing that swallows the wake-up of a follower leaves the transport ready",
          "[transport][poller]") {
  const Peer a(1), b(2);
  while (a->ready()) a->receive(*a.heard);

  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(woken(a));
  REQUIRE(swallowed(a, [&] { a->publish("EM"); }));

  CHECK(run_until({&a}, [&] { return !a.heard->subscriptions.empty(); }));
}

TEST_CASE("a sleeping loop is woken by each kind of news", "[transport][poller]") {
  const Peer a(1), b(2);
  CHECK(run_until({&a, &b}, [] { return true; }));

  CHECK(a->dial(1, b->work_endpoint()).has_value());
  CHECK(run_until({&a}, [&] { return a.heard->saw(1, LinkEvent::connected); }));  // the monitor
  CHECK(a->send(1, Class::control, "hello"));
  CHECK(run_until({&b}, [&] { return !b.heard->frames.empty(); }));  // the ROUTER
  CHECK(b->answer(routing_id(life(1), 1), "welcome"));
  CHECK(run_until({&a}, [&] { return !a.heard->answers.empty(); }));  // the DEALER
  CHECK(a->follow(b->publish_endpoint()).has_value());
  CHECK(run_until({&b}, [&] { return !b.heard->subscriptions.empty(); }));  // the XPUB
  CHECK(b->publish("EM news"));
  CHECK(run_until({&a}, [&] { return !a.heard->published.empty(); }));  // the SUB
}
