#include "transport/monitor.hpp"

#include "transport/context.hpp"
#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;
using base::MonoTime;

namespace {

constexpr MonoTime start{1'000s};

}  // namespace

TEST_CASE("a link is connected when both ends have shaken hands", "[transport][monitor]") {
  LinkProgress progress;

  CHECK(progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start) == std::nullopt);
  CHECK(progress.observe(ZMQ_EVENT_HANDSHAKE_SUCCEEDED, start) == LinkEvent::connected);
  CHECK(progress.observe(ZMQ_EVENT_DISCONNECTED, start) == LinkEvent::disconnected);
}

TEST_CASE("refused is said once, however often it is tried again", "[transport][monitor]") {
  LinkProgress progress;
  CHECK(progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start) == std::nullopt);
  CHECK(progress.observe(ZMQ_EVENT_CLOSED, start + 1ms) == LinkEvent::refused);

  CHECK(progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start + 200ms) == std::nullopt);
  CHECK(progress.observe(ZMQ_EVENT_CLOSED, start + 201ms) == std::nullopt);
}

TEST_CASE("refused is said again after the link was up", "[transport][monitor]") {
  LinkProgress progress;
  for (const std::uint16_t event :
       {ZMQ_EVENT_CONNECT_DELAYED, ZMQ_EVENT_CLOSED, ZMQ_EVENT_HANDSHAKE_SUCCEEDED}) {
    (void)progress.observe(event, start);
  }

  CHECK(progress.observe(ZMQ_EVENT_DISCONNECTED, start) == LinkEvent::disconnected);
  CHECK(progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start) == std::nullopt);
  CHECK(progress.observe(ZMQ_EVENT_CLOSED, start) == LinkEvent::refused);
}

TEST_CASE("an attempt that nobody answered was not refused", "[transport][monitor]") {
  LinkProgress progress;
  (void)progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start);

  CHECK(progress.observe(ZMQ_EVENT_CLOSED, start + 1s) == std::nullopt);

  (void)progress.observe(ZMQ_EVENT_CONNECT_DELAYED, start + 2s);
  CHECK(progress.observe(ZMQ_EVENT_CLOSED, start + 2s + 1ms) == LinkEvent::refused);
}

TEST_CASE("a connection that breaks before the handshake was no link", "[transport][monitor]") {
  LinkProgress progress;

  CHECK(progress.observe(ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, start) == std::nullopt);
  CHECK(progress.observe(ZMQ_EVENT_DISCONNECTED, start) == std::nullopt);
}

TEST_CASE("thousands of unread events stop nothing else in the context", "[transport][monitor]") {
  // given a connection that is refused a thousand times a second, and nobody who reads what its monitor tells
  void* const context = process_context().value();
  Result<Socket> dealer = Socket::open(context, ZMQ_DEALER);
  REQUIRE(dealer.has_value());
  REQUIRE(dealer->set(ZMQ_LINGER, 0) == 0);
  REQUIRE(dealer->set(ZMQ_RECONNECT_IVL, 1) == 0);
  const Result<Monitor> monitor = Monitor::open(context, *dealer);
  REQUIRE(monitor.has_value());
  REQUIRE(dealer->connect("tcp://127.0.0.1:1") == 0);

  // when others exchange frames for as long as ZeroMQ's default bound of 2,000 events takes to fill, and
  // longer
  const Peer a(1), b(2);
  connect(a, 1, b);
  const auto enough = std::chrono::steady_clock::now() + 4s;
  b.heard->when_frame = [&](const ConnectionId& from, std::string_view) { b->answer(from, "back"); };
  a.heard->when_answer = [&](LinkId link) { a->send(link, Class::control, "forth"); };
  a->send(1, Class::control, "forth");

  // then they never stop
  CHECK(run_until(
      {&a, &b}, [&] { return std::chrono::steady_clock::now() > enough; }, 10s));
  const std::size_t before = a.heard->answers.size();
  CHECK(run_until({&a, &b}, [&] { return a.heard->answers.size() > before; }));
}
