#include "bus/engine.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

constexpr std::uint64_t window = 65'536;

/// A bus with one each-node listener that counts; `busy` makes it one that has not caught up.
class Door final : public Downlink {
 public:
  std::atomic<std::uint64_t> events{0};
  std::atomic<bool> busy{false};

  void match(std::span<const std::string_view>, std::vector<routing::Match>& out) const override {
    out.push_back({1, 0, std::nullopt, 1});
  }
  void everyone(std::vector<routing::Match>& out) const override { out.push_back({1, 0, std::nullopt, 1}); }
  void deliver(const routing::Deliver& what) override { events += what.items.size(); }
  void deliver_gap(routing::ListenerHandle, const Gap&) override {}
  [[nodiscard]] bool crowded() const override { return busy; }
};

/// A broadcast node of one bus, in touch with its seed when it is open.
struct Station {
  base::SystemClock clock;
  Door door;
  std::string endpoint;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Uplink> uplink;

  explicit Station(std::uint8_t number, std::vector<std::string> seeds = {}, std::chrono::milliseconds notify_wait = 100ms) {
    Engine::Options options;
    wire::Life self{{}, 1'000};
    self.id.bytes.fill(number);
    auto transport = must(transport::Transport::open({"tcp://127.0.0.1:0", {}, self, 1 << 20, nullptr}));
    endpoint = transport->work_endpoint();
    auto& membership = options.core.membership;
    membership.self = self;
    membership.name = "n" + std::to_string(number);
    membership.cluster = "engine";
    membership.work_endpoint = endpoint;
    membership.publish_endpoint = transport->publish_endpoint();
    membership.buses = {"bus"};
    membership.seeds = std::move(seeds);
    options.core.routing.self = self;
    options.core.routing.buses = {"bus"};
    options.core.routing.window_bytes = window;
    options.core.seed = number;
    options.notify_wait = notify_wait;
    options.join_timeout = patience;
    engine = std::make_unique<Engine>(std::move(options), std::move(transport), std::vector<Downlink*>{&door}, clock);
    must(engine->start());
    uplink = engine->uplink(0);
  }

  [[nodiscard]] NodeStatus status() const {
    NodeStatus status;
    engine->describe(status);
    return status;
  }
  [[nodiscard]] std::uint64_t counter(const std::string& name) const { return status().counters[name]; }
  [[nodiscard]] Result<Uplink::Published> publish(std::size_t bytes = 10, bool inside_listener = false) {
    const Event event = sample(std::string(bytes, 'x'));
    const std::vector keys{key("Key:1")};
    const Uplink::Outgoing outgoing{&event, keys};
    return uplink->publish({&outgoing, 1}, inside_listener, {});
  }
  /// Its subscription to the other's notification socket stands.
  [[nodiscard]] bool published_to() const {
    const auto members = status().members;
    return std::ranges::any_of(members, [](const Member& member) { return member.pub_connected; });
  }
};

/// `to` has come into the stream of `from` and reports: what is dispatched now counts for its window.
bool follows(Station& from, const Station& to) {
  if (!support::eventually(patience, [&] { return from.published_to(); })) return false;
  must(from.publish());
  return support::eventually(patience, [&] { return to.door.events == 1; });
}

/// Dispatches to a peer that reports nothing until one is refused for the window. On a busy machine the peer may be left behind
/// before that, and nothing refused.
void fill(Station& from, bool inside_listener) {
  for (int tries = 0; tries < 50; ++tries) {
    const auto published = from.publish(10'000, inside_listener);
    if (published) continue;
    CHECK(published.error().code == ErrorCode::back_pressure);
    return;
  }
}

bool left_behind(const Station& station) {
  const auto outbound = station.status().outbound;
  return outbound.size() == 1 && !outbound.front().in_step;
}

}  // namespace

TEST_CASE("an idle node's event has left when publish returns", "[bus][engine]") {
  Station a(1);
  Station b(2, {a.endpoint});
  REQUIRE(support::eventually(patience, [&] { return a.published_to(); }));
  const auto frames = [&] { return a.counter("evmesh_transport_frames_published_total"); };

  // Whether the engine rests is up to the machine, so it need not be every time; were it left to the engine's thread, it would
  // hardly ever be.
  int at_once = 0;
  for (int round = 0; round < 200; ++round) {
    REQUIRE(support::eventually(patience, [&] { return b.door.events == static_cast<std::uint64_t>(round); }));
    const std::uint64_t before = frames();
    must(a.publish());
    at_once += frames() > before ? 1 : 0;
  }

  CHECK(at_once >= 100);
}

TEST_CASE("a peer that shuts the window is left behind though no dispatch waits for it", "[bus][engine]") {
  Station a(1, {}, 0ms);
  Station b(2, {a.endpoint});
  REQUIRE(follows(a, b));
  b.door.busy = true;

  fill(a, false);

  CHECK(support::eventually(patience, [&] { return left_behind(a); }));
  CHECK(a.publish().has_value());
}

TEST_CASE("a peer is left behind though every dispatch comes from inside a listener", "[bus][engine]") {
  Station a(1);
  Station b(2, {a.endpoint});
  REQUIRE(follows(a, b));
  b.door.busy = true;

  fill(a, true);

  CHECK(support::eventually(patience, [&] { return left_behind(a); }));
  CHECK(a.publish(10, true).has_value());
}

TEST_CASE("a peer that is left behind and reports again is in step again", "[bus][engine]") {
  Station a(1, {}, 0ms);
  Station b(2, {a.endpoint});
  REQUIRE(follows(a, b));
  b.door.busy = true;
  fill(a, false);
  REQUIRE(support::eventually(patience, [&] { return left_behind(a); }));

  b.door.busy = false;

  CHECK(support::eventually(patience, [&] { return !left_behind(a); }));
  CHECK(b.door.events > 1);
}
