#include "bus/work_engine.hpp"

#include <array>
#include <fstream>
#include <future>
#include <iterator>

#include "bus/durable_support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

/// A life with one group, that is driven by hand.
struct Driven {
  explicit Driven(const std::filesystem::path& directory, std::shared_ptr<storage::Disk> disk = {})
      : life(directory, std::move(disk)),
        engine(*life.host.work),
        index(engine.declare("events", group("g"), {.retry = exact_retries(5).retry})) {}

  [[nodiscard]] Result<work::Accepted> try_accept(std::string payload, bool claimed = false) {
    const Event event = sample(std::move(payload));
    work::Acceptance acceptance;
    acceptance.bus = "events";
    acceptance.event_id = event.id();
    acceptance.event = must(engine.pack(event, {}));
    acceptance.groups = {index};
    if (claimed) acceptance.claimed = {index};
    return engine.accept(acceptance);
  }
  work::Accepted accept(std::string payload) { return must(try_accept(std::move(payload))); }

  [[nodiscard]] std::vector<work::Job> take(std::size_t max = 1'000) {
    std::vector<work::Job> jobs;
    engine.take(index, max, jobs);
    return jobs;
  }
  [[nodiscard]] std::string payload(const work::Job& job) {
    return std::string(must(engine.event(job)).payload());
  }
  void finish(const work::Job& job, work::Ran ran = {}) { engine.finished({job, std::move(ran), std::nullopt}); }

  /// Accepts until not even the reserve has room.
  void fill() {
    for (int i = 0; i < 60; ++i) {
      const work::Position end = accept(std::string(500'000, 'x')).end;
      // More is taken on than a bus would; what no longer fits is never synced.
      if (!engine.admit() && !engine.wait_safe(end, 1s)) break;
    }
    REQUIRE(code(engine.admit()) == ErrorCode::disk_full);
  }

  Life life;
  WorkEngine& engine;
  const work::GroupIndex index;
};

/// In the middle of the first `text` of a file.
void flip_a_bit_in(const std::filesystem::path& path, const std::string& text) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = bytes.find(text);
  REQUIRE(at != std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at + text.size() / 2));
  file.put(static_cast<char>(text.front() ^ 1));
}

const work::Ran failed{work::Ran::Ending::failed, "broken", {}};

}  // namespace

TEST_CASE("those who wait while a sync runs share the next one", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  must(driven.engine.wait_safe(driven.accept("first").end, patience));
  const std::uint64_t before = driven.life.host.count("evmesh_journal_syncs_total");
  disk->hold_syncs();
  driven.accept("held");
  REQUIRE(disk->wait_held(patience));

  std::vector<std::future<bool>> waiters;
  for (int i = 0; i < 5; ++i) {
    const work::Position end = driven.accept("waiting").end;
    waiters.push_back(std::async(
        std::launch::async, [&driven, end] { return driven.engine.wait_safe(end, patience).has_value(); }));
  }
  disk->release();

  for (auto& waiter : waiters) CHECK(waiter.get());
  CHECK(driven.life.host.count("evmesh_journal_syncs_total") - before == 2);
}

TEST_CASE("who waits too long for the sync of another has an unknown outcome", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  disk->hold_syncs();
  const work::Position end = driven.accept("held").end;
  REQUIRE(disk->wait_held(patience));

  const auto outcome = driven.engine.wait_safe(end, 1ms);
  disk->release();

  REQUIRE(code(outcome) == ErrorCode::unknown_outcome);
  CHECK(outcome.error().message == "it was not on the disk after 1 ms; it may have run, and is owed");
  CHECK(driven.engine.wait_safe(end, patience).has_value());
}

TEST_CASE("a failed attempt has a dead letter on its way only when it was the last", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  driven.accept("tried again");
  driven.accept("refused");
  const auto jobs = driven.take();
  disk->hold_syncs();

  driven.finish(jobs.at(0), failed);
  CHECK_FALSE(driven.engine.letter_on_its_way());
  driven.finish(jobs.at(1), {work::Ran::Ending::refused, "no", {}});
  CHECK(driven.engine.letter_on_its_way());
  disk->release();
}

TEST_CASE("what is accepted to be run at once waits for no sync", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  disk->hold_syncs();
  driven.accept("held");
  REQUIRE(disk->wait_held(patience));

  std::vector<std::future<int>> threads;
  for (int i = 0; i < 4; ++i) {
    threads.push_back(std::async(std::launch::async, [&driven] {
      int accepted = 0;
      for (int event = 0; event < 100; ++event) accepted += driven.try_accept("claimed", true) ? 1 : 0;
      return accepted;
    }));
  }
  int in_time = 0;
  for (auto& thread : threads) in_time += thread.wait_for(patience) == std::future_status::ready ? 1 : 0;
  disk->release();

  CHECK(in_time == 4);
  for (auto& thread : threads) CHECK(thread.get() == 100);
}

TEST_CASE("what is given back is the next of its group, as the same attempt", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  Driven driven(dir.path());
  for (const char* payload : {"one", "two", "three"}) driven.accept(payload);
  // What is not written yet is not given out.
  must(driven.engine.wait_safe(driven.accept("four").end, patience));
  const auto taken = driven.take(3);
  REQUIRE(taken.size() == 3);

  driven.engine.give_back(std::span(taken).subspan(1));

  std::vector<std::string> again;
  for (const work::Job& job : driven.take()) {
    again.push_back(driven.payload(job) + ' ' + std::to_string(job.attempt));
  }
  CHECK(again == std::vector<std::string>{"two 1", "three 1", "four 1"});
}

TEST_CASE("what more is owed than memory may hold is read back from the disk", "[bus][work-engine]") {
  constexpr std::size_t count = 72;
  constexpr std::size_t bytes = 1'000'000;
  const TempDir dir{support::memory_disk()};
  Driven driven(dir.path());
  for (std::size_t i = 0; i < count; ++i) driven.accept(std::string(bytes, static_cast<char>('0' + i)));

  std::vector<work::Job> jobs;
  REQUIRE(eventually(patience, [&] {
    driven.engine.take(driven.index, count, jobs);
    return jobs.size() == count;
  }));
  std::size_t at_hand = 0;
  bool all_whole = true;
  for (std::size_t i = 0; i < count; ++i) {
    at_hand += jobs[i].event ? 1 : 0;
    all_whole = all_whole && driven.payload(jobs[i]) == std::string(bytes, static_cast<char>('0' + i));
  }
  CHECK(at_hand == 12);  // 24 MiB, each as an object and as bytes
  CHECK(all_whole);
}

TEST_CASE("what is owed is not written again and again because there is much of it", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  Driven driven(dir.path());
  for (int i = 0; i < 24; ++i) must(driven.engine.wait_safe(driven.accept(std::string(1'000'000, 'x')).end, patience));
  const base::Counter& scrubbed = driven.life.host.counters.named("evmesh_journal_scrubbed_bytes_total");
  const std::uint64_t appended = driven.life.host.count("evmesh_journal_bytes_total");

  REQUIRE(driven.life.later([&, before = scrubbed.value()] { return scrubbed.value() > before + 10 * 64 * limits::kib; }));

  CHECK(driven.life.host.count("evmesh_journal_bytes_total") == appended);
}

TEST_CASE("the journal stays in proportion to what is owed, wherever that stands", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  Driven driven(dir.path());
  std::vector<work::Job> owed;
  for (int i = 0; i < 2'000; ++i) must(driven.engine.wait_safe(driven.accept(std::string(1'000, 'x')).end, patience));
  for (const auto& job : driven.take(2'000)) owed.push_back(job);
  REQUIRE(owed.size() == 2'000);

  // 120 MB that are over come behind 2 MB that are not.
  for (int i = 0; i < 120; ++i) {
    must(driven.engine.wait_safe(driven.accept(std::string(1'000'000, 'y')).end, patience));
    for (const work::Job& job : driven.take()) driven.finish(job);
  }
  const auto taken = [&] {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
      std::error_code gone;
      if (const auto size = file.file_size(gone); !gone) bytes += size;
    }
    return bytes;
  };
  CHECK(driven.life.later([&] { return taken() < 64 * limits::mib; }));
  CHECK(driven.payload(owed.front()) == std::string(1'000, 'x'));
  CHECK(driven.payload(owed.back()) == std::string(1'000, 'x'));
}

TEST_CASE("what rots in the journal under a running node is found, and nothing more is accepted behind it",
          "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  Driven driven(dir.path());
  must(driven.engine.wait_safe(driven.accept(std::string(100'000, 'x')).end, patience));
  const base::Counter& scrubbed = driven.life.host.counters.named("evmesh_journal_scrubbed_bytes_total");
  REQUIRE(driven.life.later([&] { return scrubbed.value() > 0; }));
  REQUIRE(driven.life.failures.words().empty());

  const auto segment = dir.path() / "journal-000000000001.seg";
  flip_a_bit_in(segment, std::string(1'000, 'x'));

  REQUIRE(driven.life.later([&] { return !driven.life.failures.words().empty(); }));
  CHECK_THAT(driven.life.failures.words().front(), Catch::StartsWith(segment.string() + ", offset "));
  CHECK(driven.life.host.counters.named("evmesh_journal_damages_total").value() == 1);
  CHECK(code(driven.engine.admit()) == ErrorCode::node_failed);
}

TEST_CASE("a full disk refuses new work, does the old, and takes new again when there is space",
          "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Life life{dir.path(), disk, queued()};
  Gate gate;
  Story keyed;
  std::atomic<int> ran{0};
  const auto listener = make_listener([&](const Delivery&) {
    gate.pass();
    ++ran;
  });
  const auto registration = must(life.bus->register_listener(listener, group("g")));
  const auto on_key = must(life.bus->register_listener(teller(keyed), key("K:1")));
  disk->set_full(true);

  int accepted = 0;
  const bool full = life.later([&] {
    if (code(life.host.work->admit()) == ErrorCode::disk_full) return true;
    accepted += life.bus->dispatch(sample(std::string(20'000, 'x'))) ? 1 : 0;
    return false;
  });
  REQUIRE(full);
  CHECK(code(life.bus->dispatch(sample("refused"), key("K:1"))) == ErrorCode::disk_full);
  gate.open();
  must(life.bus->drain(patience));
  CHECK(ran == accepted);
  CHECK(keyed.words().empty());
  disk->set_full(false);

  CHECK(life.later([&] { return life.bus->dispatch(sample("taken")).has_value(); }));
  must(life.bus->drain(patience));
  CHECK(ran == accepted + 1);
  CHECK(life.failures.words().empty());
}

TEST_CASE("an old event that stays owed does not keep a small full disk from new work", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  must(driven.engine.wait_safe(driven.accept("old").end, patience));
  const auto old = driven.take(1);
  REQUIRE(old.size() == 1);
  for (int events = 0; events < 200; ++events) {
    driven.accept(std::string(100'000, 'x'));
    for (const work::Job& job : driven.take()) driven.finish(job);
    driven.life.host.advance(100ms);
  }
  disk->set_full(true);
  REQUIRE(driven.life.later([&] {
    if (code(driven.engine.admit()) == ErrorCode::disk_full) return true;
    driven.accept(std::string(20'000, 'x'));
    return false;
  }));

  CHECK(driven.life.later([&] {
    for (const work::Job& job : driven.take()) driven.finish(job);
    return driven.engine.admit().has_value();
  }));

  CHECK(driven.engine.counts(driven.index).running == 1);
  CHECK(driven.payload(old[0]) == "old");
}

TEST_CASE("retries that were due while the disk had no room at all come when there is some",
          "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  must(driven.engine.wait_safe(driven.accept("retried").end, patience));
  const auto jobs = driven.take();
  REQUIRE(jobs.size() == 1);
  driven.finish(jobs[0], failed);
  disk->set_full(true);
  driven.fill();
  driven.life.host.advance(100ms);
  disk->set_full(false);

  bool again = false;
  CHECK(eventually(patience, [&] {
    for (const work::Job& job : driven.take()) again = again || job.attempt == 2;
    return again;
  }));
}

TEST_CASE("a node stops while its disk has no room at all, and the next life owes what was written",
          "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  {
    Driven driven(dir.path(), disk);
    must(driven.engine.wait_safe(driven.accept("written").end, patience));
    disk->set_full(true);
    driven.fill();
    auto claimed = std::async(std::launch::async, [&] { return code(driven.try_accept("waits", true)); });
    auto stopped = std::async(std::launch::async, [&] { driven.engine.stop(); });

    const bool in_time = stopped.wait_for(patience) == std::future_status::ready &&
                         claimed.wait_for(patience) == std::future_status::ready;
    disk->set_full(false);

    CHECK(in_time);
    CHECK(claimed.get() == ErrorCode::unknown_outcome);
  }
  Driven next(dir.path());
  const auto jobs = next.take(1);
  REQUIRE(jobs.size() == 1);
  CHECK(next.payload(jobs[0]) == "written");
}

TEST_CASE("after a failure everything says so, once it is told", "[bus][work-engine]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Driven driven(dir.path(), disk);
  must(driven.engine.wait_safe(driven.accept("kept").end, patience));
  disk->break_syncs();
  const work::Position end = driven.accept("lost").end;

  CHECK(code(driven.engine.wait_safe(end, patience)) == ErrorCode::unknown_outcome);
  CHECK(driven.life.failures.wait(1).size() == 1);
  CHECK(code(driven.engine.admit()) == ErrorCode::node_failed);
  CHECK(code(driven.try_accept("more")) == ErrorCode::node_failed);
  CHECK(driven.take().empty());
  Story told;
  driven.engine.when_safe(end, [&](const Result<work::Safety>& synced) {
    told.add(synced ? "synced" : std::string(to_string(synced.error().code)));
  });
  CHECK(told.words() == std::vector<std::string>{"unknown_outcome"});
}

TEST_CASE("a stop waits for the mesh that is being told something, which hears nothing after it",
          "[bus][work-engine]") {
  class Wide final : public work::Room {
    std::uint64_t room_bytes(const wire::Life&, wire::Class) const override { return limits::mib; }
  };
  Host host;
  Gate gate;
  std::atomic<int> nudges{0};
  const auto nudge = [&] {
    ++nudges;
    gate.pass();
  };
  WorkEngine::Settings settings = first_life();
  settings.self.bytes.fill(7);
  NodeId other;
  other.bytes.fill(8);
  const auto engine =
      must(WorkEngine::open({host.clock, host.timers, host.counters, {}, {}, nudge}, std::move(settings)));
  const work::GroupIndex index = engine->declare("events", group("g"), {});
  engine->member_up({other, 1}, "b", false);
  work::Frames frames;
  static_cast<void>(engine->pump(Wide(), frames));
  std::atomic<bool> stopped{false};

  std::thread telling([&] { engine->attach(index, {}, 1); });
  const bool told = gate.wait_arrived(1);
  std::thread stopping([&] {
    engine->stop();
    stopped = true;
  });
  const bool early = eventually(50ms, [&] { return stopped.load(); });
  gate.open();
  telling.join();
  stopping.join();
  engine->detach(index);

  CHECK(told);
  CHECK_FALSE(early);
  CHECK(nudges == 1);
}
