#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

/// a, b and c, all alive; no connection is ever refused, so that only silence counts.
struct Three {
  Mesh mesh;
  Process* a = nullptr;
  Process* b = nullptr;
  Process* c = nullptr;

  Three() {
    mesh.silent_hosts = {"a", "b", "c"};
    a = &mesh.start({.host = "a", .id = 1});
    b = &mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
    c = &mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
    mesh.run(2'000ms);
  }
};

}  // namespace

TEST_CASE("a silent member is suspect after 1.5 s and dead after 3 s", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);

  mesh.run(1'400ms);
  const Member before = row(mesh, *a, "c");
  mesh.run(600ms);
  const Member suspected = row(mesh, *a, "c");
  mesh.run(1'100ms);
  const Member dead = row(mesh, *a, "c");

  CHECK(before.state == MemberState::alive);
  CHECK(suspected.state == MemberState::suspect);
  CHECK(suspected.reason.substr(0, 10) == "silent for");
  CHECK(dead.state == MemberState::dead);
  CHECK(dead.reason == "silent for 3.0 s");
}

TEST_CASE("suspicion is no MemberDown, death is one, and its SUB is unfollowed", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);

  mesh.run(2'500ms);
  const auto while_suspect = all<MemberDown>(*a);
  mesh.run(1'000ms);

  CHECK(while_suspect.empty());
  REQUIRE(all<MemberDown>(*a).size() == 1);
  CHECK(all<MemberDown>(*a).front().life == Life{id_of(3), 1'000});
  REQUIRE(all<Unfollow>(*a).size() == 1);
  CHECK(all<Unfollow>(*a).front().publish_endpoint == "tcp://c:7001");
  CHECK(all<LifeEnded>(*a).empty());
}

TEST_CASE("a member that others hear stays suspect, with the name of who hears it", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");

  mesh.run(10'000ms);

  CHECK(row(mesh, *a, "c").state == MemberState::suspect);
  CHECK(row(mesh, *a, "c").reason == "unreachable from here, b hears it");
  CHECK(all<MemberDown>(*a).empty());
  CHECK(row(mesh, *b, "c").state == MemberState::alive);
}

TEST_CASE("a vouched suspect is alive again when the cut heals", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.run(10'000ms);

  mesh.heal();
  mesh.run(1'500ms);

  CHECK(row(mesh, *a, "c").state == MemberState::alive);
  CHECK(row(mesh, *a, "c").reason.empty());
  CHECK(all<MemberUp>(*a).size() == 2);
}

TEST_CASE("vouching that stops lets the member die", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.run(10'000ms);

  mesh.kill(*c);
  mesh.run(3'500ms);

  CHECK(row(mesh, *a, "c").state == MemberState::dead);
}

TEST_CASE("two others are asked while a member is silent", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  Process& d = mesh.start({.host = "d", .id = 4, .seeds = {"a"}});
  mesh.silent_hosts.insert("d");
  mesh.run(1'000ms);

  mesh.kill(d);
  mesh.run(1'600ms);

  const auto to_b = bodies<wire::ProbeAnswer>(b->sent);
  const auto to_c = bodies<wire::ProbeAnswer>(c->sent);
  CHECK(counter(*a, "probes_sent") == 2);
  CHECK(to_b.size() >= 1);
  CHECK(to_c.size() >= 1);
  CHECK(to_b.front().subject == id_of(4));
}

TEST_CASE("the table tells whether a member hears us from whether we hear it", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;

  mesh.cut("a", "b");
  mesh.run(6'000ms);

  CHECK(row(mesh, *a, "b").we_hear);
  CHECK_FALSE(row(mesh, *a, "b").hears_us);
  CHECK_FALSE(row(mesh, *b, "a").we_hear);
  CHECK(row(mesh, *b, "a").reason == "unreachable from here, c hears it");
  CHECK(row(mesh, *c, "a").hears_us);
}

TEST_CASE("a refused connection that another member confirms means death after 1 s", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  Process& c = mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
  mesh.run(2'000ms);

  mesh.kill(c);
  mesh.run(900ms);
  const auto early = row(mesh, a, "c").state;
  mesh.run(800ms);

  CHECK(early != MemberState::dead);
  CHECK(row(mesh, a, "c").state == MemberState::dead);
  CHECK(row(mesh, a, "c").reason == "connection refused");
}

TEST_CASE("a refused connection with nobody else to ask makes suspect at once and dead after 1 s",
          "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);

  mesh.kill(b);
  const auto at_once = row(mesh, a, "b");
  mesh.run(1'010ms);

  CHECK(at_once.state == MemberState::suspect);
  CHECK(at_once.reason == "connection refused");
  CHECK(row(mesh, a, "b").state == MemberState::dead);
}

TEST_CASE("a connection refused here only kills nobody that others hear", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  Actions out;

  for (const auto& [link, endpoint] : a->links) {
    if (endpoint != endpoint_of("c")) continue;
    a->machine->on_link(mesh.now(), link, LinkEvent::disconnected, out);
    a->machine->on_link(mesh.now(), link, LinkEvent::refused, out);
  }
  mesh.run(8'000ms);

  CHECK(row(mesh, *a, "c").state == MemberState::suspect);
}

TEST_CASE("a connection over which a heartbeat came back is not broken, though nobody said that it is back", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);
  Actions out;

  for (const LinkEvent event : {LinkEvent::disconnected, LinkEvent::refused})
    a.machine->on_link(mesh.now(), a.links.begin()->first, event, out);
  const auto at_once = row(mesh, a, "b");
  mesh.run(3'000ms);
  const auto suspicions = counter(a, "suspicions");
  mesh.run(3'000ms);

  CHECK(at_once.reason == "connection refused");
  CHECK(row(mesh, a, "b").state == MemberState::alive);
  CHECK(counter(a, "suspicions") == suspicions);
}

TEST_CASE("a connection that was refused before it broke is not refused", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);
  Actions out;

  for (const LinkEvent event : {LinkEvent::refused, LinkEvent::disconnected})
    a.machine->on_link(mesh.now(), a.links.begin()->first, event, out);

  CHECK(row(mesh, a, "b").state == MemberState::alive);
}

TEST_CASE("who says that it hears a member outweighs who says it does not, whoever speaks first", "[membership]") {
  const bool hears_first = GENERATE(true, false);
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.start({.host = "d", .id = 4, .seeds = {"a"}});
  mesh.silent_hosts.insert("d");
  mesh.run(2'000ms);
  mesh.cut_both("a", "c");
  mesh.cut("b", "a");
  mesh.cut("d", "a");
  a->sent.clear();
  Actions out;
  for (const auto& [link, endpoint] : a->links) {
    if (endpoint != endpoint_of("c")) continue;
    a->machine->on_link(mesh.now(), link, LinkEvent::disconnected, out);
    a->machine->on_link(mesh.now(), link, LinkEvent::refused, out);
  }
  mesh.carry_out(*a, std::move(out));
  const auto probes = bodies<wire::Probe>(a->sent);
  REQUIRE(probes.size() == 2);
  const auto answers = [&](unsigned from, std::optional<std::uint32_t> heard_ago) {
    mesh.inject(*a, "x", {id_of(from), 1'000}, wire::Kind::probe_answer,
                wire::ProbeAnswer{id_of(3), 1'000, probes.front().nonce, heard_ago});
  };

  if (hears_first) answers(2, 100);
  answers(4, std::nullopt);
  if (!hears_first) answers(2, 100);
  mesh.run(1'200ms);

  CHECK(row(mesh, *a, "c").state != MemberState::dead);
}

TEST_CASE("any frame brings a dead member back on the list of those to dial and follow", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);
  mesh.run(4'000ms);
  const auto followed_before = all<Follow>(*a).size();

  mesh.inject(*a, "c", {id_of(3), 1'000}, wire::Kind::ping, wire::Ping{1});

  CHECK(row(mesh, *a, "c").state == MemberState::suspect);
  CHECK(all<Follow>(*a).size() == followed_before + 1);
  CHECK(all<Follow>(*a).back().publish_endpoint == "tcp://c:7001");
  CHECK(a->links.rbegin()->second == "tcp://c:7000");
}

TEST_CASE("a dead member that speaks again is up again with the same life, and followed again",
          "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.cut_both("b", "c");
  mesh.run(10'000ms);
  const auto state_in_partition = row(mesh, *a, "c").state;

  mesh.heal();
  mesh.run(9'000ms);

  CHECK(state_in_partition == MemberState::dead);
  CHECK(row(mesh, *a, "c").state == MemberState::alive);
  CHECK(row(mesh, *c, "a").state == MemberState::alive);
  CHECK(row(mesh, *b, "c").state == MemberState::alive);
  CHECK(all<MemberUp>(*a).back().life == Life{id_of(3), 1'000});
  CHECK(all<Follow>(*a).back().publish_endpoint == "tcp://c:7001");
  CHECK(all<LifeEnded>(*a).empty());
}

}  // namespace evmesh::membership::test
