#include <catch2/catch.hpp>

#include "mesh.hpp"

namespace evmesh::membership::test {

namespace {

struct Two {
  Mesh mesh;
  Process* a = nullptr;
  Process* b = nullptr;

  Two() {
    a = &mesh.start({.host = "a", .id = 1});
    b = &mesh.start({.host = "b", .id = 2, .seeds = {"a"}});
    mesh.run(1'000ms);
  }

  bool give(const wire::Header& header, wire::Body body) {
    Actions out;
    return a->machine->on_frame(mesh.now(), "elsewhere", {header, std::move(body)}, out);
  }
};

const Life a_life{id_of(1), 1'000};
const Life b_life{id_of(2), 1'000};

}  // namespace

TEST_CASE("a frame of a member's current life is taken and is a sign of life", "[membership]") {
  Two two;
  two.mesh.cut("b", "a");
  two.mesh.run(1'000ms);

  const bool taken = two.give({1, wire::Kind::notify, b_life.id, 1'000, a_life.id, 1'000}, wire::Notify{});

  CHECK(taken);
  CHECK(row(two.mesh, *two.a, "b").last_heard == 0ms);
}

TEST_CASE("a frame for another node or for an earlier life of this one is refused and counted",
          "[membership]") {
  Two two;

  const bool other_node =
      two.give({1, wire::Kind::notify, b_life.id, 1'000, id_of(9), 1'000}, wire::Notify{});
  const bool other_life = two.give({1, wire::Kind::notify, b_life.id, 1'000, a_life.id, 999}, wire::Notify{});
  const bool any_life = two.give({1, wire::Kind::notify, b_life.id, 1'000, a_life.id, 0}, wire::Notify{});

  CHECK_FALSE(other_node);
  CHECK_FALSE(other_life);
  CHECK_FALSE(any_life);
  CHECK(counter(*two.a, "frames_rejected_addressee") == 3);
}

TEST_CASE("a frame of a life that never said HELLO is refused and counted", "[membership]") {
  Two two;

  const bool stranger = two.give({1, wire::Kind::notify, id_of(9), 5, a_life.id, 1'000}, wire::Notify{});
  const bool later_life =
      two.give({1, wire::Kind::notify, b_life.id, 2'000, a_life.id, 1'000}, wire::Notify{});

  CHECK_FALSE(stranger);
  CHECK_FALSE(later_life);
  CHECK(counter(*two.a, "frames_rejected_unknown_life") == 2);
}

TEST_CASE("a frame of an earlier life is counted and its sender told, once a second", "[membership]") {
  Two two;
  const Life earlier{id_of(2), 900};

  for (int i = 0; i < 10; ++i) {
    two.mesh.inject(*two.a, "ghost", earlier, wire::Kind::notify, wire::Notify{});
  }
  two.mesh.run(1'000ms);
  two.mesh.inject(*two.a, "ghost", earlier, wire::Kind::notify, wire::Notify{});

  const auto fenced = bodies<wire::Fenced>(two.a->answered);
  CHECK(counter(*two.a, "frames_rejected_old_epoch") == 11);
  CHECK(fenced == std::vector<wire::Fenced>{{1'000}, {1'000}});
}

TEST_CASE("what comes on the notification socket counts as life of current members only", "[membership]") {
  Two two;
  two.mesh.cut("b", "a");
  two.mesh.run(1'000ms);
  Actions out;

  const bool current = two.a->machine->on_published(two.mesh.now(), b_life, out);
  const bool stranger = two.a->machine->on_published(two.mesh.now(), {id_of(9), 1'000}, out);
  const bool later = two.a->machine->on_published(two.mesh.now(), {id_of(2), 1'001}, out);

  CHECK(current);
  CHECK_FALSE(stranger);
  CHECK_FALSE(later);
  CHECK(row(two.mesh, *two.a, "b").last_heard == 0ms);
  CHECK(counter(*two.a, "published_rejected_unknown_life") == 2);
}

TEST_CASE("PING is answered at once with its nonce", "[membership]") {
  Two two;
  two.a->sent.clear();

  two.mesh.inject(*two.a, "any", b_life, wire::Kind::ping, wire::Ping{4711});

  CHECK(bodies<wire::Pong>(two.a->sent) == std::vector<wire::Pong>{{4711}});
}

TEST_CASE("PROBE is answered with the time since the subject was heard, or with nothing", "[membership]") {
  Two two;
  two.mesh.cut("b", "a");
  two.mesh.run(700ms);
  const Life c_life{id_of(3), 1'000};
  two.mesh.start({.host = "c", .id = 3, .seeds = {"a"}});
  const auto last_heard = row(two.mesh, *two.a, "b").last_heard;
  two.a->sent.clear();

  two.mesh.inject(*two.a, "any", c_life, wire::Kind::probe, wire::Probe{b_life.id, 1'000, 1});
  two.mesh.inject(*two.a, "any", c_life, wire::Kind::probe, wire::Probe{b_life.id, 999, 2});
  two.mesh.inject(*two.a, "any", c_life, wire::Kind::probe, wire::Probe{id_of(9), 1'000, 3});
  two.mesh.run(1'500ms);
  two.mesh.inject(*two.a, "any", c_life, wire::Kind::probe, wire::Probe{b_life.id, 1'000, 4});

  const auto answers = bodies<wire::ProbeAnswer>(two.a->sent);
  REQUIRE(answers.size() >= 4);
  CHECK(answers[0].heard_ago_ms == static_cast<std::uint32_t>(last_heard.count()));
  CHECK_FALSE(answers[1].heard_ago_ms);
  CHECK_FALSE(answers[2].heard_ago_ms);
  CHECK(answers.back().nonce == 4);
  CHECK_FALSE(answers.back().heard_ago_ms);
}

TEST_CASE("the next deadline is the next thing to do and never further than a heartbeat", "[membership]") {
  Two two;
  const MonoTime now = two.mesh.now();

  const MonoTime next = two.a->machine->next_deadline();

  CHECK(next > now);
  CHECK(next <= now + 500ms);
}

TEST_CASE("the header for a life names both ends", "[membership]") {
  Two two;

  const wire::Header header = two.a->machine->header_for(b_life);

  CHECK(header.from == a_life.id);
  CHECK(header.from_epoch == 1'000);
  CHECK(header.to == b_life.id);
  CHECK(header.to_epoch == 1'000);
}

}  // namespace evmesh::membership::test
