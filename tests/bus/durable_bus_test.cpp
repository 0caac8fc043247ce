#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "bus/durable_support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

std::shared_ptr<Listener> refusing(std::string reason) {
  return make_listener([reason](const Delivery&) { return Outcome::refuse(reason); });
}

}  // namespace

TEST_CASE("an execution is asked to stop when the node ends", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Gate hold;
  std::atomic<bool> asked{false};
  Life life{dir.path(), {}, queued()};
  const auto listener = make_listener([&](const Delivery& delivery) {
    const std::stop_callback stopped(delivery.stop, [&] {
      asked = true;
      hold.open();
    });
    hold.pass();
  });
  const auto registration = must(life.bus->register_listener(listener, group("g")));
  must(life.bus->dispatch(sample()));
  REQUIRE(hold.wait_arrived(1));

  life.stop(10ms);

  CHECK(asked);
}

TEST_CASE("dispatch answers when it is synced; the listener does not wait for that", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Story story;
  Story answers;
  Life life{dir.path(), disk};
  const auto registration = must(life.bus->register_listener(telling(story), group("g")));
  disk->hold_syncs();

  std::thread dispatching([&] {
    const auto receipt = life.bus->dispatch(sample("one"));
    answers.add(receipt && receipt->groups == 1 && receipt->dispatch.seq > 0 ? "accepted" : "refused");
  });
  must(life.bus->dispatch_async(sample("two"), {}, [&](const Result<Receipt>& receipt) {
    answers.add(receipt ? "accepted" : "refused");
  }));

  CHECK(story.wait(2).size() == 2);
  CHECK(disk->wait_held(patience));
  CHECK(answers.words().empty());
  disk->release();
  CHECK(answers.wait(2) == std::vector<std::string>{"accepted", "accepted"});
  dispatching.join();
}

TEST_CASE("a failed sync ends what waits with an unknown outcome, and the node", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Story story;
  Story answers;
  {
    Life life{dir.path(), disk};
    const auto registration = must(life.bus->register_listener(telling(story), group("g")));
    disk->hold_syncs();
    std::thread dispatching([&] {
      const auto receipt = life.bus->dispatch(sample("one"));
      answers.add(receipt ? "accepted" : std::string(to_string(receipt.error().code)));
    });
    must(life.bus->dispatch_async(sample("two"), {}, [&](const Result<Receipt>& receipt) {
      answers.add(receipt ? "accepted" : std::string(to_string(receipt.error().code)));
    }));
    REQUIRE(story.wait(2).size() == 2);
    REQUIRE(disk->wait_held(patience));
    disk->break_syncs();
    disk->release();

    CHECK(answers.wait(2) == std::vector<std::string>{"unknown_outcome", "unknown_outcome"});
    dispatching.join();
    CHECK(code(life.bus->dispatch(sample("three"))) == ErrorCode::node_failed);
    CHECK(code(life.bus->dispatch_async(sample("four"), {}, {})) == ErrorCode::node_failed);
    CHECK(life.failures.wait(1).size() == 1);
  }

  Life next{dir.path()};
  Story again;
  const auto registration = must(next.bus->register_listener(telling(again), group("g")));
  CHECK(next.bus->dispatch(sample("five")).has_value());
  CHECK(again.words().back() == "five 1");
}

TEST_CASE("a group with placement here runs before dispatch returns, its retries later", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Life life{dir.path(), {}, queued()};
  Story story;
  const auto listener = make_listener([&](const Delivery& delivery) {
    story.add(told(delivery));
    if (delivery.attempt == 1) throw std::runtime_error("not yet");
  });
  GroupOptions options = exact_retries(2);
  options.placement = Placement::here;
  const auto registration = must(life.bus->register_listener(listener, group("g"), options));

  must(life.bus->dispatch(sample("event")));

  CHECK(story.words() == std::vector<std::string>{"event 1"});
  life.host.advance(100ms);
  CHECK(story.wait(2).back() == "event 2");
}

TEST_CASE("a front-line node owes its groups and runs nothing", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  {
    BusSettings settings;
    settings.execute_groups = false;
    Life life{dir.path(), {}, settings};
    GroupOptions options;
    options.placement = Placement::here;
    const auto registration = must(life.bus->register_listener(telling(story), group("g"), options));

    const Receipt receipt = must(life.bus->dispatch(sample("event")));

    CHECK(receipt.groups == 1);
    must(life.bus->drain(patience));
    CHECK(life.counts("g").ready == 1);
    CHECK(story.words().empty());
  }
  Life next{dir.path()};
  const auto registration = must(next.bus->register_listener(telling(story), group("g")));
  CHECK(story.wait(1) == std::vector<std::string>{"event 1"});
}

TEST_CASE("a group stays required when its registration is destroyed, and ends when it is forgotten",
          "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  {
    Life life{dir.path()};
    require(*life.bus, group("g"));
    CHECK(must(life.bus->dispatch(sample("one"))).groups == 1);
  }
  {
    Life life{dir.path()};
    CHECK(must(life.bus->dispatch(sample("two"))).groups == 1);
    const auto listener = make_listener([&](const Delivery& delivery) {
      story.add(told(delivery));
      throw std::runtime_error("broken");
    });
    auto registration = must(life.bus->register_listener(listener, group("g"), one_at_a_time()));
    REQUIRE(story.wait(2) == std::vector<std::string>{"one 1", "two 1"});
    must(life.bus->drain(patience));

    CHECK(registration.forget() == Unregistered::done);

    CHECK(must(life.bus->dispatch(sample("three"))).groups == 0);
    const auto letters = letters_of(*life.bus, group("g"));
    REQUIRE(letters.size() == 2);
    CHECK(letters[0].attempts.back().error == "not run: the group was unregistered");
  }
  Life next{dir.path()};
  CHECK(must(next.bus->dispatch(sample("four"))).groups == 0);
  CHECK(letters_of(*next.bus, group("g")).size() == 2);
}

TEST_CASE("groups of one name on two buses have nothing to do with each other", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story on_events;
  Story on_other;
  {
    Life life{dir.path()};
    const auto other = Bus::create(life.host.services(), {.level = Level::disk, .name = "other"});
    const auto first = must(life.bus->register_listener(refusing("no"), group("g")));
    const auto second = must(other->register_listener(telling(on_other), group("g")));

    must(life.bus->dispatch(sample("event")));

    must(other->drain(patience));
    CHECK(on_other.words().empty());
    CHECK(letters_of(*life.bus, group("g")).size() == 1);
    CHECK(must(other->dead_letters().empty()));
    other->stop();
    must(life.bus->drain(patience));
  }
  Life next{dir.path()};
  const auto other = Bus::create(next.host.services(), {.level = Level::disk, .name = "other"});
  CHECK(must(other->dispatch(sample("more"))).groups == 1);
  const auto first = must(next.bus->register_listener(telling(on_events), group("g")));
  const auto second = must(other->register_listener(telling(on_other), group("g")));
  CHECK(on_other.wait(1) == std::vector<std::string>{"more 1"});
  must(next.bus->drain(patience));
  CHECK(on_events.words().empty());
  CHECK(must(other->dead_letters().empty()));
  CHECK(letters_of(*next.bus, group("g")).size() == 1);
  other->stop();
}

TEST_CASE("redelivery owes the event to the one group, in the next life too", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Story story;
  {
    Life life{dir.path()};
    require(*life.bus, group("g"));
    require(*life.bus, group("h"));

    must(life.bus->redeliver(group("g"), sample("again")));

    CHECK(life.counts("g").ready == 1);
    CHECK(life.counts("h").ready == 0);
    CHECK(code(life.bus->redeliver(group("stranger"), sample())) == ErrorCode::unknown_group);
  }
  Life next{dir.path()};
  const auto registration = must(next.bus->register_listener(telling(story), group("g")));
  CHECK(story.wait(1) == std::vector<std::string>{"again 1"});
}

TEST_CASE("redelivery answers when it is synced, as a dispatch does", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  Life life{dir.path(), disk};
  require(*life.bus, group("g"));
  Story answers;
  disk->hold_syncs();

  std::thread redelivering(
      [&] { answers.add(life.bus->redeliver(group("g"), sample()) ? "accepted" : "refused"); });
  const bool held = disk->wait_held(patience);
  const bool early = eventually(50ms, [&] { return !answers.words().empty(); });
  disk->release();
  redelivering.join();

  CHECK(held);
  CHECK_FALSE(early);
  CHECK(answers.words() == std::vector<std::string>{"accepted"});
}

TEST_CASE("a callback of dispatch_async may dispatch and wait for its sync", "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  Life life{dir.path(), {}, queued()};
  require(*life.bus, group("g"));
  Story story;

  must(life.bus->dispatch_async(sample("outer"), {}, [&](const Result<Receipt>&) {
    story.add(life.bus->dispatch(sample("inner")) ? "accepted" : "refused");
  }));

  CHECK(story.wait(1) == std::vector<std::string>{"accepted"});
}

TEST_CASE("every asynchronous dispatch is answered once, whatever happens to the disk or the node",
          "[bus][durable]") {
  const TempDir dir{support::memory_disk()};
  const auto disk = std::make_shared<FaultyDisk>(dir.path());
  const bool breaks = GENERATE(false, true);
  constexpr int count = 200;
  std::array<std::atomic<int>, count> answered{};
  int accepted = 0;
  {
    Life life{dir.path(), disk, queued()};
    require(*life.bus, group("g"));
    for (int i = 0; i < count; ++i) {
      if (i == 100) disk->hold_syncs();
      if (i == 150 && breaks) {
        REQUIRE(disk->wait_held(patience));
        disk->break_syncs();
      }
      if (i == 150) disk->release();
      const auto started = life.bus->dispatch_async(sample(), {}, [&answered, i](const Result<Receipt>&) {
        ++answered.at(static_cast<std::size_t>(i));
      });
      if (!started) break;
      ++accepted;
    }
  }

  CHECK(accepted >= 150);
  for (int i = 0; i < accepted; ++i) CHECK(answered.at(static_cast<std::size_t>(i)) == 1);
}

TEST_CASE("50,000 events of eight threads run once in each group", "[bus][durable]") {
  constexpr std::size_t count = 50'000;
  constexpr std::size_t batch = 50;
  const TempDir dir{support::memory_disk()};
  Life life{dir.path(), {}, queued()};
  std::vector<std::atomic<int>> in_a(count);
  std::vector<std::atomic<int>> in_b(count);
  const auto counting = [](std::vector<std::atomic<int>>& runs) {
    return make_listener(
        [&runs](const Event& event) { ++runs.at(std::stoul(std::string(event.payload()))); });
  };
  const auto a = must(life.bus->register_listener(counting(in_a), group("a")));
  const auto b = must(life.bus->register_listener(counting(in_b), group("b")));
  std::atomic<std::size_t> next{0};
  std::atomic<int> refused{0};

  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (std::size_t from = next.fetch_add(batch); from < count; from = next.fetch_add(batch)) {
        std::vector<KeyedEvent> events;
        for (std::size_t at = from; at < from + batch; ++at)
          events.push_back({sample(std::to_string(at)), {}});
        if (!life.bus->dispatch(events)) ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  must(life.bus->drain(10 * patience));

  CHECK(refused == 0);
  const auto once = [](const std::atomic<int>& runs) { return runs == 1; };
  CHECK(std::all_of(in_a.begin(), in_a.end(), once));
  CHECK(std::all_of(in_b.begin(), in_b.end(), once));
}
