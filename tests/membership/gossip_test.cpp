#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

wire::MemberEntry entry(unsigned id, const std::string& host, MemberState state = MemberState::alive) {
  return {id_of(id), 1'000, state, false, false, host, endpoint_of(host)};
}

struct Two {
  Mesh mesh;
  Process* a = nullptr;
  Process* b = nullptr;

  Two() {
    mesh.silent_hosts = {"a", "b", "x", "y"};
    a = &mesh.start({.host = "a", .id = 1});
    b = &mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
    mesh.run(1'000ms);
  }

  void tell(wire::MemberEntry what) {
    mesh.inject(*a, "b", {id_of(2), 1'000}, wire::Kind::members, wire::Members{{std::move(what)}});
  }
};

}  // namespace

TEST_CASE("one seed is enough to learn the rest", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  Process& c = mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
  Process& d = mesh.start({.host = "d", .id = 4, .seeds = {"c"}});

  mesh.run(1'000ms);

  for (const Process* process : {&a, &b, &c, &d}) {
    for (const char* name : {"a", "b", "c", "d"}) {
      CHECK(row(mesh, *process, name).state == MemberState::alive);
    }
    CHECK(process->machine->settled());
  }
}

TEST_CASE("what others call dead or suspect changes no view of ours", "[membership]") {
  Two two;

  two.tell(entry(1, "a", MemberState::dead));
  two.tell(entry(2, "b", MemberState::dead));
  two.mesh.run(600ms);

  CHECK(row(two.mesh, *two.a, "b").state == MemberState::alive);
}

TEST_CASE("an unknown member learned of as dead is dialled but not waited for", "[membership]") {
  Two two;

  two.tell(entry(9, "x", MemberState::dead));

  CHECK(row(two.mesh, *two.a, "x").state == MemberState::dead);
  CHECK(two.a->links.rbegin()->second == "tcp://x:7000");
  CHECK(two.a->machine->settled());
}

TEST_CASE("a dead transient member is not learned of from those that forget it later", "[membership]") {
  Two two;
  wire::MemberEntry transient = entry(9, "x", MemberState::dead);
  transient.transient = true;

  two.tell(transient);

  CHECK_FALSE(knows(two.mesh, *two.a, "x"));
}

TEST_CASE("a member that left is learned of as left and never dialled", "[membership]") {
  Two two;

  two.tell(entry(9, "x", MemberState::left));
  two.mesh.run(40'000ms);

  CHECK(row(two.mesh, *two.a, "x").state == MemberState::left);
  CHECK(two.a->links.size() == 1);
}

TEST_CASE("that a dead member left spreads, and ends its life", "[membership]") {
  Two two;
  Process& x = two.mesh.start({.host = "x", .id = 9, .seeds = {"a"}});
  two.mesh.run(1'000ms);
  two.mesh.kill(x);
  two.mesh.run(4'000ms);

  two.tell(entry(9, "x", MemberState::left));

  CHECK(row(two.mesh, *two.a, "x").state == MemberState::left);
  REQUIRE(all<LifeEnded>(*two.a).size() == 1);
  CHECK_FALSE(all<LifeEnded>(*two.a).front().clean);
}

TEST_CASE("a member that speaks is not taken for left until it falls silent", "[membership]") {
  Two two;
  Process& x = two.mesh.start({.host = "x", .id = 9, .seeds = {"a"}});
  two.mesh.run(1'000ms);

  two.mesh.cut("x", "b");
  two.tell(entry(9, "x", MemberState::left));
  const auto while_heard = row(two.mesh, *two.a, "x").state;
  two.mesh.kill(x);
  two.mesh.run(2'000ms);

  CHECK(while_heard == MemberState::alive);
  CHECK(row(two.mesh, *two.a, "x").state == MemberState::left);
}

TEST_CASE("a later life of a silent member is learned from others and dialled", "[membership]") {
  Two two;
  two.tell(entry(9, "x"));
  wire::MemberEntry later = entry(9, "y");
  later.epoch = 2'000;

  two.tell(later);

  CHECK(row(two.mesh, *two.a, "y").epoch == 2'000);
  CHECK(two.a->links.rbegin()->second == "tcp://y:7000");
  CHECK(two.a->links.size() == 2);
}

TEST_CASE("a later life that answered already keeps its link when others tell of it", "[membership]") {
  Two two;
  two.tell(entry(9, "x"));
  const LinkId link = two.a->links.rbegin()->first;
  const wire::Header header{1, wire::Kind::welcome, id_of(9), 2'000, id_of(1), 1'000};
  Actions out;
  two.a->machine->on_answer(two.mesh.now(), link, {header, wire::Welcome{"x", "tcp://x:7000"}}, out);
  wire::MemberEntry later = entry(9, "x");
  later.epoch = 2'000;

  two.tell(later);

  CHECK(row(two.mesh, *two.a, "x").epoch == 2'000);
  CHECK(two.a->links.size() == 2);
  CHECK(two.a->links.rbegin()->first == link);
}

TEST_CASE("lists that differ for longer than a heartbeat are exchanged until they agree", "[membership]") {
  Two two;
  two.mesh.cut("a", "b");
  two.tell(entry(9, "x", MemberState::left));
  two.mesh.run(1'200ms);
  const bool lost = !knows(two.mesh, *two.b, "x");

  two.mesh.heal();
  two.mesh.run(5'000ms);
  two.a->sent.clear();
  two.mesh.run(5'000ms);

  CHECK(lost);
  CHECK(row(two.mesh, *two.b, "x").state == MemberState::left);
  CHECK(bodies<wire::Members>(two.a->sent).empty());
}

TEST_CASE("an entry that breaks a rule is counted and not learned", "[membership]") {
  Two two;

  two.tell(entry(9, "not a name"));
  wire::MemberEntry no_endpoint = entry(8, "x");
  no_endpoint.work_endpoint = "";
  two.tell(no_endpoint);

  CHECK(two.a->machine->members(two.mesh.now()).size() == 2);
  CHECK(counter(*two.a, "member_entries_rejected") == 2);
}

TEST_CASE("learning stops at members_max and says so once", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1, .also = [](Options& it) { it.members_max = 3; }});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(1'000ms);
  wire::Members many{{entry(7, "x"), entry(8, "y"), entry(9, "z")}};

  mesh.inject(a, "b", {id_of(2), 1'000}, wire::Kind::members, many);

  CHECK(a.machine->members(mesh.now()).size() == 3);
  CHECK(counter(a, "members_refused_full") == 2);
}

TEST_CASE("a mesh has 64 members; the 65th is refused, told of or at the door", "[membership]") {
  Two two;
  for (unsigned id = 3; id <= 64; ++id) two.tell(entry(id, "x" + std::to_string(id)));
  CHECK(two.a->machine->members(two.mesh.now()).size() == 64);
  CHECK(counter(*two.a, "members_refused_full") == 0);

  two.tell(entry(65, "x65"));
  const wire::Hello hello = bodies<wire::Hello>(two.b->sent).front();
  const bool taken = two.mesh.inject(*two.a, "y", {id_of(66), 1'000}, wire::Kind::hello, hello);

  CHECK(two.a->machine->members(two.mesh.now()).size() == 64);
  CHECK(counter(*two.a, "members_refused_full") == 2);
  CHECK_FALSE(taken);
  REQUIRE(bodies<wire::Reject>(two.a->answered).size() == 1);
  CHECK(bodies<wire::Reject>(two.a->answered).front().reason == wire::RejectReason::full);
}

TEST_CASE("tombstones are bounded; the oldest lives leave first", "[membership]") {
  Two two;

  for (unsigned i = 0; i < 300; ++i) {
    wire::MemberEntry gone = entry(0, "x", MemberState::left);
    gone.id.bytes[1] = static_cast<std::uint8_t>(i / 256);
    gone.id.bytes[2] = static_cast<std::uint8_t>(i % 256);
    gone.id.bytes[3] = 1;
    gone.epoch = 5'000 + i;
    gone.name = "x" + std::to_string(i);
    two.tell(gone);
  }

  CHECK(two.a->machine->members(two.mesh.now()).size() == 2 + 256);
  CHECK_FALSE(knows(two.mesh, *two.a, "x43"));
  CHECK(knows(two.mesh, *two.a, "x44"));
  CHECK(knows(two.mesh, *two.a, "x299"));
}

TEST_CASE("a life whose tombstone was dropped is still over, and a forgotten id still forgotten", "[membership]") {
  Two two;
  for (unsigned i = 0; i < 300; ++i) {
    wire::MemberEntry gone = entry(0, "x" + std::to_string(i), MemberState::left);
    gone.id.bytes[1] = static_cast<std::uint8_t>(i / 256);
    gone.id.bytes[2] = static_cast<std::uint8_t>(i % 256);
    gone.id.bytes[3] = 1;
    gone.epoch = 5'000 + i;
    gone.forgotten = i == 1;
    two.tell(gone);
  }
  const auto hello = [&](std::uint8_t number, std::uint64_t epoch) {
    Life life{entry(0, "x").id, epoch};
    life.id.bytes[2] = number;
    life.id.bytes[3] = 1;
    wire::Hello hello = bodies<wire::Hello>(two.b->sent).front();
    two.a->answered.clear();
    const bool taken = two.mesh.inject(*two.a, "x", life, wire::Kind::hello, hello);
    return std::pair(taken, bodies<wire::Reject>(two.a->answered));
  };

  const auto [same, stale] = hello(0, 5'000);
  const auto [later, none] = hello(0, 5'001);
  const auto [back, forgotten] = hello(1, 6'000);

  CHECK_FALSE(same);
  REQUIRE(stale.size() == 1);
  CHECK(stale.front().reason == wire::RejectReason::stale_epoch);
  CHECK(stale.front().epoch == 5'000);
  CHECK(later);
  CHECK(none.empty());
  CHECK_FALSE(back);
  REQUIRE(forgotten.size() == 1);
  CHECK(forgotten.front().reason == wire::RejectReason::forgotten);
}

TEST_CASE("a list longer than one frame is sent in several", "[membership]") {
  Two two;
  for (unsigned i = 0; i < 200; ++i) {
    wire::MemberEntry gone = entry(0, "x" + std::to_string(i), MemberState::left);
    gone.id.bytes[2] = static_cast<std::uint8_t>(i);
    gone.id.bytes[3] = 1;
    two.tell(gone);
  }

  two.mesh.run(1'000ms);

  CHECK(two.b->machine->members(two.mesh.now()).size() == 202);
  for (const auto& members : bodies<wire::Members>(two.a->sent)) CHECK(members.entries.size() <= 128);
}

}  // namespace evmesh::membership::test
