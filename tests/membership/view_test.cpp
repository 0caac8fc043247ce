#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

TEST_CASE("a node without seeds is settled at once and sees itself", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});

  const auto members = a.machine->members(mesh.now());

  CHECK(a.machine->settled());
  REQUIRE(members.size() == 1);
  CHECK(members.front().self);
  CHECK(members.front().state == MemberState::alive);
  CHECK(members.front().endpoint == "tcp://a:7000");
  CHECK(members.front().mode == Mode::broadcast);
}

TEST_CASE("a seed that refuses is tried; one that is silent is awaited by its endpoint", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"far"};
  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"far", "off"}});

  CHECK_FALSE(a.machine->settled());
  CHECK(a.machine->awaited() == std::vector<std::string>{"tcp://far:7000"});
}

TEST_CASE("a member learned of is awaited by name until it is up or known not to be there", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"far"};
  mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  const wire::MemberEntry far{id_of(8), 1'000, MemberState::alive, false, false, "far", endpoint_of("far")};
  const wire::MemberEntry off{id_of(9), 1'000, MemberState::alive, false, false, "off", endpoint_of("off")};

  mesh.inject(b, "a", {id_of(1), 1'000}, wire::Kind::members, wire::Members{{far, off}});
  const auto awaited = b.machine->awaited();
  mesh.run(4'000ms);

  CHECK(awaited == std::vector<std::string>{"far"});
  CHECK(b.machine->settled());
  CHECK(row(mesh, b, "far").state == MemberState::dead);
  CHECK(row(mesh, b, "far").reason == "never answered");
}

TEST_CASE("a node is not settled before the seed told it whom it knows", "[membership]") {
  Mesh mesh;
  mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
  mesh.run(1'000ms);

  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  const bool at_once = b.machine->settled();
  const std::size_t known = b.machine->members(mesh.now()).size();

  CHECK(at_once);
  CHECK(known == 3);
  CHECK(row(mesh, b, "c").state == MemberState::alive);
}

TEST_CASE("members stand in the order of their names with what we know of them", "[membership]") {
  Mesh mesh;
  mesh.start({.host = "c", .id = 3, .also = [](Options& it) {
                it.mode = Mode::scale_efficient;
                it.transient = true;
              }});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"c"}});
  mesh.start({.host = "a", .id = 1, .seeds = {"c"}});
  mesh.run(1'000ms);

  const auto members = b.machine->members(mesh.now() + 100ms);

  REQUIRE(members.size() == 3);
  CHECK(members[0].name == "a");
  CHECK(members[1].self);
  CHECK(members[2].name == "c");
  CHECK(members[2].mode == Mode::scale_efficient);
  CHECK(members[2].transient);
  CHECK(members[2].epoch == 1'000);
  CHECK(members[2].hears_us);
  CHECK(members[2].we_hear);
  CHECK(members[2].last_heard >= 100ms);
  CHECK(members[2].last_heard < 700ms);
}

TEST_CASE("suspect and dead members are absent and may be back with the same life", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  const bool when_alive = a.machine->anyone_absent();
  mesh.kill(b);

  mesh.run(2'000ms);
  const bool when_suspect = a.machine->anyone_absent();
  mesh.run(2'000ms);
  const bool when_dead = a.machine->anyone_absent();

  CHECK_FALSE(when_alive);
  CHECK(when_suspect);
  CHECK(when_dead);
  CHECK(a.machine->current_life(id_of(2)) == Life{id_of(2), 1'000});
  CHECK(a.machine->current_life(id_of(1)) == Life{id_of(1), 1'000});
  CHECK_FALSE(a.machine->current_life(id_of(9)));
}

}  // namespace evmesh::membership::test
