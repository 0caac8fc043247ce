// The dead letters of a bus. Where James passes null, these types have no such value; the nil id comes
// closest to it and names nothing.
#include <chrono>
#include <type_traits>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

DeadLetterId put(DeadLetters& store, const Group& group, const Event& event) {
  return must(store.store(group, event, {k1()}, {}));
}

}  // namespace

EVMESH_CONTRACT("nothing can be stored without a group and an event", "[dead-letters][D01][D02][D03]") {
  TestType cluster;
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Group>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Event>);

  CHECK(code_of(Group::parse("")) == ErrorCode::invalid_argument);
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("a stored event is found by its group and id, with all that was stored",
                "[dead-letters][D04][D26]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const Event event = sample();
  const Attempt attempt{1, Timestamp{std::chrono::seconds{1'700'000'000}}, NodeId{}, "broken"};

  const DeadLetterId id = must(store.store(group_a(), event, {k1(), k2()}, {attempt}));

  const auto letter = must(store.find(group_a(), id));
  REQUIRE(letter.has_value());
  CHECK(letter->id == id);
  CHECK(letter->group == group_a());
  CHECK(letter->event == event);
  CHECK(letter->keys == std::vector<RegistrationKey>{k1(), k2()});
  CHECK(letter->attempts == std::vector<Attempt>{attempt});
}

EVMESH_CONTRACT("removing the nil id removes nothing", "[dead-letters][D06][D07][D08][D09]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());

  CHECK_FALSE(must(store.remove(group_a(), DeadLetterId{})));

  CHECK(must(store.ids(group_a())).size() == 1);
}

EVMESH_CONTRACT("removing one of two stored events removes that one", "[dead-letters][D10]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId first = put(store, group_a(), sample("E1"));
  const DeadLetterId second = put(store, group_a(), sample("E2"));

  CHECK(must(store.remove(group_a(), second)));

  CHECK(must(store.ids(group_a())) == std::vector<DeadLetterId>{first});
  CHECK_FALSE(must(store.find(group_a(), second)).has_value());
  CHECK(must(store.find(group_a(), first)).has_value());
}

EVMESH_CONTRACT("a group without stored events is not listed", "[dead-letters][D11]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId id = put(store, group_a(), sample());

  CHECK(must(store.remove(group_a(), id)));

  CHECK(must(store.groups()).empty());
}

EVMESH_CONTRACT("removing a group removes all of its events and says how many", "[dead-letters][D12]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample("E1"));
  put(store, group_a(), sample("E2"));

  CHECK(must(store.remove(group_a())) == 2);

  CHECK(must(store.ids(group_a())).empty());
}

EVMESH_CONTRACT("a removed group is not listed", "[dead-letters][D13]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample("E1"));
  put(store, group_a(), sample("E2"));

  must(store.remove(group_a()));

  CHECK(must(store.groups()).empty());
}

EVMESH_CONTRACT("removing a group leaves other groups listed", "[dead-letters][D14]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());
  put(store, group_b(), sample());

  must(store.remove(group_a()));

  CHECK(must(store.groups()) == std::vector<Group>{group_b()});
}

EVMESH_CONTRACT("removing one of three leaves the other two", "[dead-letters][D15]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId first = put(store, group_a(), sample("E1"));
  const DeadLetterId second = put(store, group_a(), sample("E2"));
  const DeadLetterId third = put(store, group_a(), sample("E3"));

  CHECK(must(store.remove(group_a(), first)));

  CHECK(must(store.ids(group_a())) == std::vector<DeadLetterId>{second, third});
}

EVMESH_CONTRACT("removing a group leaves the events of another", "[dead-letters][D16]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample("E1"));
  put(store, group_a(), sample("E2"));
  const DeadLetterId other = put(store, group_b(), sample("E1"));

  must(store.remove(group_a()));

  CHECK(must(store.ids(group_b())) == std::vector<DeadLetterId>{other});
}

EVMESH_CONTRACT("removing an unknown id is no error", "[dead-letters][D17]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());

  CHECK_FALSE(must(store.remove(group_a(), DeadLetterId::fresh())));
  CHECK(must(store.ids(group_a())).size() == 1);
}

EVMESH_CONTRACT("removing from an unknown group is no error, though the id be known elsewhere",
                "[dead-letters][D18]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId id = put(store, group_a(), sample());

  CHECK_FALSE(must(store.remove(group_b(), id)));
  CHECK(must(store.ids(group_a())) == std::vector<DeadLetterId>{id});
}

EVMESH_CONTRACT("removing an unknown group is no error", "[dead-letters][D19]") {
  TestType cluster;

  CHECK(must(cluster.bus().dead_letters().remove(group_b())) == 0);
}

EVMESH_CONTRACT("the nil id is never found", "[dead-letters][D22][D23][D24]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());

  CHECK_FALSE(must(store.find(group_a(), DeadLetterId{})).has_value());
}

EVMESH_CONTRACT("an unknown id is not found, nor a known one in another group", "[dead-letters][D25]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId id = put(store, group_a(), sample());

  CHECK_FALSE(must(store.find(group_a(), DeadLetterId::fresh())).has_value());
  CHECK_FALSE(must(store.find(group_b(), id)).has_value());
}

EVMESH_CONTRACT("reading an event does not remove it", "[dead-letters][D27]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId id = put(store, group_a(), sample());

  (void)must(store.find(group_a(), id));

  CHECK(must(store.find(group_a(), id)).has_value());
}

EVMESH_CONTRACT("a group that holds nothing lists no ids", "[dead-letters][D29][D30]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());

  CHECK(must(store.ids(group_b())).empty());
}

EVMESH_CONTRACT("a group lists its own ids only, in the order they were stored", "[dead-letters][D31]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId first = put(store, group_a(), sample("E1"));
  put(store, group_b(), sample("E2"));
  const DeadLetterId third = put(store, group_a(), sample("E3"));

  CHECK(must(store.ids(group_a())) == std::vector<DeadLetterId>{first, third});
}

EVMESH_CONTRACT("listing ids does not remove them", "[dead-letters][D32]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_a(), sample());

  (void)must(store.ids(group_a()));

  CHECK(must(store.ids(group_a())).size() == 1);
}

EVMESH_CONTRACT("all groups that hold something are listed sorted, each once", "[dead-letters][D33]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group_b(), sample());
  put(store, group_a(), sample());
  put(store, group_b(), sample());

  CHECK(must(store.groups()) == std::vector<Group>{group_a(), group_b()});
}

EVMESH_CONTRACT("without stored events no group is listed", "[dead-letters][D34]") {
  TestType cluster;

  CHECK(must(cluster.bus().dead_letters().groups()).empty());
}

EVMESH_CONTRACT("the store is empty at first, not after storing, and again after removing all",
                "[dead-letters][D35][D36][D37]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  CHECK(must(store.empty()));

  const DeadLetterId id = put(store, group_a(), sample());
  CHECK_FALSE(must(store.empty()));

  must(store.remove(group_a(), id));
  CHECK(must(store.empty()));
}

EVMESH_CONTRACT("the store is not empty while some events remain", "[dead-letters][D38]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const DeadLetterId id = put(store, group_a(), sample("E1"));
  put(store, group_a(), sample("E2"));

  must(store.remove(group_a(), id));

  CHECK_FALSE(must(store.empty()));
}

EVMESH_CONTRACT("the same event stored three times is three letters, removable in one go",
                "[dead-letters][D39]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  const Event event = sample();
  const DeadLetterId first = put(store, group_a(), event);
  const DeadLetterId second = put(store, group_a(), event);
  const DeadLetterId third = put(store, group_a(), event);

  CHECK(must(store.ids(group_a())) == std::vector<DeadLetterId>{first, second, third});
  CHECK(must(store.remove(group_a())) == 3);
  CHECK(must(store.empty()));
}

EVMESH_CONTRACT("an empty store finds and lists nothing", "[dead-letters][D40][D41]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();

  CHECK_FALSE(must(store.find(group_a(), DeadLetterId::fresh())).has_value());
  CHECK(must(store.ids(group_a())).empty());
  CHECK(must(store.groups()).empty());
}

EVMESH_CONTRACT("a group whose name begins like another's is not touched with it", "[dead-letters][D42]") {
  TestType cluster;
  DeadLetters& store = cluster.bus().dead_letters();
  put(store, group("org.example.Group"), sample());
  put(store, group("org.example.GroupA"), sample());

  CHECK(must(store.remove(group("org.example.Group"))) == 1);

  CHECK(must(store.groups()) == std::vector<Group>{group("org.example.GroupA")});
}

EVMESH_CONTRACT("each bus has its own dead letters", "[dead-letters][forgotten]") {
  TestType cluster(with_buses({"mailboxEvent", "contentDeletion"}));

  put(cluster.bus(0, "mailboxEvent").dead_letters(), group_a(), sample());

  CHECK(must(cluster.bus(0, "contentDeletion").dead_letters().empty()));
}

}  // namespace evmesh::contract
