// Operators ask one node, and all nodes answer.
#include <algorithm>
#include <set>

#include <evmesh/evmesh.hpp>

#include "bus/mesh_peers.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

std::set<EventId> events_of(const std::vector<DeadLetterEntry>& letters) {
  std::set<EventId> events;
  for (const DeadLetterEntry& entry : letters) events.insert(entry.letter.event.id());
  return events;
}

}  // namespace

TEST_CASE("groups of all nodes are added up on any node", "[bus][mesh-operations]") {
  Two two;
  two.a.bury(2);
  two.b.bury(3);

  for (const Peer* asked : {&two.a, &two.b}) {
    const auto groups = must(asked->mesh().groups());
    CHECK(groups.complete());
    REQUIRE(groups.value.size() == 1);
    CHECK(groups.value[0].runners == 2);
    CHECK(groups.value[0].dead == 5);
    CHECK(must(asked->mesh().group("events", group("index"))).value.dead == 5);
  }
  CHECK(must(two.a.node->group_work().group("events", group("index"))).dead == 2);
  CHECK(code(two.a.mesh().group("events", group("other"))) == ErrorCode::unknown_group);
  CHECK(code(two.a.mesh().group("mail", group("index"))) == ErrorCode::invalid_argument);
}

TEST_CASE("an event is found wherever it was accepted", "[bus][mesh-operations]") {
  Two two;
  const EventId event = two.b.bury(1)[0];

  const auto life = must(two.a.mesh().event(event));

  CHECK(life.complete());
  REQUIRE(life.value.groups.size() == 1);
  CHECK(life.value.groups[0].dispatch.owner == two.b.node->status().id);
  CHECK(life.value.groups[0].state == WorkState::dead);
  REQUIRE(life.value.groups[0].attempts.size() == 1);
  CHECK(life.value.groups[0].attempts[0].error == "no index");
  CHECK(life.value.groups[0].letter.has_value());
  CHECK(must(two.a.node->group_work().event(event)).groups.empty());
}

TEST_CASE("the dead letters of all nodes are listed in pages, each once", "[bus][mesh-operations]") {
  Two two;
  const auto of_a = two.a.bury(5), of_b = two.b.bury(4);
  std::set<EventId> all(of_a.begin(), of_a.end());
  all.insert(of_b.begin(), of_b.end());

  std::vector<DeadLetterEntry> seen;
  std::optional<DeadLetterId> after;
  do {
    auto page = must(two.b.mesh().dead_letters({}, after, 2));
    CHECK(page.complete());
    CHECK(page.value.items.size() <= 2);
    for (DeadLetterEntry& entry : page.value.items) seen.push_back(std::move(entry));
    after = page.value.next;
  } while (after);

  CHECK(seen.size() == 9);
  CHECK(events_of(seen) == all);
  CHECK(must(two.a.mesh().count_dead_letters({})).value == 9);
  CHECK(must(two.a.mesh().count_dead_letters({.event = of_b[0]})).value == 1);
  CHECK(code(two.a.mesh().dead_letters({}, std::nullopt, 0)) == ErrorCode::invalid_argument);
}

TEST_CASE("one dead letter is shown and removed from any node", "[bus][mesh-operations]") {
  Two two;
  two.b.bury(2);
  const auto letters = must(two.b.node->group_work().dead_letters({}, 0, 10)).items;
  const DeadLetterId id = letters[0].letter.id;

  const auto shown = must(two.a.mesh().dead_letter(id));

  CHECK(shown.value.letter.event == letters[0].letter.event);
  CHECK(shown.value.dispatch == letters[0].dispatch);
  CHECK(shown.value.letter.attempts == letters[0].letter.attempts);
  CHECK(must(two.a.mesh().remove_dead_letters({.id = id})).value == 1);
  CHECK(code(two.a.mesh().dead_letter(id)) == ErrorCode::not_found);
  CHECK(must(two.b.node->group_work().count_dead_letters({})) == 1);
}

TEST_CASE("a redelivery ordered on one node is done by those that have the letters, as one task",
          "[bus][mesh-operations]") {
  Two two;
  two.a.bury(2);
  two.b.bury(3);
  two.a.broken = two.b.broken = false;

  const auto ordered = must(two.a.mesh().redeliver({}));
  const auto over = must(two.b.mesh().wait_task(ordered.value.id, patience));

  CHECK(ordered.complete());
  CHECK(ordered.value.total == 5);
  CHECK(over.value.state == TaskState::completed);
  CHECK(over.value.redelivered == 5);
  CHECK(support::eventually(patience, [&] { return two.a.handled + two.b.handled == 5; }));
  CHECK(support::eventually(patience, [&] { return must(two.b.mesh().count_dead_letters({})).value == 0; }));
  REQUIRE(must(two.b.mesh().tasks()).value.size() == 1);
  CHECK(must(two.b.mesh().tasks()).value[0].redelivered == 5);
  CHECK(code(two.a.mesh().task(TaskId::fresh())) == ErrorCode::not_found);
}

TEST_CASE("a limit holds for all nodes together", "[bus][mesh-operations]") {
  Two two;
  two.a.bury(2);
  two.b.bury(3);
  two.a.broken = two.b.broken = false;

  const auto ordered = must(two.b.mesh().redeliver({.filter = {}, .limit = 4}));
  const auto over = must(two.b.mesh().wait_task(ordered.value.id, patience));

  CHECK(over.value.redelivered == 4);
  CHECK(support::eventually(patience, [&] { return two.a.handled + two.b.handled == 4; }));
}

TEST_CASE("two operators who ask two nodes at once redeliver each letter once", "[bus][mesh-operations]") {
  Two two;
  two.a.bury(20);
  two.b.bury(20);
  two.a.broken = two.b.broken = false;

  auto other = std::async(std::launch::async, [&] { return must(two.b.mesh().redeliver({})).value.id; });
  const TaskId first = must(two.a.mesh().redeliver({})).value.id;
  const TaskId second = other.get();
  const auto one = must(two.a.mesh().wait_task(first, patience)).value;
  const auto two_ = must(two.a.mesh().wait_task(second, patience)).value;

  CHECK(one.redelivered + two_.redelivered == 40);
  CHECK(support::eventually(patience, [&] { return two.a.handled + two.b.handled == 40; }));
  CHECK(must(two.a.mesh().count_dead_letters({})).value == 0);
}

TEST_CASE("a node that cannot be reached is named, and one that left is not missed",
          "[bus][mesh-operations]") {
  Two two;
  two.b.bury(1);
  const auto letters = must(two.b.node->group_work().dead_letters({}, 0, 10)).items;
  two.b.node->stop();
  const auto heard_its_goodbye = [&] {
    const auto members = two.a.node->status().members;
    return std::ranges::any_of(members, [](const Member& member) { return member.reason == "stopped"; });
  };
  REQUIRE(support::eventually(patience, heard_its_goodbye));

  const auto groups = must(two.a.mesh().groups());

  REQUIRE(groups.unreached.size() == 1);
  CHECK(groups.unreached[0].node == "b");
  CHECK(groups.unreached[0].reason == "node b is unreachable: stopped");
  CHECK(groups.value[0].runners == 1);
  const auto gone = two.a.mesh().dead_letter(letters[0].letter.id);
  REQUIRE(code(gone) == ErrorCode::not_found);
  CHECK(gone.error().message.find("node b could not be asked") != std::string::npos);

  must(two.a.node->forget("b"));
  CHECK(must(two.a.mesh().groups()).complete());
}

TEST_CASE("a mono node answers for itself", "[bus][mesh-operations]") {
  const auto node = must(Node::open({}));

  CHECK(must(node->mesh_work().groups()).complete());
  CHECK(must(node->mesh_work().count_dead_letters({})).value == 0);
  CHECK(code(node->mesh_work().task(TaskId::fresh())) == ErrorCode::not_found);
}
