#include <algorithm>

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

}  // namespace

TEST_CASE("a node killed and started again with a higher epoch replaces its old life", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 1'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  mesh.kill(b);
  mesh.run(200ms);
  Process& again = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, a, "b").epoch == 2'000);
  CHECK(row(mesh, again, "a").state == MemberState::alive);
  REQUIRE(all<LifeEnded>(a).size() == 1);
  CHECK(all<LifeEnded>(a).front().life == Life{id_of(2), 1'000});
  CHECK_FALSE(all<LifeEnded>(a).front().clean);
  CHECK(all<MemberDown>(a).size() == 1);
  CHECK(all<MemberUp>(a).back().life == Life{id_of(2), 2'000});
}

TEST_CASE("a restarted node without seeds is found by those that know its endpoint", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .epoch = 1'000});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);

  mesh.kill(a);
  mesh.run(20'000ms);
  Process& again = mesh.start({.host = "a", .id = 1, .epoch = 2'000});
  mesh.run(2'000ms);

  CHECK(row(mesh, b, "a").state == MemberState::alive);
  CHECK(row(mesh, again, "b").state == MemberState::alive);
}

TEST_CASE("a second process under the id of a living node is refused and fails, naming where",
          "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);

  Process& twin = mesh.start({.host = "copy", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(2'000ms);

  REQUIRE(all<Fatal>(twin).size() == 1);
  CHECK(all<Fatal>(twin).front().error.code == ErrorCode::node_failed);
  CHECK(all<Fatal>(twin).front().error.message.find("tcp://a:7000") != std::string::npos);
  CHECK(all<Fatal>(twin).front().error.message.find("tcp://b:7000") != std::string::npos);
  CHECK(all<Fatal>(b).empty());
  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(row(mesh, a, "b").epoch == 1'000);
  CHECK(all<MemberDown>(a).empty());
}

TEST_CASE("a twin with a lower epoch than the living node fails too", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  Process& twin = mesh.start({.host = "copy", .id = 2, .epoch = 1'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  CHECK(all<Fatal>(twin).size() == 1);
  CHECK(row(mesh, a, "b").epoch == 2'000);
}

TEST_CASE("a known life that does not answer for 500 ms gives way and is fenced when it speaks again",
          "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b", "new"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 1'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.cut_both("a", "b");

  Process& newer = mesh.start({.host = "new", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(490ms);
  const auto while_asked = row(mesh, a, "b").epoch;
  mesh.run(500ms);
  const auto after = row(mesh, a, "new").epoch;
  mesh.heal();
  mesh.run(2'000ms);

  CHECK(while_asked == 1'000);
  CHECK(after == 2'000);
  CHECK(counter(a, "incumbents_asked") == 1);
  CHECK(all<LifeEnded>(a).front().life == Life{id_of(2), 1'000});
  CHECK(all<Fatal>(b).size() == 1);
  CHECK(all<Fatal>(b).front().error.message.substr(0, 6) == "fenced");
  CHECK(all<Fatal>(newer).empty());
  CHECK(row(mesh, newer, "a").state == MemberState::alive);
}

TEST_CASE("a refused connection needs no question before a later life is believed", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 1'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);

  Process& elsewhere = mesh.start({.host = "e", .id = 2, .epoch = 2'000, .seeds = {"a"}});

  CHECK(row(mesh, a, "e").epoch == 2'000);
  CHECK(row(mesh, elsewhere, "a").state == MemberState::alive);
  CHECK(counter(a, "incumbents_asked") == 0);
}

TEST_CASE("a node whose kept epoch is too low goes on above what its peers know", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(4'000ms);

  Process& again = mesh.start({.host = "b", .id = 2, .epoch = 500, .seeds = {"a"}});
  mesh.run(1'000ms);

  REQUIRE(all<RaiseEpoch>(again).size() == 1);
  CHECK(all<RaiseEpoch>(again).front().epoch == 2'001);
  CHECK(again.machine->self().epoch == 2'001);
  CHECK(row(mesh, a, "b").epoch == 2'001);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(all<Fatal>(again).empty());
}

TEST_CASE("an earlier life is not fenced but told the epoch when the later one is gone too", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(4'000ms);

  mesh.inject(a, "ghost", {id_of(2), 1'000}, wire::Kind::notify, wire::Notify{});

  CHECK(bodies<wire::Fenced>(a.answered).empty());
  REQUIRE(bodies<wire::Reject>(a.answered).size() == 1);
  CHECK(bodies<wire::Reject>(a.answered).front().reason == wire::RejectReason::stale_epoch);
  CHECK(bodies<wire::Reject>(a.answered).front().epoch == 2'000);
}

TEST_CASE("a life that was taken over by what others told is not taken over again", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b", "c", "new"};
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 1'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);
  mesh.run(2'800ms);
  const Life newer{id_of(2), 2'000};
  mesh.inject(a, "new", newer, wire::Kind::hello, hello_of("new"));
  mesh.run(300ms);
  const wire::MemberEntry told{id_of(2), 2'000, MemberState::alive, false, false, "new", endpoint_of("new")};
  mesh.inject(a, "c", {id_of(3), 1'000}, wire::Kind::members, wire::Members{{told}});

  mesh.inject(a, "new", newer, wire::Kind::hello, hello_of("new"));
  mesh.run(600ms);

  CHECK(counter(a, "incumbents_asked") == 1);
  REQUIRE(all<LifeEnded>(a).size() == 1);
  CHECK(all<LifeEnded>(a).front().life.epoch == 1'000);
  CHECK(row(mesh, a, "new").epoch == 2'000);
}

TEST_CASE("a node that starts with the epoch of its last, ended life goes on with the next", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.goodbye(b, false, {});

  Process& again = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  CHECK(again.machine->self().epoch == 2'001);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
}

TEST_CASE("a node with an older disk is no twin for a peer that has not noticed its death", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b"};
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.kill(b);

  Process& again = mesh.start({.host = "b", .id = 2, .epoch = 500, .seeds = {"a"}});
  mesh.run(2'000ms);

  CHECK(all<Fatal>(again).empty());
  CHECK(again.machine->self().epoch == 2'001);
  CHECK(row(mesh, a, "b").epoch == 2'001);
  CHECK(row(mesh, a, "b").state == MemberState::alive);
}

TEST_CASE("raising the epoch ends every link and dials again", "[membership]") {
  Mesh mesh;
  Process& c = mesh.start({.host = "c", .id = 3});
  Process& a = mesh.start({.host = "a", .id = 1, .epoch = 1'000, .seeds = {"c"}});
  mesh.run(1'000ms);
  const auto link = a.links.begin()->first;
  const wire::Reject stale{wire::RejectReason::stale_epoch, "", 7'000};
  Actions out;

  a.machine->on_answer(mesh.now(), link, {{1, wire::Kind::reject, id_of(3), 1'000, id_of(1), 1'000}, stale},
                       out);

  CHECK(std::holds_alternative<MemberDown>(out.at(0)));
  CHECK(a.machine->self().epoch == 7'001);
  CHECK(row(mesh, a, "c").state == MemberState::suspect);
  const auto dials = std::ranges::count_if(out, [](auto& it) { return std::holds_alternative<Dial>(it); });
  CHECK(dials == 1);
  CHECK(row(mesh, c, "a").epoch == 1'000);
}

TEST_CASE("FENCED by a later epoch of this id stops the node, by an earlier one it is ignored",
          "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  const Life b_life{id_of(2), 1'000};

  mesh.inject(a, "b", b_life, wire::Kind::fenced, wire::Fenced{1'000});
  const auto after_own = all<Fatal>(a).size();
  mesh.inject(a, "b", b_life, wire::Kind::fenced, wire::Fenced{1'001});

  CHECK(after_own == 0);
  CHECK(all<Fatal>(a).size() == 1);
}

TEST_CASE("a node that failed does nothing more", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  mesh.inject(a, "b", {id_of(2), 1'000}, wire::Kind::fenced, wire::Fenced{1'001});
  a.sent.clear();

  mesh.run(2'000ms);
  const bool taken = mesh.inject(a, "b", {id_of(2), 1'000}, wire::Kind::ping, wire::Ping{1});

  CHECK_FALSE(taken);
  CHECK(a.sent.empty());
  CHECK(a.machine->next_deadline() == MonoTime::max());
}

TEST_CASE("two processes of one id that meet directly: the younger fails", "[membership]") {
  Mesh mesh;
  Process& older = mesh.start({.host = "a", .id = 1, .epoch = 1'000});
  Process& younger = mesh.start({.host = "b", .id = 1, .epoch = 2'000, .seeds = {"a"}});
  mesh.run(1'000ms);

  CHECK(all<Fatal>(older).empty());
  CHECK(all<Fatal>(younger).size() == 1);
}

TEST_CASE("a younger process that only hears its older twin fails after 3 s, not on a stray frame",
          "[membership]") {
  Mesh mesh;
  Process& older = mesh.start({.host = "a", .id = 1, .epoch = 1'000, .seeds = {"b"}});
  Process& younger = mesh.start({.host = "b", .id = 1, .epoch = 2'000});
  mesh.run(2'500ms);
  const auto early = all<Fatal>(younger).size();

  mesh.run(2'000ms);

  CHECK(early == 0);
  CHECK(all<Fatal>(younger).size() == 1);
  CHECK(all<Fatal>(older).empty());
}

TEST_CASE("an old life that was cut off is fenced by its successor when they meet", "[membership]") {
  Mesh mesh;
  mesh.silent_hosts = {"a", "b", "c"};
  Process& old_life = mesh.start({.host = "a", .id = 1, .epoch = 1'000});
  Process& b = mesh.start({.host = "b", .id = 2});
  Process& successor = mesh.start({.host = "c", .id = 1, .epoch = 2'000, .seeds = {"b"}});
  mesh.run(1'000ms);

  mesh.inject(successor, "0/1", {id_of(1), 1'000}, wire::Kind::hello, hello_of("a"));

  CHECK(bodies<wire::Fenced>(successor.answered) == std::vector<wire::Fenced>{{2'000}});
  CHECK(all<Fatal>(successor).empty());
  CHECK(row(mesh, b, "c").state == MemberState::alive);
  CHECK(all<Fatal>(old_life).empty());
}

}  // namespace evmesh::membership::test
