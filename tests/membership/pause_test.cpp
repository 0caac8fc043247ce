#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

TEST_CASE("a node stopped for 2 s is suspected, not dead, and knows that it was stopped", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);

  mesh.pause(b);
  mesh.run(2'000ms);
  const auto seen = row(mesh, a, "b").state;
  mesh.resume(b);
  mesh.run(1'000ms);

  CHECK(seen == MemberState::suspect);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, b, "a").state == MemberState::alive);
  CHECK(counter(b, "own_pauses") == 1);
  CHECK(counter(b, "own_pause_ms") >= 1'500);
  CHECK(noted(b, "own_pause"));
  CHECK(all<MemberDown>(a).empty());
}

TEST_CASE("a node stopped for 10 s comes back with its life", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);

  mesh.pause(b);
  mesh.run(10'000ms);
  const auto seen = row(mesh, a, "b").state;
  mesh.resume(b);
  mesh.run(3'000ms);

  CHECK(seen == MemberState::dead);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, b, "a").state == MemberState::alive);
  CHECK(all<MemberUp>(a).back().life == Life{id_of(2), 1'000});
  CHECK(all<LifeEnded>(a).empty());
}

}  // namespace evmesh::membership::test
