#include <memory>
#include <random>

#include <zmq.hpp>

#include "transport/harness.hpp"
#include "transport/raw_tcp.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;
using namespace std::string_literals;

namespace {

std::string noise(std::mt19937& rng, std::size_t bytes) {
  std::uniform_int_distribution<int> byte(0, 255);
  std::string out(bytes, '\0');
  for (char& c : out) c = static_cast<char>(byte(rng));
  return out;
}

/// Two frames and a notification go through, whatever happened to the sockets before.
void exchange(const Peer& a, const Peer& b) {
  const std::size_t before = b.heard->frames.size();
  a->send(1, Class::control, "after the noise");
  a->publish("EM after the noise");
  const auto arrived = [&] {
    const auto& frames = b.heard->frames;
    const auto& published = b.heard->published;
    return std::any_of(frames.begin() + static_cast<std::ptrdiff_t>(before), frames.end(),
                       [](const auto& frame) { return frame.second == "after the noise"; }) &&
           std::find(published.begin(), published.end(), "EM after the noise") != published.end();
  };
  CHECK(run_until({&a, &b}, arrived));
}

}  // namespace

TEST_CASE("random bytes on every socket disturb nobody", "[transport][garbage]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->subscriptions.empty(); }));

  std::mt19937 rng(2);
  std::vector<std::unique_ptr<RawTcp>> strangers;
  for (int i = 0; i < 100; ++i) {
    for (const std::string& endpoint :
         {a->work_endpoint(), a->publish_endpoint(), b->work_endpoint(), b->publish_endpoint()}) {
      RawTcp& stranger = *strangers.emplace_back(std::make_unique<RawTcp>(endpoint));
      const std::string kind = i % 3 == 0 ? "DEALER" : "SUB";
      if (i % 2 == 0) stranger.write(zmtp_hello(kind));
      stranger.write(noise(rng, 1 + static_cast<std::size_t>(i) * 40));
    }
  }
  exchange(a, b);
  strangers.clear();
  exchange(a, b);
}

TEST_CASE("a frame that claims more than a message may hold cuts the connection", "[transport][garbage]") {
  const Peer b(2);
  RawTcp stranger(b->work_endpoint());

  stranger.write(zmtp_hello("DEALER"));
  stranger.write("\x02\0\0\0\0\0\x11\x08\x01"s);  // a long frame of 1 MiB + 66 KiB + 1

  CHECK(stranger.closed_within(patience));
  const Peer a(1);
  connect(a, 1, b);
  a->send(1, Class::control, "hello");
  CHECK(run_until({&a, &b}, [&] { return !b.heard->frames.empty(); }));
}

TEST_CASE("a stranger that never shakes hands is cut", "[transport][garbage]") {
  const Peer b(2);
  RawTcp mute(b->work_endpoint());

  CHECK(mute.closed_within(patience));  // after 2 s
}

TEST_CASE("who fills a socket that nobody reads, and goes away, disturbs nobody", "[transport][garbage]") {
  const Peer a(1), b(2);
  const bool subscribing = GENERATE(false, true);
  const std::string endpoint = subscribing ? a->publish_endpoint() : a->work_endpoint();
  zmq::context_t context;
  zmq::socket_t flooding(context, subscribing ? zmq::socket_type::xsub : zmq::socket_type::dealer);
  flooding.set(zmq::sockopt::sndhwm, 0);
  flooding.connect(endpoint);
  for (int i = 0; i < 5'000; ++i) {  // more than may wait in the socket
    flooding.send(zmq::buffer("\1" + std::to_string(i)), zmq::send_flags::none);
  }
  flooding.close();
  context.close();  // when all of it has left
  // Time enough for whatever the I/O thread does at intervals: it cuts a stranger that says nothing after 2 s.
  REQUIRE(RawTcp(endpoint).closed_within(patience));

  connect(a, 1, b);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->subscriptions.empty(); }));
  exchange(a, b);
}

TEST_CASE("publishing by a peer that only may subscribe is counted", "[transport][garbage]") {
  const Peer b(2);
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::xsub);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(b->publish_endpoint());

  stranger.send(zmq::str_buffer("no subscription"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("\1\xff"
                                "B"),
                zmq::send_flags::none);
  stranger.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);

  CHECK(run_until({&b}, [&] { return b->counters().at("evmesh_transport_frames_malformed_total") >= 2; }));
  CHECK(b.heard->subscriptions.empty());
}

TEST_CASE("what is published in parts is counted and dropped", "[transport][garbage]") {
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::xpub);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.bind("tcp://127.0.0.1:*");
  const Peer b(2);
  REQUIRE(b->follow(stranger.get(zmq::sockopt::last_endpoint)).has_value());
  zmq::message_t subscription;
  for (int i = 0; i < 2; ++i) REQUIRE(stranger.recv(subscription, zmq::recv_flags::none));

  stranger.send(zmq::str_buffer("EM two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("EM one"), zmq::send_flags::none);

  REQUIRE(run_until({&b}, [&] { return !b.heard->published.empty(); }));
  CHECK(b.heard->published == std::vector<std::string>{"EM one"});
  CHECK(b->counters().at("evmesh_transport_frames_malformed_total") == 1);
}
