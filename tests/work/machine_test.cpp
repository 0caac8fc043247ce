#include "work/machine.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

std::size_t held_bytes = 0;  // of this program, by operator new
std::size_t allocations = 0;

void* counted(void* memory) {
  held_bytes += malloc_usable_size(memory);
  ++allocations;
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return counted(memory);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(std::malloc(size)); }
void operator delete(void* memory) noexcept {
  held_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }

TEST_CASE("an owed obligation whose event is not in memory takes under 200 bytes", "[work][machine]") {
  constexpr std::size_t count = 100'000;
  Machine machine({.self = node_id(1), .event_bytes_max = 0});
  const GroupIndex group = machine.group("mail", *Group::parse("index"), test::policy());
  Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event = parcel_of("event");
  acceptance.groups = {group};
  storage::Commit log;
  Actions actions;
  const std::size_t before = held_bytes;

  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(machine.accept(acceptance, log));
    machine.written(log.end(), actions);
    machine.synced(log.end(), actions);
    log.restart(log.end());
  }

  const std::size_t each = (held_bytes - before) / count;
  INFO(each << " bytes each");
  CHECK(each < 200);
  CHECK(machine.owed_count() == count);
}

TEST_CASE("an owed obligation takes under 200 bytes with its share of the memory for events", "[work][machine]") {
  constexpr std::size_t count = 100'000;
  Machine machine({.self = node_id(1), .event_bytes_max = MachineOptions{}.event_bytes_max / 10});
  const GroupIndex group = machine.group("mail", *Group::parse("index"), test::policy());
  storage::Commit log;
  Actions actions;
  const std::size_t before = held_bytes;

  for (std::size_t i = 0; i < count; ++i) {
    Acceptance acceptance;
    acceptance.bus = "mail";
    const std::string payload(256, 'x');
    acceptance.event = std::make_shared<const Parcel>(
        Parcel{std::string(330, 'x'), 330, Event({.type = "bench.event", .payload = payload}), {}});
    acceptance.groups = {group};
    REQUIRE(machine.accept(acceptance, log));
    machine.written(log.end(), actions);
    machine.synced(log.end(), actions);
    log.restart(log.end());
  }

  const std::size_t each = (held_bytes - before) / count;
  INFO(each << " bytes each");
  CHECK(each < 200);
  std::vector<Job> jobs;
  machine.take(group, 2, jobs);
  CHECK(jobs.at(1).event);  // there is memory for some
}

TEST_CASE("accepting, taking and finishing allocate nothing for each event", "[work][machine]") {
  constexpr std::size_t count = 10'000;
  Machine machine({.self = node_id(1)});
  const GroupIndex group = machine.group("mail", *Group::parse("index"), test::policy());
  Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event = parcel_of("event");
  acceptance.groups = {group};
  storage::Commit log;
  Actions actions;
  std::vector<Job> jobs;
  const auto round = [&] {
    jobs.clear();
    actions.clear();
    static_cast<void>(machine.accept(acceptance, log));
    machine.written(log.end(), actions);
    log.restart(log.end());
    machine.take(group, 10, jobs);
    for (const Job& job : jobs) machine.finished(MonoTime{}, wall(0), job.handle, {}, log, actions);
  };
  for (int i = 0; i < 2'000; ++i) round();
  const std::size_t before = allocations;

  for (std::size_t i = 0; i < count; ++i) round();

  CHECK(machine.counters().done == count + 2'000);
  CHECK(allocations - before < count / 20);
}

TEST_CASE("a group is the same whoever asks, and of its bus", "[work][machine]") {
  Rig rig;
  const GroupIndex group = rig.group("index");

  CHECK(rig.group("index", test::policy(1)) == group);
  CHECK(rig.machine->find("mail", *Group::parse("index")) == group);
  CHECK_FALSE(rig.machine->find("other", *Group::parse("index")));
  CHECK(rig.machine->group("other", *Group::parse("index"), {}) != group);
  CHECK(rig.machine->name(group).bus == "mail");
}

TEST_CASE("counts say when the oldest that is owed was accepted", "[work][machine]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  CHECK_FALSE(rig.machine->counts(group).oldest);

  rig.accept({group});
  rig.accept({group});
  rig.write();
  CHECK(rig.machine->counts(group).oldest == wall(1));
  rig.finish(rig.take_one(group));
  CHECK(rig.machine->counts(group).oldest == wall(2));
}

TEST_CASE("what is owed of an event is shown with its state, attempts and errors", "[work][machine]") {
  Rig rig;
  const GroupIndex index = rig.group("index");
  const GroupIndex quota = rig.group("quota");
  const Acceptance acceptance = rig.event({index, quota});
  static_cast<void>(rig.machine->accept(acceptance, rig.log));
  rig.accept({index});
  rig.write();
  rig.finish(rig.take_one(quota), Ran::Ending::failed, "no quota");

  const auto owed = rig.machine->owed(acceptance.event_id);

  REQUIRE(owed.size() == 2);
  const auto& waiting = owed[0].group == quota ? owed[0] : owed[1];
  CHECK(waiting.state == "waiting");
  CHECK(waiting.attempt == 2);
  CHECK(waiting.accepted == wall(1));
  CHECK(waiting.attempts == std::vector<Attempt>{{1, wall(100), node_id(1), "no quota"}});
  CHECK((owed[0].group == index ? owed[0] : owed[1]).state == "ready");
  CHECK(rig.machine->owed_count() == 3);
}

TEST_CASE("what ended is remembered with its fate and its failed attempts", "[work][machine]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const GroupIndex other = rig.group("quota");
  const Acceptance event = rig.event({group, other});
  const DispatchId id = rig.machine->accept(event, rig.log)->id;
  rig.sync();
  CHECK(rig.machine->finished(std::span(&event.event_id, 1)).empty());

  rig.finish(rig.take_one(group), Ran::Ending::failed, "not yet");
  rig.run_out(group, Ran::Ending::done);
  rig.machine->cancel(other, rig.log);

  const auto ended = rig.machine->finished(std::span(&event.event_id, 1));
  REQUIRE(ended.size() == 2);
  CHECK(ended[0].id == id);
  CHECK(ended[0].group == group);
  CHECK(ended[0].fate == storage::Fate::done);
  CHECK(ended[0].attempts == 2);
  CHECK(ended[0].accepted == event.time);
  REQUIRE(ended[0].failed.size() == 1);
  CHECK(ended[0].failed[0].error == "not yet");
  CHECK(ended[1].group == other);
  CHECK(ended[1].fate == storage::Fate::cancelled);
}

TEST_CASE("the end of what is watched is counted, and of nothing else", "[work][machine]") {
  Rig rig;
  const GroupIndex group = rig.group("index");
  const Acceptance event = rig.event({group});
  REQUIRE(rig.machine->accept(event, rig.log));
  rig.accept({group});
  rig.sync();
  rig.machine->watch(rig.machine->owed(event.event_id).at(0).handle);
  const auto jobs = rig.take(group);

  rig.finish(jobs.at(1));
  CHECK(rig.machine->watched_ended() == 0);
  rig.finish(jobs.at(0));
  CHECK(rig.machine->watched_ended() == 1);
}
