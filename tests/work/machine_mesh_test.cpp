#include <catch2/catch.hpp>

#include "machine_mesh_rig.hpp"

// What a machine does about obligations that other nodes have, had, or take over.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;
using storage::Doubt;
using wire::StateEntry;

TEST_CASE("an obligation is named and its custody is that of this node in this life", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  const Job job = rig.take_one(index);

  CHECK(rig.machine->work_name(job.handle) == first_name());
  CHECK(rig.machine->find(first_name()) == job.handle);
  CHECK_FALSE(rig.machine->find(first_name(1, 1)));
  CHECK(rig.machine->custody(job.handle) == (Custody{0, node_id(1), 1}));

  rig.crash();

  CHECK(rig.machine->custody(*rig.machine->find(first_name())) == (Custody{0, node_id(1), 2}));
}

TEST_CASE("what ran on a node that ended has failed, is suspect and possibly a duplicate", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  const Job job = rig.take_one(index);

  rig.machine->lost(rig.now, wall(5), job.handle, node_id(7), "seven", rig.log, rig.actions);
  rig.sync();
  rig.advance(1s);

  const Job again = rig.take_one(index);
  CHECK(again.attempt == 2);
  CHECK(again.suspect);
  CHECK(again.possibly_duplicate);
  CHECK(again.away_from == node_id(7));
  const auto failed = rig.written_of<storage::Failed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].error == "node seven ended while it ran");
  CHECK(failed[0].node == node_id(7));
  CHECK(rig.machine->counters().lost == 1);
}

TEST_CASE("a suspect whose node ends again is a dead letter", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  rig.machine->lost(rig.now, wall(5), rig.take_one(index).handle, node_id(7), "seven", rig.log, rig.actions);
  rig.sync();
  rig.advance(1s);

  rig.machine->lost(rig.now, wall(6), rig.take_one(index).handle, node_id(8), "eight", rig.log, rig.actions);
  rig.sync();

  const auto letters = rig.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].attempts.back().error ==
        "crash: a node ended twice while it ran, the second time as the only suspect: node eight");
  CHECK(rig.machine->counters().quarantined == 1);
}

TEST_CASE("an attempt that failed on another node is remembered as that node's", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();

  rig.machine->finished(rig.now, wall(5), rig.take_one(index).handle,
                        {.ending = Ran::Ending::failed, .error = "no", .node = node_id(7)}, rig.log, rig.actions);
  rig.sync();

  CHECK(rig.written_of<storage::Failed>().at(0).node == node_id(7));
}

TEST_CASE("a copy fed with the log and a snapshot owes what the owner owes", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  for (int i = 0; i < 6; ++i) rig.accept({index});
  rig.sync();
  rig.finish(rig.take_one(index), Ran::Ending::failed);  // 1
  rig.sync();
  const auto walk = rig.machine->begin_snapshot();
  const std::size_t begun = rig.records.size();
  std::vector<std::string> records;
  const auto read = [](Position) { return nullptr; };

  // Between pieces the walk's next one ends, a retry fails, and there is a new one.
  REQUIRE(rig.machine->snapshot(walk, 1, read, records));
  rig.finish(rig.take_one(index));  // 2 is done
  rig.accept({index});              // 7
  rig.sync();
  rig.advance(1s);
  for (Job job = rig.take_one(index); job.handle != 0; job = rig.take_one(index)) {
    if (job.attempt == 2) rig.finish(job, Ran::Ending::failed, "again");
  }
  rig.sync();
  while (rig.machine->snapshot(walk, 1, read, records)) continue;
  rig.machine->end_snapshot(walk);

  auto copy = copy_of(node_id(1));
  feed(*copy, records);
  for (std::size_t i = begun; i < rig.records.size(); ++i) REQUIRE(copy->replay(100 + i, rig.records[i].second));
  CHECK(copy->owed_count() == 6);
  CHECK_FALSE(copy->find(first_name(2)));
  CHECK(copy->find(first_name(7)));
  std::vector<storage::OwedGroup> first;
  const auto look = copy->begin_snapshot();
  while (copy->visit(look, 1, read, Machine::Which::all, [&](const storage::Owed& owed) {
    if (owed.id.seq == 1) first.push_back(owed.groups[0]);
  }))
    continue;
  REQUIRE(first.size() == 1);
  CHECK(first[0].attempts == 2);
  REQUIRE(first[0].history.size() == 2);
  CHECK(first[0].history[1].error == "again");
}

TEST_CASE("a snapshot ends although more is accepted than it takes", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  for (int i = 0; i < 3; ++i) rig.accept({index});
  rig.sync();
  const auto walk = rig.machine->begin_snapshot();
  std::vector<std::string> records;

  int pieces = 0;
  while (rig.machine->snapshot(walk, 1, [](Position) { return nullptr; }, records) && pieces < 20) {
    ++pieces;
    rig.accept({index});
    rig.accept({index});
    rig.sync();
  }

  CHECK(pieces == 3);
  CHECK(records.size() == 3);
}

TEST_CASE("an event that is not in memory is read for the snapshot, or it waits", "[work][mesh]") {
  Rig rig({.self = node_id(1), .event_bytes_max = 0});
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  const auto walk = rig.machine->begin_snapshot();
  std::vector<std::string> records;

  CHECK(rig.machine->snapshot(walk, 1000, [](Position) { return nullptr; }, records));
  CHECK(records.empty());
  CHECK_FALSE(rig.machine->snapshot(walk, 1000, [](Position) { return parcel_of("event"); }, records));
  CHECK(records.size() == 1);
}

TEST_CASE("what a copy carries stands in its guardian's journal as a copy", "[work][mesh]") {
  Rig rig;
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  auto copy = copy_of(node_id(1));
  copy->replica().epoch = 4;
  copy->replica().fresh = true;
  feed(*copy, snapshot_of(*rig.machine), 10);
  storage::Commit log(100);

  CHECK(copy->carry(50, 1000, [](Position) { return nullptr; }, log));

  storage::RecordWalk walk(log.bytes().substr(storage::commit_header_bytes), 100 + storage::commit_header_bytes);
  const auto bytes = walk.next();
  REQUIRE(bytes);
  const auto record = storage::decode_record(bytes->bytes, node_id(9));
  REQUIRE(record);
  const auto& copied = std::get<storage::Copied>(*record);
  CHECK(copied.owner == node_id(1));
  CHECK(copied.epoch == 4);
  CHECK(copied.fresh);
  CHECK(*storage::event_of_record(bytes->bytes, node_id(9)) == "event");
  CHECK(copy->oldest() == 10);
  Actions actions;
  copy->synced(log.end(), actions);
  CHECK(copy->oldest() == bytes->position);
}

TEST_CASE("what is adopted is held back, then runs as possibly a duplicate under a higher custody", "[work][mesh]") {
  Rig owner;
  const auto index = owner.group("index");
  owner.accept({index});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");

  const auto handles = hand_over(*owner.machine, heir);

  REQUIRE(handles.size() == 1);
  CHECK(heir.take(there).empty());
  CHECK(heir.machine->held_back() == handles);
  CHECK(heir.machine->custody(handles[0]) == (Custody{1, node_id(2), 1}));
  release(heir, handles);
  REQUIRE(heir.asked<Ready>().size() == 1);
  const Job job = heir.take_one(there);
  CHECK(job.id == (DispatchId{node_id(1), 1, 1}));
  CHECK(job.possibly_duplicate);
  CHECK_FALSE(job.suspect);
  CHECK(job.attempt == 1);
  CHECK(heir.machine->counters().duplicates_owner_ended == 1);
}

TEST_CASE("what is adopted stays adopted through a power cut, and is held back again", "[work][mesh]") {
  Rig owner;
  owner.accept({owner.group("index")});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");
  hand_over(*owner.machine, heir, 3);

  heir.power_cut();

  const auto held = heir.machine->held_back();
  REQUIRE(held.size() == 1);
  CHECK(heir.machine->custody(held[0]) == (Custody{3, node_id(2), 2}));
  heir.sync();
  CHECK(heir.take(there).empty());
  release(heir, held);
  CHECK(heir.take_one(there).possibly_duplicate);
}

TEST_CASE("an announced attempt of the owner's counts as perhaps made", "[work][mesh]") {
  Rig owner;
  const auto index = owner.group("index");
  owner.accept({index});
  owner.sync();
  owner.finish(owner.take_one(index), Ran::Ending::failed);
  owner.sync();
  owner.advance(1s);
  Rig heir(meshed(2));
  const auto there = heir.group("index");

  release(heir, hand_over(*owner.machine, heir));
  heir.advance(0s);
  heir.advance(10s);

  CHECK(heir.take_one(there).attempt == 3);
}

TEST_CASE("what is orphaned twice runs alone", "[work][mesh]") {
  Rig owner;
  const auto index = owner.group("index");
  owner.accept({index});
  owner.accept({index});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");

  release(heir, hand_over(*owner.machine, heir, 2));

  CHECK(heir.take(there).size() == 1);
}

TEST_CASE("what has failed for good is buried by the one who adopted it, not before its release", "[work][mesh]") {
  Rig owner;
  const auto index = owner.group("index");
  owner.accept({index});
  owner.sync();
  owner.finish(owner.take_one(index), Ran::Ending::refused, "never");
  owner.sync();
  Rig heir(meshed(2));
  heir.group("index");
  const auto handles = hand_over(*owner.machine, heir);
  REQUIRE(heir.asked<StoreLetter>().empty());

  release(heir, handles);

  const auto letters = heir.asked<StoreLetter>();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].letter == owner.asked<StoreLetter>().at(0).letter);
  CHECK(letters[0].attempts.at(0).error == "never");
}

TEST_CASE("what was cancelled or has ended is not taken over", "[work][mesh]") {
  Rig owner;
  const auto index = owner.group("index");
  owner.accept({index});
  owner.sync();
  owner.take_one(index);
  owner.machine->cancel(index, owner.log);
  Rig heir(meshed(2));
  heir.group("index");

  CHECK(hand_over(*owner.machine, heir).empty());
  CHECK(heir.machine->owed_count() == 0);
}

TEST_CASE("adopting again what is owed here changes nothing but its custody", "[work][mesh]") {
  Rig owner;
  owner.accept({owner.group("index")});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");
  const auto handles = hand_over(*owner.machine, heir);
  release(heir, handles);
  const Job job = heir.take_one(there);

  CHECK(hand_over(*owner.machine, heir, 2).empty());

  CHECK(heir.machine->owed_count() == 1);
  CHECK(heir.machine->custody(job.handle).counter == 2);
  heir.finish(job);
  CHECK(heir.machine->owed_count() == 0);
}

TEST_CASE("what another node runs already goes on as running", "[work][mesh]") {
  Rig owner;
  owner.accept({owner.group("index")});
  owner.sync();
  Rig heir(meshed(2));
  const auto there = heir.group("index");
  const auto handles = hand_over(*owner.machine, heir);

  const auto job = heir.machine->lease(handles.at(0), heir.log);

  REQUIRE(job);
  CHECK(job->possibly_duplicate);
  CHECK(heir.machine->counts(there).running == 1);
  release(heir, handles);
  CHECK(heir.take(there).empty());
  heir.finish(*job);
  CHECK(heir.machine->owed_count() == 0);
}

TEST_CASE("what a meshed node owes from earlier lives is held back, and may have run elsewhere", "[work][mesh]") {
  Rig rig(meshed(1));
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();

  rig.crash();
  rig.sync();

  const auto held = rig.machine->held_back();
  REQUIRE(held.size() == 1);
  CHECK(rig.take(index).empty());
  release(rig, held);
  CHECK(rig.take_one(index).possibly_duplicate);
}

TEST_CASE("after a goodbye nothing is held back, and nothing has run", "[work][mesh]") {
  Rig rig(meshed(1));
  const auto index = rig.group("index");
  rig.accept({index});
  rig.machine->goodbye(rig.log);
  rig.sync();

  rig.crash();
  rig.sync();

  CHECK(rig.machine->held_back().empty());
  CHECK_FALSE(rig.take_one(index).possibly_duplicate);
}

TEST_CASE("a failed attempt that waits is held back, and goes on waiting", "[work][mesh]") {
  Rig rig(meshed(1));
  const auto index = rig.group("index");
  rig.accept({index});
  rig.sync();
  rig.finish(rig.take_one(index), Ran::Ending::failed);
  rig.sync();

  rig.crash();
  rig.sync();
  rig.advance(1min);
  CHECK(rig.take(index).empty());
  release(rig, rig.machine->held_back());
  CHECK(rig.take(index).empty());
  rig.advance(1s);

  CHECK(rig.take_one(index).attempt == 2);
}
