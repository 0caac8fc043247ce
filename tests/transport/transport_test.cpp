#include "transport/transport.hpp"

#include <filesystem>

#include <zmq.hpp>

#include "transport/endpoint.hpp"
#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;
using Catch::Matchers::Contains;

namespace {

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                       std::filesystem::directory_iterator());
}

std::string endpoint_at(int port) { return "tcp://127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE("two transports exchange frames both ways", "[transport]") {
  const Peer a(1), b(2);
  REQUIRE(a->dial(1, b->work_endpoint()).has_value());
  REQUIRE(b->dial(7, a->work_endpoint()).has_value());

  CHECK(a->send(1, Class::control, "from a"));
  CHECK(b->send(7, Class::control, "from b"));

  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->frames.empty() && !b.heard->frames.empty(); }));
  CHECK(b.heard->frames == decltype(b.heard->frames){{routing_id(life(1), 1), "from a"}});
  CHECK(a.heard->frames == decltype(a.heard->frames){{routing_id(life(2), 7), "from b"}});
}

TEST_CASE("frames and bytes are counted at both ends", "[transport]") {
  const Peer a(1), b(2);
  connect(a, 1, b);

  a->send(1, Class::control, "12345");
  a->send(1, Class::control, "678");

  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 2; }));
  CHECK(a->counters().at("evmesh_transport_frames_sent_total") == 2);
  CHECK(a->counters().at("evmesh_transport_bytes_sent_total") == 8);
  CHECK(b->counters().at("evmesh_transport_frames_received_total") == 2);
  CHECK(b->counters().at("evmesh_transport_bytes_received_total") == 8);
}

TEST_CASE("an event of full size passes on both lanes", "[transport]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->subscriptions.empty(); }));
  const std::string frame = "EM" + std::string(1'048'576 + 67'584 - 2, 'x');

  a->send(1, Class::notification, frame);
  a->publish(frame);

  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty() && !b.heard->published.empty(); }));
  CHECK(b.heard->frames.front().second == frame);
  CHECK(b.heard->published.front() == frame);
}

TEST_CASE("a frame over the limit cuts its connection, and the link goes on", "[transport]") {
  const Peer a(1), b(2);
  connect(a, 1, b);

  a->send(1, Class::notification, std::string(1'048'576 + 67'584 + 1, 'x'));
  REQUIRE(run_until({&a, &b}, [&] { return a.heard->count(1, LinkEvent::connected) == 2; }));
  a->send(1, Class::notification, "short");

  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty(); }));
  CHECK(b.heard->frames.front().second == "short");
  CHECK(a.heard->events == std::vector<Recorder::Event>{{1, LinkEvent::connected},
                                                        {1, LinkEvent::disconnected},
                                                        {1, LinkEvent::connected}});
}

TEST_CASE("one buffer goes to many links", "[transport]") {
  const Peer a(1), b(2), c(3);
  connect(a, 1, b);
  connect(a, 2, c);
  auto text = std::make_shared<const std::string>(100'000, 'x');
  const std::weak_ptr<const std::string> watch = text;

  a->send(1, Class::notification, {text, *text});
  a->send(2, Class::notification, {text, *text});
  text.reset();

  REQUIRE(run_until({&a, &b, &c}, [&] { return !b.heard->frames.empty() && !c.heard->frames.empty(); }));
  CHECK(b.heard->frames.front().second == std::string(100'000, 'x'));
  CHECK(c.heard->frames.front().second == std::string(100'000, 'x'));
}

TEST_CASE("a free port is told by both endpoints", "[transport]") {
  const Peer a(1);

  CHECK(parse_dial(a->work_endpoint())->host == "127.0.0.1");
  CHECK(parse_dial(a->work_endpoint())->port > 0);
  CHECK(parse_dial(a->publish_endpoint())->port > 0);
  CHECK(a->advertised_work_endpoint() == a->work_endpoint());
  CHECK(a->advertised_publish_endpoint() == a->publish_endpoint());
}

TEST_CASE("the notification socket takes the port after the work socket's", "[transport]") {
  Options fixed = fixed_options(1);
  const int port = parse_dial(fixed.listen)->port;
  fixed.advertise = "tcp://node-3.example.org:17520";

  const Peer a(fixed);

  CHECK(a->work_endpoint() == endpoint_at(port));
  CHECK(a->publish_endpoint() == endpoint_at(port + 1));
  CHECK(a->advertised_work_endpoint() == "tcp://node-3.example.org:17520");
  CHECK(a->advertised_publish_endpoint() == "tcp://node-3.example.org:17521");
}

TEST_CASE("a node that listens on every address is reached by the advertised one", "[transport]") {
  Options everywhere = options(1);
  everywhere.listen = "tcp://*:0";
  everywhere.advertise = "tcp://127.0.0.1:0";
  const Peer a(everywhere), b(2);

  REQUIRE(b->dial(1, a->advertised_work_endpoint()).has_value());

  CHECK(run_until({&a, &b}, [&] { return b.heard->saw(1, LinkEvent::connected); }));
}

TEST_CASE("a port that is taken is named with its cure", "[transport]") {
  const Peer a(fixed_options(1));
  const int port = parse_dial(a->work_endpoint())->port;

  Options same = options(2);
  same.listen = endpoint_at(port);
  Options below = options(2);
  below.listen = endpoint_at(port - 1);
  const Result<std::unique_ptr<Transport>> work = Transport::open(same);
  const Result<std::unique_ptr<Transport>> notification = Transport::open(below);

  REQUIRE_FALSE(work.has_value());
  CHECK(work.error().code == ErrorCode::cannot_bind);
  CHECK_THAT(work.error().message, Contains("the work socket to \"" + endpoint_at(port) + "\"") &&
                                       Contains("is another node running there? choose another mesh.listen"));
  REQUIRE_FALSE(notification.has_value());
  CHECK_THAT(notification.error().message,
             Contains("the notification socket to \"" + endpoint_at(port) + "\""));
}

TEST_CASE("an address of another machine cannot be bound", "[transport]") {
  Options elsewhere = options(1);
  elsewhere.listen = "tcp://192.0.2.1:0";  // RFC 5737: nobody's

  const Result<std::unique_ptr<Transport>> opened = Transport::open(elsewhere);

  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::cannot_bind);
  CHECK_THAT(opened.error().message, Contains("this machine has no such address"));
}

TEST_CASE("the ports are free again as soon as a transport is closed", "[transport]") {
  const Options fixed = fixed_options(1);
  for (int i = 0; i < 50; ++i) {
    const Result<std::unique_ptr<Transport>> opened = Transport::open(fixed);
    REQUIRE(opened.has_value());
  }
}

TEST_CASE("the transports of a process share its context", "[transport]") {
  const Peer a(1);
  const std::ptrdiff_t before = threads();

  const Peer b(2), c(3);

  CHECK(threads() == before);
}

TEST_CASE("a host's own context is used, and its end is told once", "[transport]") {
  zmq::context_t context;
  Options hosted = options(1);
  hosted.zmq_context = context.handle();
  const Peer a(hosted), b(2);
  connect(a, 1, b);

  context.shutdown();

  REQUIRE(run_until({&a}, [&] { return !a.heard->failures.empty(); }));
  CHECK_FALSE(run_until(
      {&a}, [&] { return a.heard->failures.size() > 1; }, 10ms));
  CHECK(a.heard->failures.front().code == ErrorCode::node_failed);
  CHECK_FALSE(a->send(1, Class::control, "nothing"));
  CHECK_FALSE(a->publish("EM nothing"));
  CHECK_FALSE(a->dial(2, b->work_endpoint()).has_value());
  context.close();  // would wait for ever were a socket still open
}

TEST_CASE("what was sent before closing still arrives within the linger time", "[transport]") {
  const Peer a(1), b(2);
  REQUIRE(a->dial(1, b->work_endpoint()).has_value());
  a->send(1, Class::control, "goodbye");

  a->close(patience);

  CHECK(run_until({&b}, [&] { return !b.heard->frames.empty(); }));
}

TEST_CASE("a closed transport answers every call", "[transport]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  a->close();
  a->close();

  CHECK(a->dial(2, b->work_endpoint()).error().code == ErrorCode::closed);
  CHECK(a->follow(b->publish_endpoint()).error().code == ErrorCode::closed);
  a->unfollow(b->publish_endpoint());
  a->hang_up(1);
  a->set_epoch(2'000);
  CHECK_FALSE(a->send(1, Class::control, "x"));
  CHECK_FALSE(a->answer("x", "x"));
  CHECK_FALSE(a->publish("EM"));
  CHECK_FALSE(a->receive(*a.heard));
  CHECK_FALSE(a->ready());
  CHECK(a->queued_bytes(1, Class::control) == 0);
  CHECK_FALSE(a->work_endpoint().empty());
}

TEST_CASE("a handler may close the transport it is called by", "[transport]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  b.heard->when_frame = [&](const ConnectionId&, std::string_view) { b->close(); };

  for (int i = 0; i < 10; ++i) a->send(1, Class::control, "stop");

  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty(); }));
  CHECK(b.heard->frames.size() == 1);
  CHECK_FALSE(b->dial(1, a->work_endpoint()).has_value());
}

TEST_CASE("a handler may hang up the link it is told about and dial another", "[transport]") {
  const Peer a(1), b(2);
  b.heard->when_frame = [&](const ConnectionId& from, std::string_view) {
    b->answer(from, "one");
    b->answer(from, "two");
  };
  a.heard->when_answer = [&](LinkId link) {
    a->hang_up(link);
    CHECK(a->dial(link + 1, b->work_endpoint()).has_value());
    CHECK(a->send(link + 1, Class::control, "again"));
  };
  REQUIRE(a->dial(1, b->work_endpoint()).has_value());
  a->send(1, Class::control, "first");

  REQUIRE(run_until({&a, &b}, [&] { return a.heard->answers.size() == 3; }));
  CHECK(a.heard->answers == decltype(a.heard->answers){{1, "one"}, {2, "one"}, {3, "one"}});
}
