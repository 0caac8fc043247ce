#include "transport/inbox.hpp"

#include <zmq.hpp>

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;

TEST_CASE("an answer goes back on the connection the frame came from", "[transport][inbox]") {
  const Peer a(1), b(2);
  b.heard->when_frame = [&](const ConnectionId& from, std::string_view frame) {
    b->answer(from, "re: " + std::string(frame));
  };
  connect(a, 1, b);
  connect(a, 2, b);

  a->send(2, Class::control, "two");
  a->send(1, Class::control, "one");

  REQUIRE(run_until({&a, &b}, [&] { return a.heard->answers.size() == 2; }));
  std::sort(a.heard->answers.begin(), a.heard->answers.end());
  CHECK(a.heard->answers == decltype(a.heard->answers){{1, "re: one"}, {2, "re: two"}});
  CHECK(b->counters().at("evmesh_transport_answers_sent_total") == 2);
}

TEST_CASE("two links of one node to the same peer both work", "[transport][inbox]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  connect(a, 2, b);

  a->send(1, Class::control, "first");
  a->send(2, Class::control, "second");

  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 2; }));
  std::sort(b.heard->frames.begin(), b.heard->frames.end());
  CHECK(b.heard->frames ==
        decltype(b.heard->frames){{routing_id(life(1), 1), "first"}, {routing_id(life(1), 2), "second"}});
}

TEST_CASE("an answer to a connection that is gone is counted", "[transport][inbox]") {
  const Peer b(2);

  CHECK_FALSE(b->answer(routing_id(life(1), 1), "to nobody"));
  CHECK(b->counters().at("evmesh_transport_answers_unroutable_total") == 1);
}

TEST_CASE("an answer that fails leaves the next one whole", "[transport][inbox]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  a->send(1, Class::control, "hello");
  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty(); }));

  CHECK_FALSE(b->answer("nobody", "lost"));
  CHECK(b->answer(routing_id(life(1), 1), "found"));

  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->answers.empty(); }));
  CHECK(a.heard->answers == decltype(a.heard->answers){{1, "found"}});
}

TEST_CASE("answers that nobody reads are dropped and counted", "[transport][inbox]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  a->send(1, Class::control, "hello");
  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty(); }));

  // more than both ends and the kernel hold: `a` is not driven
  const std::string frame(65'536, 'x');
  std::uint64_t tries = 0;
  while (b->answer(routing_id(life(1), 1), frame) && tries < 100'000) ++tries;

  CHECK(b->counters().at("evmesh_transport_answers_dropped_total") == 1);
}

TEST_CASE("a second connection under the same name takes the first one's place", "[transport][inbox]") {
  const Peer b(2);
  const Peer a(1);
  connect(a, 1, b);
  a->send(1, Class::control, "before");
  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 1; }));

  const Peer twin(1);  // the same life, link and so routing id
  connect(twin, 1, b);
  twin->send(1, Class::control, "after");

  REQUIRE(run_until({&twin, &b}, [&] { return b.heard->frames.size() == 2; }));
  CHECK(b.heard->frames.back() == std::pair{routing_id(life(1), 1), std::string("after")});
}

TEST_CASE("messages that are not one frame are counted and dropped", "[transport][inbox]") {
  const Peer b(2);
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::dealer);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(b->work_endpoint());

  stranger.send(zmq::str_buffer(""), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  for (int i = 0; i < 9; ++i) stranger.send(zmq::str_buffer("many"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("one frame"), zmq::send_flags::none);

  REQUIRE(run_until({&b}, [&] { return !b.heard->frames.empty(); }));
  CHECK(b.heard->frames.front().second == "one frame");
  CHECK(b->counters().at("evmesh_transport_frames_malformed_total") == 3);
}
