#include <catch2/catch.hpp>

#include "machine_mesh_rig.hpp"

// What a machine lets go of, and what it makes of what other nodes know.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Doubt;
using wire::StateEntry;

TEST_CASE("exactly what another one lists with a higher custody is let go", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  const auto other = rig.group("other");
  for (int i = 0; i < 4; ++i) rig.accept({index, other});
  rig.sync();
  rig.finish(rig.take_one(index));
  const Job job = rig.take_one(index);
  std::vector<StateEntry> states;

  rig.machine->let_go({node_id(1), 1}, {first_name().group, {{1, 3}}}, {1, node_id(2), 1}, rig.log, states);

  REQUIRE(states.size() == 3);
  CHECK(states[0] == entry(first_name(2), wire::WorkState::let_go));
  CHECK(states[1] == entry(first_name(3), wire::WorkState::let_go));
  CHECK(states[2] == entry(first_name(1), wire::WorkState::done));
  CHECK(rig.machine->counts(index).ready == 1);
  CHECK(rig.machine->counts(index).running == 0);
  CHECK(rig.machine->counts(other).ready == 4);
  CHECK_FALSE(rig.machine->work_name(job.handle));
  CHECK(rig.machine->counters().let_go == 2);
  rig.sync();
  rig.crash();
  CHECK(rig.machine->owed_count() == 5);
}

TEST_CASE("a lower custody takes nothing, nor does a life of which nothing is owed", "[work][mesh]") {
  Rig rig({.self = node_id(3)});
  rig.accept({rig.group("index")});
  rig.sync();
  std::vector<StateEntry> states;

  rig.machine->let_go({node_id(3), 1}, {first_name().group, {{1, 9}}}, {0, node_id(2), 8}, rig.log, states);
  rig.machine->let_go({node_id(3), 2}, {first_name().group, {{1, 9}}}, {1, node_id(2), 8}, rig.log, states);

  CHECK(rig.machine->owed_count() == 1);
}

TEST_CASE("a redelivery is not let go for a range, and is for its name", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  const auto letter = rig.bury_one(index);
  REQUIRE(rig.machine->redeliver(letter, rig.event({index}), rig.log));
  rig.sync();
  std::vector<StateEntry> states;

  rig.machine->let_go({node_id(1), 1}, {first_name().group, {{1, 1}}}, {1, node_id(2), 1}, rig.log, states);
  CHECK(states.at(0) == entry(first_name(1, 1), wire::WorkState::newer));
  CHECK_FALSE(rig.machine->let_go(first_name(1, 0), {1, node_id(2), 1}, rig.log));
  CHECK(rig.machine->let_go(first_name(1, 1), {1, node_id(2), 1}, rig.log));

  // Its letter is here, and still has to go.
  CHECK(rig.machine->counts(index).settled == 1);
  rig.sync();
  const auto removals = rig.asked<RemoveLetter>();
  REQUIRE(removals.size() == 1);
  rig.machine->letter_removed(rig.now, removals[0].handle, true, rig.log, rig.actions);
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("what has failed for good is told so, by whoever lets go of it", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  rig.machine->finished(rig.now, wall(5), rig.take_one(index).handle,
                        {.ending = Ran::Ending::refused, .error = "no such index"}, rig.log, rig.actions);
  std::vector<StateEntry> states;

  rig.machine->let_go({node_id(1), 1}, {first_name().group, {{1, 1}}}, {1, node_id(2), 1}, rig.log, states);

  REQUIRE(states.size() == 1);
  CHECK(states[0] == StateEntry{first_name(), wire::WorkState::refused, 1, "no such index"});
  CHECK(rig.machine->owed_count() == 0);
}

TEST_CASE("what was refused elsewhere is attempted no more, whatever was attempted since", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  rig.machine->finished(rig.now, wall(5), rig.take_one(index).handle, {.ending = Ran::Ending::failed, .error = "busy"},
                        rig.log, rig.actions);
  rig.sync();

  rig.machine->settle(rig.now, wall(6), {first_name(), wire::WorkState::refused, 1, "no such index"}, node_id(2),
                      rig.log, rig.actions);
  rig.sync();

  CHECK(rig.machine->counts(index).burying == 1);
  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].attempts.back().error == "no such index");
}

TEST_CASE("letting go of the one suspect that runs makes room for the next", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.accept({index});
  rig.sync();
  for (const Job& job : rig.take(index)) {
    rig.machine->lost(rig.now, wall(5), job.handle, node_id(7), "seven", rig.log, rig.actions);
  }
  rig.sync();
  rig.advance(1s);
  const Job suspect = rig.take_one(index);
  REQUIRE(rig.take(index).empty());
  rig.asked<Ready>();

  REQUIRE(rig.machine->let_go(*rig.machine->work_name(suspect.handle), {1, node_id(2), 1}, rig.log));
  rig.sync();

  CHECK(rig.asked<Ready>().size() == 1);
  CHECK(rig.take(index).size() == 1);
}

TEST_CASE("done elsewhere absorbs, whatever its generation", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();

  CHECK(rig.machine->settle(rig.now, wall(1), {first_name(), wire::WorkState::done, 1, {}}, node_id(2), rig.log, rig.actions));

  CHECK(rig.machine->owed_count() == 0);
  CHECK(rig.machine->counters().done == 1);
  CHECK(rig.machine->counters().ended_elsewhere == 1);
}

TEST_CASE("within a generation removed is over dead over owed, and an older one counts for nothing", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  const auto letter = rig.bury_one(index);
  REQUIRE(rig.machine->redeliver(letter, rig.event({index}), rig.log));
  rig.accept({index});
  rig.accept({index});
  rig.sync();
  const auto settle = [&](std::uint64_t seq, std::uint32_t generation, wire::WorkState state) {
    return rig.machine->settle(rig.now, wall(1), {first_name(seq, generation), state, 1, {}}, node_id(2), rig.log,
                               rig.actions);
  };

  CHECK_FALSE(settle(1, 0, wire::WorkState::dead));
  CHECK_FALSE(settle(1, 0, wire::WorkState::removed));
  CHECK_FALSE(settle(1, 1, wire::WorkState::newer));
  CHECK(settle(1, 2, wire::WorkState::newer));
  CHECK(settle(2, 0, wire::WorkState::dead));
  CHECK(settle(3, 0, wire::WorkState::removed));
  CHECK(rig.machine->counts(index).ready == 0);
}

TEST_CASE("an attempt that failed elsewhere counts when it is the next here", "[work][mesh]") {
  Rig owner;
  owner.accept({owner.group("index")});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");
  const auto handles = hand_over(*owner.machine, heir);
  const auto failed = [&](std::uint32_t attempt) {
    return heir.machine->settle(heir.now, wall(1), {first_name(), wire::WorkState::failed, attempt, "no"}, node_id(3),
                                heir.log, heir.actions);
  };

  CHECK_FALSE(failed(2));
  CHECK_FALSE(failed(1));
  CHECK_FALSE(failed(1));
  release(heir, handles);
  heir.sync();
  heir.advance(1s);

  CHECK(heir.take_one(there).attempt == 2);
  CHECK(heir.written_of<storage::Failed>().size() == 1);
}
