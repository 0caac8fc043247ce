#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

wire::Hello hello_of(const std::string& host) {
  wire::Hello hello;
  hello.cluster = "test";
  hello.name = host;
  hello.work_endpoint = endpoint_of(host);
  hello.publish_endpoint = "tcp://" + host + ":7001";
  hello.buses = {"events"};
  return hello;
}

const Life stranger{id_of(9), 1'000};

}  // namespace

TEST_CASE("a HELLO is answered by WELCOME, its sender is dialled and followed", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});

  const bool taken = mesh.inject(a, "9", stranger, wire::Kind::hello, hello_of("z"));

  CHECK(taken);
  CHECK(bodies<wire::Welcome>(a.answered) == std::vector<wire::Welcome>{{"a", "tcp://a:7000"}});
  CHECK(a.answered.front().header == wire::Header{1, wire::Kind::welcome, id_of(1), 1'000, id_of(9), 1'000});
  CHECK(a.links.begin()->second == "tcp://z:7000");
  REQUIRE(all<Follow>(a).size() == 1);
  CHECK(all<Follow>(a).front().publish_endpoint == "tcp://z:7001");
  CHECK(row(mesh, a, "z").state == MemberState::suspect);
}

TEST_CASE("a HELLO of another cluster is rejected with both names and a cure, on both sides",
          "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});

  Process& b =
      mesh.start({.host = "b", .id = 2, .seeds = {"a"}, .also = [](Options& it) { it.cluster = "other"; }});
  mesh.run(5'000ms);

  const auto rejects = bodies<wire::Reject>(a.answered);
  REQUIRE(rejects.size() == 1);
  CHECK(rejects.front().reason == wire::RejectReason::cluster);
  CHECK(rejects.front().text ==
        "cluster \"other\" meets a node of cluster \"test\": give both the same name, or take it off the "
        "seeds");
  CHECK(noted(a, "hello_rejected"));
  CHECK(noted(b, "rejected_by_peer"));
  CHECK_FALSE(knows(mesh, a, "b"));
  CHECK(counter(a, "hellos_rejected_cluster") == 1);
  CHECK(counter(b, "rejected_by_peers_cluster") == 1);
}

TEST_CASE("a rejected seed is dialled again every 30 s", "[membership]") {
  Mesh mesh;
  mesh.start({.host = "a", .id = 1});
  Process& b =
      mesh.start({.host = "b", .id = 2, .seeds = {"a"}, .also = [](Options& it) { it.cluster = "other"; }});

  mesh.run(29'000ms);
  const auto before = counter(b, "rejected_by_peers_cluster");
  mesh.run(2'000ms);

  CHECK(before == 1);
  CHECK(counter(b, "rejected_by_peers_cluster") == 2);
}

TEST_CASE("versions that do not meet are rejected", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  wire::Hello hello = hello_of("z");
  hello.version_lowest = 2;
  hello.version_highest = 3;

  mesh.inject(a, "9", stranger, wire::Kind::hello, hello);

  const auto rejects = bodies<wire::Reject>(a.answered);
  REQUIRE(rejects.size() == 1);
  CHECK(rejects.front().reason == wire::RejectReason::version);
  CHECK(rejects.front().text == "protocol versions 2 to 3 do not meet 1 to 1: update the older node");
}

TEST_CASE("a full mesh rejects a newcomer with its bound", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .also = [](Options& it) { it.members_max = 2; }});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);

  mesh.inject(a, "9", stranger, wire::Kind::hello, hello_of("z"));

  CHECK(bodies<wire::Reject>(a.answered).front().reason == wire::RejectReason::full);
  CHECK_FALSE(knows(mesh, a, "z"));
  CHECK(counter(a, "hellos_rejected_full") == 1);
}

TEST_CASE("a repeated rejection is one line in the log", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  wire::Hello hello = hello_of("z");
  hello.name = "two words";

  for (int i = 0; i < 20; ++i) mesh.inject(a, "9", stranger, wire::Kind::hello, hello);

  CHECK(all<Note>(a).size() == 1);
  CHECK(counter(a, "hellos_rejected_malformed") == 20);
}

TEST_CASE("HELLO is repeated every heartbeat until the peer hears us, and then no more", "[membership]") {
  Mesh mesh;
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(900ms);
  const auto unanswered = bodies<wire::Hello>(b.sent).size();
  mesh.start({.host = "a", .id = 1});
  mesh.run(2'000ms);
  b.sent.clear();

  mesh.run(5'000ms);

  CHECK(unanswered == 2);
  CHECK(bodies<wire::Hello>(b.sent).empty());
}

TEST_CASE("a member whose endpoint does not answer is told so after 5 s, and again", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"nowhere"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}, .also = [](Options& it) {
                             it.work_endpoint = "tcp://nowhere:7000";
                           }});

  mesh.run(4'900ms);
  const auto early = counter(b, "one_way_received");
  mesh.run(6'000ms);

  CHECK(early == 0);
  CHECK(counter(b, "one_way_received") == 2);
  CHECK(bodies<wire::OneWay>(a.answered).front().endpoint == "tcp://nowhere:7000");
  CHECK(noted(a, "peer_unreachable"));
  CHECK(noted(b, "endpoint_unreachable"));
  CHECK(row(mesh, a, "b").state == MemberState::suspect);
  CHECK(row(mesh, a, "b").reason == "its endpoint tcp://nowhere:7000 does not answer");
  CHECK(all<MemberUp>(a).empty());
}

TEST_CASE("a life that moves to another endpoint is dialled and followed there", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.inject(a, "9", stranger, wire::Kind::hello, hello_of("z"));
  wire::Hello moved = hello_of("z");
  moved.work_endpoint = "tcp://y:7000";
  moved.publish_endpoint = "tcp://y:7001";

  mesh.inject(a, "9", stranger, wire::Kind::hello, moved);

  REQUIRE(a.links.size() == 1);
  CHECK(a.links.begin()->second == "tcp://y:7000");
  CHECK(all<Unfollow>(a).front().publish_endpoint == "tcp://z:7001");
  CHECK(all<Follow>(a).back().publish_endpoint == "tcp://y:7001");
}

}  // namespace evmesh::membership::test
