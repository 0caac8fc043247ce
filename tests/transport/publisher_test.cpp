#include "transport/publisher.hpp"

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;
using namespace std::string_literals;

namespace {

std::string subscribe(const std::string& topic) { return "\x01" + topic; }
std::string unsubscribe(const std::string& topic) { return "\0"s + topic; }

}  // namespace

TEST_CASE("a barrier is told when it comes and when it goes", "[transport][publisher]") {
  Subscriptions subscriptions;
  Tally tally;
  const std::string topic = barrier_topic(life(2));

  const std::string begin = subscribe(topic), end = unsubscribe(topic);
  CHECK(subscriptions.read(begin, tally) == Subscription{topic, true});
  CHECK(subscriptions.read(end, tally) == Subscription{topic, false});
  CHECK(subscriptions.read(end, tally) == std::nullopt);
}

TEST_CASE("a follower whose old connection is not gone yet stays active", "[transport][publisher]") {
  Subscriptions subscriptions;
  Tally tally;
  const std::string topic = barrier_topic(life(2));
  const std::string begin = subscribe(topic), end = unsubscribe(topic);

  CHECK(subscriptions.read(begin, tally) == Subscription{topic, true});
  CHECK(subscriptions.read(begin, tally) == Subscription{topic, true});
  CHECK(subscriptions.read(end, tally) == std::nullopt);
  CHECK(subscriptions.read(end, tally) == Subscription{topic, false});
}

TEST_CASE("data topics tell nothing", "[transport][publisher]") {
  Subscriptions subscriptions;
  Tally tally;

  CHECK(subscriptions.read(subscribe("EM"), tally) == std::nullopt);
  CHECK(tally.frames_malformed == 0);
}

TEST_CASE("what is no subscription is counted", "[transport][publisher]") {
  Subscriptions subscriptions;
  Tally tally;

  CHECK(subscriptions.read("", tally) == std::nullopt);
  CHECK(subscriptions.read("hello", tally) == std::nullopt);
  CHECK(tally.frames_malformed == 2);
}

TEST_CASE("followers are told apart up to a bound", "[transport][publisher]") {
  Subscriptions subscriptions;
  Tally tally;
  for (std::uint64_t epoch = 1; epoch <= 1'024; ++epoch) {
    REQUIRE(subscriptions.read(subscribe(barrier_topic(life(2, epoch))), tally));
  }

  CHECK_FALSE(subscriptions.read(subscribe(barrier_topic(life(2, 1'025))), tally));
  CHECK_FALSE(subscriptions.read(unsubscribe(barrier_topic(life(2, 1'025))), tally));
  CHECK(tally.subscriptions_ignored == 1);
}

TEST_CASE("what is published reaches whoever follows, once its barrier is up", "[transport][publisher]") {
  const Peer a(1), b(2), c(3);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(c->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b, &c}, [&] { return a.heard->subscriptions.size() == 2; }));

  a->publish("EM one");
  a->publish("EM two");

  REQUIRE(run_until({&a, &b, &c},
                    [&] { return b.heard->published.size() == 2 && c.heard->published.size() == 2; }));
  CHECK(b.heard->published == std::vector<std::string>{"EM one", "EM two"});
  CHECK(c.heard->published == std::vector<std::string>{"EM one", "EM two"});
}

TEST_CASE("the publisher can answer one follower on its barrier", "[transport][publisher]") {
  const Peer a(1), b(2), c(3);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(c->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b, &c}, [&] { return a.heard->subscriptions.size() == 2; }));

  a->publish(barrier_topic(life(2)) + "only b");
  a->publish("EM all");

  REQUIRE(
      run_until({&a, &b, &c}, [&] { return b.heard->published.size() == 2 && !c.heard->published.empty(); }));
  CHECK(b.heard->published.front() == barrier_topic(life(2)) + "only b");
  CHECK(c.heard->published == std::vector<std::string>{"EM all"});
}

TEST_CASE("the publisher is told when a follower goes", "[transport][publisher]") {
  const Peer a(1), b(2);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return !a.heard->subscriptions.empty(); }));

  b->unfollow(a->publish_endpoint());

  REQUIRE(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 2; }));
  CHECK(a.heard->subscriptions ==
        std::vector<Recorder::Change>{{barrier_topic(life(2)), true}, {barrier_topic(life(2)), false}});
}

TEST_CASE("publishing without followers costs nothing and is counted", "[transport][publisher]") {
  const Peer a(1);

  CHECK(a->publish("EM one"));
  CHECK(a->counters().at("evmesh_transport_frames_published_total") == 1);
  CHECK(a->counters().at("evmesh_transport_bytes_published_total") == 6);
}

TEST_CASE("a follower that does not read loses frames and delays nobody", "[transport][publisher]") {
  const Peer a(1), slow(2), quick(3);
  REQUIRE(slow->follow(a->publish_endpoint()).has_value());
  REQUIRE(quick->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &slow, &quick}, [&] { return a.heard->subscriptions.size() == 2; }));

  // 128 MiB: more than both ends and the kernel hold for the one that sleeps. A pipe of 128 learns of what was read in steps
  // of 64, so 32 under way never fill the one of the quick follower.
  const auto text = std::make_shared<const std::string>("EM" + std::string(65'534, 'x'));
  constexpr std::size_t count = 2'048;
  std::size_t sent = 0;
  const bool all = run_until({&a, &quick}, [&] {
    for (; sent < count && sent < quick.heard->published.size() + 32; ++sent)
      REQUIRE(a->publish({text, *text}));
    return quick.heard->published.size() == count;
  });

  REQUIRE(all);
  const auto caught_up = [&] {
    a->publish("EM end");
    return !slow.heard->published.empty() && slow.heard->published.back() == "EM end";
  };
  REQUIRE(run_until({&a, &slow}, caught_up));
  CHECK(slow.heard->published.size() < count);
}

TEST_CASE("a life with two connections is followed until the last is gone", "[transport][publisher]") {
  const Peer a(1), b(2), same(2);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(same->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b, &same}, [&] { return a.heard->subscriptions.size() == 2; }));

  same->unfollow(a->publish_endpoint());
  const Peer later(3);  // whose coming shows that the leaving before it was seen
  REQUIRE(later->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b, &same, &later}, [&] { return a.heard->subscriptions.size() == 3; }));
  b->unfollow(a->publish_endpoint());
  REQUIRE(run_until({&a, &b, &same, &later}, [&] { return a.heard->subscriptions.size() == 4; }));

  CHECK(a.heard->subscriptions == std::vector<Recorder::Change>{{barrier_topic(life(2)), true},
                                                                {barrier_topic(life(2)), true},
                                                                {barrier_topic(life(3)), true},
                                                                {barrier_topic(life(2)), false}});
}
