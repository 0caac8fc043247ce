#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

std::vector<std::string> endpoints(const Process& process) {
  std::vector<std::string> open;
  for (const auto& [link, endpoint] : process.links) open.push_back(endpoint);
  return open;
}

}  // namespace

TEST_CASE("all seeds are dialled at once", "[membership]") {
  Mesh mesh;

  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"x", "y", "z"}});

  CHECK(endpoints(a) == std::vector<std::string>{"tcp://x:7000", "tcp://y:7000", "tcp://z:7000"});
  CHECK(bodies<wire::Hello>(a.sent).size() == 3);
  CHECK(a.sent.front().header.to.nil());
  CHECK(a.sent.front().header.to_epoch == 0);
}

TEST_CASE("a seed that comes up after an hour is joined within half a minute", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"x"}});
  mesh.run(3'600'000ms);

  Process& x = mesh.start({.host = "x", .id = 9});
  mesh.run(1'000ms);

  CHECK(row(mesh, a, "x").state == MemberState::alive);
  CHECK(row(mesh, x, "a").state == MemberState::alive);
  CHECK(endpoints(a).size() == 1);
}

TEST_CASE("a seed that is this node itself is hung up and never dialled again", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"a"}, .also = [](Options& it) {
                             it.work_endpoint = "tcp://alias:7000";
                           }});

  mesh.run(60'000ms);

  CHECK(endpoints(a).empty());
  CHECK(bodies<wire::Hello>(a.sent).size() == 1);
  CHECK(a.machine->settled());
  CHECK(a.machine->members(mesh.now()).size() == 1);
}

TEST_CASE("two seeds that lead to one member need one link", "[membership]") {
  Mesh mesh;
  Process& b =
      mesh.start({.host = "b", .id = 2, .also = [](Options& it) { it.work_endpoint = "tcp://c:7000"; }});
  Process& c = mesh.start({.host = "c", .id = 2, .epoch = 1'000, .also = [](Options& it) { it.name = "b"; }});
  static_cast<void>(b);
  static_cast<void>(c);

  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"b", "c"}});
  mesh.run(1'000ms);

  CHECK(endpoints(a).size() == 1);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
}

TEST_CASE("both ends that have each other as seed open one link each", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .seeds = {"b"}});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});

  mesh.run(5'000ms);

  CHECK(endpoints(a) == std::vector<std::string>{"tcp://b:7000"});
  CHECK(endpoints(b) == std::vector<std::string>{"tcp://a:7000"});
  CHECK(row(mesh, a, "b").state == MemberState::alive);
}

TEST_CASE("a dead member is dialled after 1 s, 2 s, 4 s and so on, at most 30 s apart", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(3'000ms);
  const auto newest = [&] { return a.links.empty() ? LinkId{0} : a.links.rbegin()->first; };

  std::vector<LinkId> seen;
  for (int second = 0; second < 300; ++second) {
    mesh.run(1'000ms);
    if (seen.empty() || seen.back() != newest()) seen.push_back(newest());
  }

  CHECK(seen.size() >= 12);
  CHECK(seen.size() <= 16);
  CHECK(endpoints(a) == std::vector<std::string>{"tcp://b:7000"});
}

TEST_CASE("a new id on a dead member's endpoint ends its life and takes it off the redial list", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(5'000ms);

  mesh.start({.host = "b", .id = 3, .also = [](Options& it) { it.name = "b2"; }});
  mesh.run(10'000ms);

  CHECK(row(mesh, a, "b2").state == MemberState::alive);
  CHECK(row(mesh, a, "b").state == MemberState::dead);
  CHECK(row(mesh, a, "b").reason == "replaced by b2 on tcp://b:7000");
  REQUIRE(all<LifeEnded>(a).size() == 1);
  CHECK(all<LifeEnded>(a).front().life == Life{id_of(2), 1'000});
  CHECK_FALSE(all<LifeEnded>(a).front().clean);
  REQUIRE(all<Gone>(a).size() == 1);
  CHECK(all<Gone>(a).front().node == id_of(2));
  CHECK_FALSE(a.machine->anyone_absent());
  CHECK(endpoints(a) == std::vector<std::string>{"tcp://b:7000"});
}

TEST_CASE("who was replaced on its endpoint and speaks from another comes back as a later life", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(5'000ms);
  mesh.start({.host = "b", .id = 3, .also = [](Options& it) { it.name = "b2"; }});
  mesh.run(10'000ms);

  Process& moved = mesh.start({.host = "c", .id = 2, .seeds = {"a"}});
  mesh.run(10'000ms);

  REQUIRE(all<RaiseEpoch>(moved).size() == 1);
  CHECK(row(mesh, a, "c").epoch == 1'001);
  CHECK(row(mesh, a, "c").state == MemberState::alive);
  CHECK(all<LifeEnded>(a).size() == 1);
}

TEST_CASE("a connection that comes back is greeted at once", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);
  a.sent.clear();
  Actions out;

  a.machine->on_link(mesh.now(), a.links.begin()->first, LinkEvent::disconnected, out);
  a.machine->on_link(mesh.now(), a.links.begin()->first, LinkEvent::connected, out);

  REQUIRE(out.size() == 1);
  CHECK(std::get<Send>(out.front()).header.kind == wire::Kind::hello);
}

}  // namespace evmesh::membership::test
