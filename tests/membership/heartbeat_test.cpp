#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

TEST_CASE("two nodes with one seed between them see each other alive", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});

  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(600ms);

  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, b, "a").state == MemberState::alive);
  REQUIRE(all<MemberUp>(a).size() == 1);
  CHECK(all<MemberUp>(a).front().life == Life{id_of(2), 1'000});
  CHECK(all<MemberUp>(a).front().hello.publish_endpoint == "tcp://b:7001");
  CHECK(all<MemberUp>(b).size() == 1);
}

TEST_CASE("a join takes no turn of the heartbeat", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});

  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});

  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, b, "a").state == MemberState::alive);
}

TEST_CASE("heartbeats go every 500 ms with a number from 1 and echo the peer's", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(100ms);
  const auto before = bodies<wire::Heartbeat>(a.sent);

  mesh.run(2'000ms);

  const auto after = bodies<wire::Heartbeat>(a.sent);
  CHECK(before.front().seq == 1);
  CHECK(after.size() == before.size() + 4);
  CHECK(after.back().seq == after.size());
  CHECK(after.back().echo >= 4);
  CHECK(after.back().announcement_version == 7);
  CHECK(after.back().announcement_digest == 77);
  CHECK(after.back().heads == std::vector<wire::StreamPosition>{{0, 42}});
  CHECK(after.back().through == std::vector<wire::StreamPosition>{{0, 9}});
}

}  // namespace evmesh::membership::test
