#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

struct Three {
  Mesh mesh;
  Process* a = nullptr;
  Process* b = nullptr;
  Process* c = nullptr;

  explicit Three(bool transient = false) {
    a = &mesh.start({.host = "a", .id = 1});
    b = &mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
    c = &mesh.start(
        {.host = "c", .id = 3, .seeds = {"a"}, .also = [=](Options& it) { it.transient = transient; }});
    mesh.run(2'000ms);
  }

  Result<void> forget(Process& at, const std::string& what) {
    Actions out;
    const auto result = at.machine->forget(mesh.now(), what, out);
    mesh.carry_out(at, std::move(out));
    return result;
  }
};

}  // namespace

TEST_CASE("a goodbye for good ends the life cleanly with its final numbers, at every member",
          "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;

  mesh.goodbye(*c, true, {{0, 42}});

  for (const Process* process : {a, b}) {
    CHECK(row(mesh, *process, "c").state == MemberState::left);
    REQUIRE(all<LifeEnded>(*process).size() == 1);
    CHECK(all<LifeEnded>(*process).front().clean);
    CHECK(all<LifeEnded>(*process).front().heads == std::vector<wire::StreamPosition>{{0, 42}});
    CHECK(all<MemberDown>(*process).size() == 1);
    CHECK(all<Unfollow>(*process).size() == 1);
  }
}

TEST_CASE("a member that left is not dialled again", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;

  mesh.goodbye(*c, true, {});
  mesh.run(60'000ms);

  CHECK(a->links.size() == 1);
  CHECK_FALSE(a->machine->anyone_absent());
  CHECK(a->machine->settled());
  CHECK(all<Gone>(*a).empty());  // it may come back as a later life
}

TEST_CASE("a stopped member is dead with the reason, dialled, and back with a later life only",
          "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;

  mesh.goodbye(*c, false, {{0, 42}});
  const auto stopped = row(mesh, *a, "c");
  mesh.run(20'000ms);
  const bool taken = mesh.inject(*a, "c", {id_of(3), 1'000}, wire::Kind::ping, wire::Ping{1});
  mesh.start({.host = "c", .id = 3, .epoch = 2'000});
  mesh.run(1'000ms);

  CHECK(stopped.state == MemberState::dead);
  CHECK(stopped.reason == "stopped");
  CHECK(all<LifeEnded>(*a).front().clean);
  CHECK_FALSE(taken);
  CHECK(counter(*a, "frames_rejected_ended_life") == 1);
  CHECK(row(mesh, *a, "c").state == MemberState::alive);
  CHECK(row(mesh, *a, "c").epoch == 2'000);
  CHECK(all<LifeEnded>(*a).size() == 1);
}

TEST_CASE("a node that left comes back with a higher epoch", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.goodbye(*c, true, {});
  mesh.run(5'000ms);

  mesh.start({.host = "c", .id = 3, .epoch = 2'000, .seeds = {"b"}});
  mesh.run(2'000ms);

  CHECK(row(mesh, *a, "c").state == MemberState::alive);
  CHECK(row(mesh, *b, "c").state == MemberState::alive);
}

TEST_CASE("forget removes a dead member here and on all members, and rejects what comes back",
          "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);
  mesh.run(5'000ms);

  const auto result = three.forget(*a, "c");
  mesh.run(1'000ms);
  Process& again = mesh.start({.host = "c", .id = 3, .epoch = 2'000, .seeds = {"b"}});
  mesh.run(1'000ms);

  CHECK(result.has_value());
  CHECK_FALSE(knows(mesh, *a, "c"));
  CHECK_FALSE(knows(mesh, *b, "c"));
  CHECK(all<LifeEnded>(*a).size() == 1);
  CHECK(all<LifeEnded>(*b).size() == 1);
  for (const Process* process : {a, b}) {
    REQUIRE(all<Gone>(*process).size() == 1);
    CHECK(all<Gone>(*process).front().node == id_of(3));
  }
  REQUIRE(all<Fatal>(again).size() == 1);
  CHECK(all<Fatal>(again).front().error.message.find("start it with a new data directory") !=
        std::string::npos);
}

TEST_CASE("forget reaches those that were cut off when it was given", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);
  mesh.run(5'000ms);
  mesh.cut_both("a", "b");

  CHECK(three.forget(*a, "c").has_value());
  mesh.run(5'000ms);
  const bool before = knows(mesh, *b, "c");
  mesh.heal();
  mesh.run(40'000ms);

  CHECK(before);
  CHECK_FALSE(knows(mesh, *b, "c"));
}

TEST_CASE("forget by id works, and twice is no error", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);
  mesh.run(5'000ms);

  CHECK(three.forget(*a, id_of(3).to_string()).has_value());
  CHECK(three.forget(*a, id_of(3).to_string()).has_value());
}

TEST_CASE("forget refuses this node, living members and unknown names, saying why", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;

  const auto self = three.forget(*a, "a");
  const auto alive = three.forget(*a, "b");
  const auto unknown = three.forget(*a, "nobody");
  const auto known = row(mesh, *a, "b").state;

  CHECK(self.error() == Error{ErrorCode::invalid_argument, "this node cannot forget itself: use `leave`"});
  CHECK(alive.error() == Error{ErrorCode::invalid_argument, "member \"b\" is alive: stop it first"});
  CHECK(unknown.error() == Error{ErrorCode::unknown_member, "no member has the name or id \"nobody\""});
  CHECK(known == MemberState::alive);
}

TEST_CASE("a name that two members have is not enough to forget one", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.start({.host = "d", .id = 4, .seeds = {"a"}, .also = [](Options& it) { it.name = "c"; }});
  mesh.run(1'000ms);

  const auto result = three.forget(*a, "c");

  CHECK(result.error() == Error{ErrorCode::invalid_argument, "2 members are called \"c\": give the id"});
}

TEST_CASE("a transient member is gone 60 s after its death, without a trace, everywhere", "[membership]") {
  Three three(true);
  auto& [mesh, a, b, c] = three;
  mesh.kill(*c);

  mesh.run(55'000ms);
  const bool before = knows(mesh, *a, "c");
  mesh.run(10'000ms);

  CHECK(before);
  CHECK_FALSE(knows(mesh, *a, "c"));
  CHECK_FALSE(knows(mesh, *b, "c"));
  REQUIRE(all<LifeEnded>(*a).size() == 1);
  CHECK_FALSE(all<LifeEnded>(*a).front().clean);
  CHECK_FALSE(a->machine->anyone_absent());
  CHECK(counter(*a, "member_lists_repaired") == 0);
}

TEST_CASE("a transient life that was given up and speaks again is told so, and goes on as a later one", "[membership]") {
  Three three(true);
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.cut_both("b", "c");
  mesh.run(70'000ms);
  const bool known = knows(mesh, *a, "c");

  mesh.heal();
  mesh.run(10'000ms);

  CHECK_FALSE(known);
  CHECK(row(mesh, *a, "c").state == MemberState::alive);
  CHECK(row(mesh, *b, "c").state == MemberState::alive);
  CHECK(row(mesh, *a, "c").epoch == 1'001);
  for (const Process* process : {a, b}) {
    std::vector<std::uint64_t> up;
    for (const MemberUp& it : all<MemberUp>(*process)) {
      if (it.life.id == id_of(3)) up.push_back(it.life.epoch);
    }
    CHECK(up == std::vector<std::uint64_t>{1'000, 1'001});
    CHECK(all<LifeEnded>(*process).size() == 1);
  }
  CHECK(all<RaiseEpoch>(*c).size() == 1);
}

TEST_CASE("a life that was given up is not learned of again from those that still hear it", "[membership]") {
  Three three(true);
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.cut_both("b", "c");
  mesh.run(70'000ms);

  const wire::MemberEntry heard{id_of(3), 1'000, MemberState::alive, false, true, "c", endpoint_of("c")};
  mesh.inject(*a, "b", {id_of(2), 1'000}, wire::Kind::members, wire::Members{{heard}});

  CHECK_FALSE(knows(mesh, *a, "c"));
}

TEST_CASE("a life that was given up is dialled when somebody hears it, once at a time and not for ever", "[membership]") {
  Three three(true);
  auto& [mesh, a, b, c] = three;
  mesh.cut_both("a", "c");
  mesh.cut_both("b", "c");
  mesh.run(70'000ms);
  const auto links = a->links.size();
  const wire::MemberEntry heard{id_of(3), 1'000, MemberState::alive, false, true, "c", endpoint_of("c")};
  const wire::Members members{{heard}};

  for (int time = 0; time < 3; ++time) mesh.inject(*a, "b", {id_of(2), 1'000}, wire::Kind::members, members);
  const auto during = a->links.size();
  mesh.run(5'000ms);

  CHECK(during == links + 1);
  CHECK(a->links.size() == links);
  CHECK(counter(*a, "given_up_dialled") == 1);
}

TEST_CASE("only some lives that were given up are dialled at once", "[membership]") {
  Mesh mesh;
  Process& a = mesh.start({.host = "a", .id = 1});
  mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
  mesh.run(2'000ms);
  const auto links = a.links.size();
  wire::Members left;
  wire::Members heard;
  for (unsigned number = 0; number < 300; ++number) {
    const std::string name = "x" + std::to_string(number);
    NodeId id = id_of(number % 200);
    id.bytes[14] = static_cast<std::uint8_t>(1 + number / 200);
    left.entries.push_back({id, 100 + number, MemberState::left, false, false, name, endpoint_of(name)});
    heard.entries.push_back({id, 100 + number, MemberState::alive, false, false, name, endpoint_of(name)});
  }

  mesh.inject(a, "b", {id_of(2), 1'000}, wire::Kind::members, left);
  mesh.inject(a, "b", {id_of(2), 1'000}, wire::Kind::members, heard);

  CHECK(a.links.size() == links + 16);
  CHECK(counter(a, "given_up_not_dialled") == 300 - 256 - 16);
}

TEST_CASE("two transient members that gave each other up meet again through a third, as later lives", "[membership]") {
  Mesh mesh;
  const auto transient = [](Options& it) { it.transient = true; };
  mesh.start({.host = "a", .id = 1});
  Process& b = mesh.start({.host = "b", .id = 2, .seeds = {"a"}, .also = transient});
  Process& c = mesh.start({.host = "c", .id = 3, .seeds = {"a"}, .also = transient});
  mesh.run(2'000ms);
  // While somebody hears both they do not take each other for dead.
  for (const auto& [one, other] : {std::pair{"a", "b"}, {"a", "c"}, {"b", "c"}}) mesh.cut_both(one, other);
  mesh.run(10'000ms);
  mesh.heal();
  mesh.cut_both("b", "c");
  mesh.run(80'000ms);
  const bool known = knows(mesh, b, "c") || knows(mesh, c, "b");

  mesh.heal();
  mesh.run(10'000ms);

  CHECK_FALSE(known);
  CHECK(row(mesh, b, "c").state == MemberState::alive);
  CHECK(row(mesh, c, "b").state == MemberState::alive);
  CHECK(row(mesh, b, "c").epoch > 1'000);
  CHECK(row(mesh, c, "b").epoch > 1'000);
  CHECK(counter(b, "given_up_dialled") + counter(c, "given_up_dialled") > 0);
}

TEST_CASE("after its goodbye a node sends and answers nothing", "[membership]") {
  Three three;
  auto& [mesh, a, b, c] = three;
  mesh.goodbye(*c, false, {});
  c->sent.clear();
  c->answered.clear();

  mesh.run(10'000ms);

  CHECK(c->sent.empty());
  CHECK(c->answered.empty());
}

}  // namespace evmesh::membership::test
