#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh;
using namespace evmesh::testing;
using namespace std::chrono_literals;

namespace {

/// What is dispatched from now on is owed to the group, which nobody runs.
void require_everywhere(Cluster& cluster, std::size_t node, const Group& group) {
  const auto required = cluster[node].bus().register_listener(make_listener([](const Event&) {}), group);
  CHECK(required->receipt(3s).complete());
}

/// Every node runs the group and counts what it did.
struct Counted {
  std::map<std::string, unsigned> runs;  // by payload
  std::map<std::string, unsigned> on;    // by node

  void run_on_all(Cluster& cluster, const Group& group, GroupOptions options = {}) {
    cluster.at_start([this, group, options](ClusterNode& node) {
      node.keep(node.bus().register_listener(make_listener([this, name = node.name()](const Event& event) {
                                               ++runs[event.payload()];
                                               ++on[name];
                                             }),
                                             group, options));
    });
  }
};

}  // namespace

TEST_CASE("five nodes have met when a cluster is made, and no time has passed", "[testing]") {
  Cluster cluster({.nodes = 5, .seed = 7});

  CHECK(cluster.now() == 0us);
  for (std::size_t node = 0; node < 5; ++node) {
    const auto members = cluster[node].members();
    CHECK(members.size() == 5);
    CHECK(std::ranges::all_of(members, [](const Member& member) { return member.state == MemberState::alive; }));
  }
}

TEST_CASE("a key listener of another node hears an event once, a group runs it once in the mesh", "[testing]") {
  const auto mode = GENERATE(Mode::broadcast, Mode::scale_efficient);
  Cluster cluster({.nodes = 3, .mode = mode});
  std::vector<std::string> heard;
  Counted counted;
  counted.run_on_all(cluster, group_of("index"));
  cluster[1].keep(cluster[1].bus().register_listener(keeper(heard), key_of("inbox")));

  const auto receipt = cluster[0].bus().dispatch(note("one"), key_of("inbox"));
  REQUIRE(receipt);
  CHECK(receipt->interested == 1);
  CHECK(receipt->groups == 1);
  CHECK(receipt->copies == 1);
  CHECK_FALSE(receipt->degraded);
  CHECK(cluster.run_until_quiet(10s));

  CHECK(heard == std::vector<std::string>{"one"});
  CHECK(counted.runs == std::map<std::string, unsigned>{{"one", 1}});
  CHECK(cluster[0].bus().wait_seen(*receipt, 5s).complete());
}

TEST_CASE("the same seed plays the same story twice, another seed another one", "[testing]") {
  const auto story = [](std::uint64_t seed) {
    Cluster cluster({.nodes = 5, .seed = seed});
    cluster.at_start([](ClusterNode& node) {
      const auto failing = make_listener([](const Delivery& delivery) {
        if (delivery.attempt < 3) throw std::runtime_error("not yet");
      });
      node.keep(node.bus().register_listener(failing, group_of("index")));
    });
    for (int event = 0; event < 20; ++event) REQUIRE(cluster[event % 3].bus().dispatch(note(std::to_string(event))));
    cluster.kill(2);
    cluster.run_for(10s);
    cluster.restart(2);
    CHECK(cluster.run_until_quiet());
    return cluster.story();
  };

  const std::string first = story(7);
  CHECK(first == story(7));
  CHECK(first != story(8));
}

TEST_CASE("what a killed node owed runs on others, once", "[testing]") {
  const auto seed = GENERATE(range(1, 9));
  Cluster cluster({.nodes = 5, .seed = static_cast<std::uint64_t>(seed)});
  Counted counted;
  // Required of all, run by nobody until its owner is dead.
  require_everywhere(cluster, 1, group_of("index"));
  for (int event = 0; event < 50; ++event) {
    const auto receipt = cluster[2].bus().dispatch(note(std::to_string(event)));
    REQUIRE(receipt);
    CHECK(receipt->copies == 2);
  }
  CHECK(cluster[2].owed() == 50);

  cluster.kill(2);
  counted.run_on_all(cluster, group_of("index"));
  CHECK(cluster.run_until([&] { return counted.runs.size() == 50; }, 10s));
  cluster.restart(2);
  CHECK(cluster.run_until_quiet(1min));

  CHECK(counted.runs.size() == 50);
  CHECK(std::ranges::all_of(counted.runs, [](const auto& run) { return run.second == 1; }));
  CHECK(cluster.count(What::done, "index") == 50);
}

TEST_CASE("a node that is killed while it runs something leaves it to another, which is told so", "[testing]") {
  Cluster cluster({.nodes = 3});
  std::vector<std::string> ran;
  cluster.at_start([&](ClusterNode& node) {
    node.keep(node.bus().register_listener(
        make_listener([&, name = node.name()](const Delivery& delivery) {
          ran.push_back(name + (delivery.possibly_duplicate ? " again" : ""));
          cluster.take(30s);
        }),
        group_of("index")));
  });
  REQUIRE(cluster[0].bus().dispatch(note("one")));
  cluster.run_for(1s);
  REQUIRE(ran.size() == 1);
  const std::size_t runner = ran[0] == "n0" ? 0 : ran[0] == "n1" ? 1 : 2;

  cluster.kill(runner);
  cluster.run_for(2min);

  REQUIRE(ran.size() == 2);
  CHECK(ran[1].ends_with(" again"));
  CHECK(ran[1].substr(0, 2) != ran[0]);
  CHECK(cluster.count(What::done, "index") == 1);
}

TEST_CASE("an event that ends the process it runs in ends two, then it is a dead letter, and no other event is", "[testing]") {
  const std::size_t nodes = GENERATE(2U, 3U, 5U);
  const bool come_back = GENERATE(true, false);
  const std::size_t events = GENERATE(1U, 30U);
  const bool late = GENERATE(false, true);  // so that copies of it are there
  const std::uint64_t seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(nodes, come_back, events, late, seed);
  Cluster cluster({.nodes = nodes, .seed = seed});
  cluster.at_start([&](ClusterNode& node) {
    const auto run = [&cluster, late, index = node.index()](const Delivery& delivery) {
      if (delivery.event.payload() != "bad") return cluster.take(20ms);
      if (late && delivery.attempt == 1) throw std::runtime_error("not yet");
      cluster.kill(index);
    };
    node.keep(node.bus().register_listener(make_listener(run), group_of("index")));
  });
  // The bad one may end its process while the copies of the others are waited for.
  for (std::size_t i = 0; i < events; ++i) {
    static_cast<void>(cluster[i % nodes].bus().dispatch(note(i == events * 2 / 5 ? "bad" : "good")));
  }

  for (int turn = 0; turn < 30; ++turn) {
    cluster.run_for(10s);
    for (std::size_t node = 0; come_back && node < nodes; ++node) cluster.restart(node);
  }
  for (std::size_t node = 0; node < nodes; ++node) cluster.restart(node);
  cluster.run_for(1min);

  CHECK(cluster.count(What::killed) == 2);
  REQUIRE(cluster.dead_letters().size() == 1);
  CHECK(cluster.dead_letters()[0].event.payload() == "bad");
  CHECK(cluster.dead_letters()[0].attempts.back().error.find("crash") != std::string::npos);
}

TEST_CASE("a dead letter of a cluster has all its attempts, and runs again when somebody asks", "[testing]") {
  Cluster cluster({.nodes = 3});
  bool mended = false;
  cluster.at_start([&](ClusterNode& node) {
    node.keep(node.bus().register_listener(make_listener([&](const Delivery&) {
                                             if (!mended) throw std::runtime_error("never");
                                           }),
                                           group_of("index"), {.retry = {.first = 1min, .cap = 1h}}));
  });
  REQUIRE(cluster[0].bus().dispatch(note("one")));
  CHECK(cluster.run_until_quiet(24h));
  const auto letters = cluster.dead_letters();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].attempts.size() == 9);

  mended = true;
  REQUIRE(cluster.redeliver(letters[0].id));
  CHECK(cluster.run_until_quiet(1min));

  CHECK(cluster.count(What::done, "index") == 1);
  CHECK(cluster.dead_letters().empty());
  CHECK(cluster.redeliver(letters[0].id).error().code == ErrorCode::not_found);
}

TEST_CASE("what a cut held back is heard after it is healed", "[testing]") {
  Cluster cluster({.nodes = 2});
  std::vector<std::string> heard;
  cluster[1].keep(cluster[1].bus().register_listener(keeper(heard), key_of("inbox")));

  cluster.cut(0, 1);
  for (const char* text : {"one", "two", "three"}) REQUIRE(cluster[0].bus().dispatch(note(text), key_of("inbox")));
  cluster.run_for(1min);
  CHECK(heard.empty());
  CHECK(cluster[0].members()[1].state == MemberState::dead);
  cluster.heal();
  cluster.run_for(1min);

  CHECK(heard == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("a listener is told of what a killed publisher took with it", "[testing]") {
  Cluster cluster({.nodes = 2});
  std::vector<std::string> heard;
  std::vector<Gap> gaps;
  cluster[1].keep(cluster[1].bus().register_listener(
      make_listener([&](const Event& event) { heard.push_back(event.payload()); },
                    {.gap = [&](const Gap& gap) { gaps.push_back(gap); }}),
      key_of("inbox")));
  REQUIRE(cluster[0].bus().dispatch(note("one"), key_of("inbox")));
  cluster.run_for(1s);

  cluster.cut(0, 1);
  REQUIRE(cluster[0].bus().dispatch(note("two"), key_of("inbox")));
  cluster.kill(0);
  cluster.heal();
  cluster.run_for(10s);
  cluster.restart(0);
  cluster.run_for(10s);
  REQUIRE(cluster[0].bus().dispatch(note("three"), key_of("inbox")));
  cluster.run_for(1s);

  CHECK(heard == std::vector<std::string>{"one", "three"});
  REQUIRE(gaps.size() == 1);
  CHECK(gaps[0].reason == GapReason::life_ended);
  CHECK(gaps[0].from == 2);
}

TEST_CASE("a node that loses its disk is a new member, and what it owed runs elsewhere", "[testing]") {
  Cluster cluster({.nodes = 3});
  const NodeId before = cluster[0].id();
  Counted counted;
  require_everywhere(cluster, 1, group_of("index"));
  REQUIRE(cluster[0].bus().dispatch(note("one")));

  cluster.lose(0);
  counted.run_on_all(cluster, group_of("index"));
  cluster.run_for(10s);
  cluster.restart(0);
  cluster.run_for(10s);

  CHECK(cluster[0].id() != before);
  CHECK(counted.runs == std::map<std::string, unsigned>{{"one", 1}});
}

TEST_CASE("a stopped node leaves its work to others at once, a paused one comes back", "[testing]") {
  Cluster cluster({.nodes = 3});
  Counted counted;
  counted.run_on_all(cluster, group_of("index"));

  cluster.stop(1);
  CHECK_FALSE(cluster[1].running());
  CHECK(cluster[1].bus().dispatch(note("refused")).error().code == ErrorCode::closed);
  CHECK(cluster.count(What::stopped) == 1);
  cluster.pause(2);
  cluster.run_for(5s);
  CHECK(std::ranges::count(cluster[0].members(), MemberState::alive, &Member::state) == 1);
  cluster.resume(2);
  cluster.run_for(10s);
  CHECK(std::ranges::count(cluster[0].members(), MemberState::alive, &Member::state) == 2);

  REQUIRE(cluster[0].bus().dispatch(note("one")));
  CHECK(cluster.run_until_quiet(10s));
  CHECK(counted.runs == std::map<std::string, unsigned>{{"one", 1}});
}

TEST_CASE("both sides of a partition go on, and what was dispatched in either runs once", "[testing]") {
  Cluster cluster({.nodes = 5, .seed = 3});
  Counted counted;
  counted.run_on_all(cluster, group_of("index"));

  cluster.partition({0, 1});
  cluster.run_for(10s);
  REQUIRE(cluster[0].bus().dispatch(note("left")));
  REQUIRE(cluster[4].bus().dispatch(note("right")));
  cluster.run_for(10s);
  CHECK(counted.runs.size() == 2);
  cluster.heal();
  CHECK(cluster.run_until_quiet(1min));

  CHECK(counted.runs == std::map<std::string, unsigned>{{"left", 1}, {"right", 1}});
}

TEST_CASE("listeners of a cluster get the objects that its decoders make", "[testing]") {
  struct Word final : EventBody {
    explicit Word(std::string text) : text(std::move(text)) {}
    [[nodiscard]] Encoded encode(PayloadFormat) const override { return {PayloadFormat::raw, text}; }
    const std::string text;
  };
  unsigned asked = 0;
  const auto read = [&](const Event& event) -> Result<std::shared_ptr<const EventBody>> {
    ++asked;
    return std::make_shared<Word>(event.payload());
  };
  Cluster cluster({.nodes = 2, .decoders = {{"note", read}}});
  std::vector<std::string> heard;
  for (int count = 0; count < 2; ++count) {
    const auto listener = make_listener([&](const Event& event) { heard.push_back(event.as<Word>()->text); });
    cluster[1].keep(cluster[1].bus().register_listener(listener, key_of("inbox")));
  }

  REQUIRE(cluster[0].bus().dispatch({.type = "note", .body = std::make_shared<Word>("one")}, key_of("inbox")));
  cluster.run_for(1s);

  CHECK(heard == std::vector<std::string>{"one", "one"});
  CHECK(asked == 1);
}

TEST_CASE("events of a cluster get the next number, whether somebody wants them or not", "[testing]") {
  const auto mode = GENERATE(Mode::broadcast, Mode::scale_efficient);
  Cluster cluster({.nodes = 2, .mode = mode});
  cluster[1].keep(cluster[1].bus().register_listener(make_listener([](const Event&) {}), key_of("inbox")));
  std::vector<std::uint64_t> numbers;

  for (const char* key : {"other", "inbox", "other", "inbox"})
    numbers.push_back(cluster[0].bus().dispatch(note("one"), key_of(key)).value().seq);

  CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("several buses of a cluster are apart", "[testing]") {
  Cluster cluster({.nodes = 2, .buses = {"mail", "chat"}});
  std::vector<std::string> heard;
  cluster[1].keep(cluster[1].bus("chat").register_listener(keeper(heard), key_of("inbox")));

  REQUIRE(cluster[0].bus("mail").dispatch(note("one"), key_of("inbox")));
  REQUIRE(cluster[0].bus("chat").dispatch(note("two"), key_of("inbox")));
  cluster.run_for(1s);

  CHECK(heard == std::vector<std::string>{"two"});
}

TEST_CASE("the rules of a bus hold in a cluster", "[testing]") {
  Cluster cluster({.nodes = 2, .mode = Mode::scale_efficient});
  EventBus& bus = cluster[0].bus();
  const auto listener = make_listener([](const Event&) {});
  const auto registered = bus.register_listener(listener, group_of("index"));

  CHECK(bus.register_listener(listener, group_of("index")).error().code == ErrorCode::group_already_registered);
  CHECK(bus.register_each_node(listener).error().code == ErrorCode::each_node_refused);
  const auto keyless = bus.register_listener(listener, std::span<const RegistrationKey>());
  CHECK(keyless.error().code == ErrorCode::invalid_argument);
  CHECK(bus.redeliver(group_of("nobody"), note("one")).error().code == ErrorCode::unknown_group);
  CHECK(bus.dispatch(note(std::string(2 << 20, 'x'))).error().code == ErrorCode::event_too_large);
  CHECK(bus.groups() == std::vector{group_of("index")});
  CHECK(cluster.count(What::refused) == 1);
}

TEST_CASE("a node without a directory works again when the others gave it up during a cut", "[testing]") {
  const auto cut = GENERATE(2s, 10s, 90s);
  const auto who = GENERATE(0, 1);
  CAPTURE(cut.count(), who);
  Cluster cluster({.nodes = 3, .seed = 3, .level = Level::memory});
  Counted everywhere;
  everywhere.run_on_all(cluster, group_of("all"));
  std::map<std::string, unsigned> only;
  cluster[2].at_start([&](ClusterNode& node) {
    const auto count = [&](const Event& event) { ++only[event.payload()]; };
    node.keep(node.bus().register_listener(make_listener(count), group_of("only")));
  });
  cluster.run_for(5s);

  cluster.partition({static_cast<std::size_t>(who)});
  cluster.run_for(5s);
  REQUIRE(cluster[who].bus().dispatch(note("during")));
  REQUIRE(cluster[2].bus().dispatch(note("there")));
  cluster.run_for(cut);
  cluster.heal();
  cluster.run_for(20s);
  REQUIRE(cluster[who].bus().dispatch(note("after")));
  REQUIRE(cluster[2].bus().dispatch(note("after there")));

  CHECK(cluster.run_until_quiet(1min));
  CHECK(only == std::map<std::string, unsigned>{{"during", 1}, {"there", 1}, {"after", 1}, {"after there", 1}});
  CHECK(everywhere.runs == only);
}
