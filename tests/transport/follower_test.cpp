#include "transport/follower.hpp"

#include "transport/harness.hpp"

using namespace evmesh;
using namespace evmesh::transport;
using namespace evmesh::transport::test;

TEST_CASE("a node that moves into an endpoint is still followed when the other is not",
          "[transport][follower]") {
  const Peer a(1), b(2);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 1; }));

  b->unfollow(a->publish_endpoint());
  a->publish("EM once");

  REQUIRE(run_until({&a, &b}, [&] { return !b.heard->published.empty(); }));
  CHECK(b.heard->published == std::vector<std::string>{"EM once"});
  CHECK(a.heard->subscriptions.size() == 1);
}

TEST_CASE("unfollowing what is not followed does nothing", "[transport][follower]") {
  const Peer a(1), b(2);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());

  b->unfollow("tcp://127.0.0.1:1");
  b->unfollow("nonsense");

  CHECK(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 1; }));
}

TEST_CASE("what cannot be dialled cannot be followed", "[transport][follower]") {
  const Peer a(1);

  const Result<void> followed = a->follow("tcp://*:7520");

  REQUIRE_FALSE(followed.has_value());
  CHECK(followed.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a raised epoch moves the barrier, not the connection", "[transport][follower]") {
  const Peer a(1), b(2, 1'000);
  REQUIRE(b->follow(a->publish_endpoint()).has_value());
  REQUIRE(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 1; }));

  b->set_epoch(2'000);

  REQUIRE(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 3; }));
  CHECK(a.heard->subscriptions == std::vector<Recorder::Change>{{barrier_topic(life(2, 1'000)), true},
                                                                {barrier_topic(life(2, 2'000)), true},
                                                                {barrier_topic(life(2, 1'000)), false}});
}

TEST_CASE("a follower finds a publisher that was started again", "[transport][follower]") {
  Options fixed = fixed_options(1, 1'000);
  const Peer b(2);
  std::string publish;
  {
    const Peer a(fixed);
    publish = a->publish_endpoint();
    REQUIRE(b->follow(publish).has_value());
    REQUIRE(run_until({&a, &b}, [&] { return a.heard->subscriptions.size() == 1; }));
  }

  fixed.self = life(1, 2'000);
  const Peer again(fixed);

  REQUIRE(run_until({&again, &b}, [&] { return again.heard->subscriptions.size() == 1; }));
  CHECK(again.heard->subscriptions == std::vector<Recorder::Change>{{barrier_topic(life(2)), true}});
  again->publish("EM second life");
  REQUIRE(run_until({&again, &b}, [&] { return !b.heard->published.empty(); }));
}
