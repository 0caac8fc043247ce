#include "transport/link.hpp"

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;

namespace {

/// Only the texts, in the order they came.
std::vector<std::string> texts(const Peer& peer) {
  std::vector<std::string> out;
  for (const auto& [from, text] : peer.heard->frames) out.push_back(text);
  return out;
}

}  // namespace

TEST_CASE("an urgent frame overtakes what waits for a peer that is away", "[transport][link]") {
  const Options there = fixed_options(2);
  const Peer a(1);
  REQUIRE(a->dial(1, there.listen).has_value());

  // eight fit the DEALER, which is out of our hands; the rest waits
  for (int i = 1; i <= 10; ++i) a->send(1, Class::notification, "n" + std::to_string(i));
  a->send(1, Class::bulk, "b1");
  a->send(1, Class::work, "w1");
  a->send(1, Class::control, "c1");
  CHECK(a->queued_bytes(1, Class::notification) == 5);
  CHECK(a->queued_bytes(1, Class::control) == 2);
  const Peer b(there);

  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 13; }));
  CHECK(texts(b) == std::vector<std::string>{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "c1", "n9",
                                             "n10", "w1", "b1"});
  CHECK(a->queued_bytes(1, Class::notification) == 0);
}

TEST_CASE("an urgent frame overtakes what waits for a peer that does not read", "[transport][link]") {
  const Peer a(1), b(2);
  connect(a, 1, b);
  const auto text = std::make_shared<const std::string>(65'536, 'n');

  std::size_t sent = 0;
  for (; a->queued_bytes(1, Class::notification) < 2'097'152; ++sent) {
    REQUIRE(a->send(1, Class::notification, {text, *text}));
  }
  const std::size_t waiting = a->queued_bytes(1, Class::notification) / 65'536;
  a->send(1, Class::control, "urgent");

  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == sent + 1; }));
  const std::vector<std::string> arrived = texts(b);
  const auto place = std::find(arrived.begin(), arrived.end(), "urgent") - arrived.begin();
  CHECK(static_cast<std::size_t>(place) <= sent - waiting);
  CHECK_FALSE(a.heard->writable.empty());
}

TEST_CASE("a class that is full drops what comes and counts it", "[transport][link]") {
  const Peer a(1);
  REQUIRE(a->dial(1, "tcp://127.0.0.1:1").has_value());
  const std::string frame(65'536, 'x');

  int accepted = 0;
  for (int i = 0; i < 30; ++i) accepted += a->send(1, Class::bulk, frame) ? 1 : 0;

  CHECK(accepted == 8 + 16);  // the DEALER's and 1 MiB
  CHECK(a->counters().at("evmesh_transport_frames_dropped_link_queue_total") == 6);
  CHECK(a->send(1, Class::control, "still"));
}

TEST_CASE("hanging up drops what waits and tells nothing more", "[transport][link]") {
  const Options there = fixed_options(2);
  const Peer a(1);
  REQUIRE(a->dial(1, there.listen).has_value());
  for (int i = 0; i < 8; ++i) a->send(1, Class::notification, "in the DEALER");
  for (int i = 0; i < 8; ++i) a->send(1, Class::notification, "waiting");

  a->hang_up(1);
  a->hang_up(1);
  CHECK(a->queued_bytes(1, Class::notification) == 0);
  CHECK_FALSE(a->send(1, Class::control, "nobody there"));
  CHECK(a->counters().at("evmesh_transport_frames_dropped_no_link_total") == 1);

  const Peer b(there);
  connect(a, 2, b);
  a->send(2, Class::control, "new");
  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->frames.empty() && texts(b).back() == "new"; }));
  const std::vector<std::string> arrived = texts(b);
  CHECK(std::count(arrived.begin(), arrived.end(), "waiting") == 0);
  CHECK_FALSE(a.heard->saw(1, LinkEvent::disconnected));
}

TEST_CASE("a link is dialled once and to somewhere", "[transport][link]") {
  const Peer a(1);
  REQUIRE(a->dial(1, "tcp://127.0.0.1:1").has_value());

  const Result<void> again = a->dial(1, "tcp://127.0.0.1:2");
  const Result<void> nowhere = a->dial(2, "tcp://0.0.0.0:7520");

  REQUIRE_FALSE(again.has_value());
  CHECK(again.error() == Error{ErrorCode::invalid_argument, "link 1 is open already"});
  REQUIRE_FALSE(nowhere.has_value());
  CHECK(nowhere.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a refused connection is told once", "[transport][link]") {
  const Options there = fixed_options(2);
  const Peer a(1);
  REQUIRE(a->dial(1, there.listen).has_value());
  REQUIRE(run_until({&a}, [&] { return a.heard->saw(1, LinkEvent::refused); }));

  const Peer b(there);  // reached by one of the attempts that follow
  REQUIRE(run_until({&a, &b}, [&] { return a.heard->saw(1, LinkEvent::connected); }));

  CHECK(a.heard->events == std::vector<Recorder::Event>{{1, LinkEvent::refused}, {1, LinkEvent::connected}});
}

TEST_CASE("a peer that ends is told as disconnected, refused, and connected when it is back",
          "[transport][link]") {
  const Options there = fixed_options(2);
  const Peer a(1);
  {
    const Peer b(there);
    REQUIRE(a->dial(1, there.listen).has_value());
    REQUIRE(run_until({&a, &b}, [&] { return a.heard->saw(1, LinkEvent::connected); }));
  }
  REQUIRE(run_until({&a}, [&] { return a.heard->saw(1, LinkEvent::refused); }));
  CHECK(a.heard->events == std::vector<Recorder::Event>{{1, LinkEvent::connected},
                                                        {1, LinkEvent::disconnected},
                                                        {1, LinkEvent::refused}});

  const Peer again(there);
  REQUIRE(run_until({&a, &again}, [&] { return a.heard->count(1, LinkEvent::connected) == 2; }));
  a->send(1, Class::control, "welcome back");
  REQUIRE(run_until({&a, &again}, [&] { return !again.heard->frames.empty(); }));
  CHECK(texts(again) == std::vector<std::string>{"welcome back"});
}

TEST_CASE("a raised epoch names links dialled afterwards", "[transport][link]") {
  const Peer a(1, 1'000), b(2);
  connect(a, 1, b);
  a->set_epoch(2'000);
  connect(a, 2, b);

  a->send(1, Class::control, "old");
  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 1; }));
  a->send(2, Class::control, "new");
  REQUIRE(run_until({&a, &b}, [&] { return b.heard->frames.size() == 2; }));

  CHECK(b.heard->frames[0].first == routing_id(life(1, 1'000), 1));
  CHECK(b.heard->frames[1].first == routing_id(life(1, 2'000), 2));
}

TEST_CASE("a hundred links of one node work side by side", "[transport][link]") {
  const Peer a(1), b(2);
  for (LinkId link = 1; link <= 100; ++link) {
    REQUIRE(a->dial(link, b->work_endpoint()).has_value());
    REQUIRE(a->send(link, Class::control, std::to_string(link)));
  }

  CHECK(run_until({&a, &b}, [&] { return b.heard->frames.size() == 100; }));
}
