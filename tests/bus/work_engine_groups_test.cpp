#include <variant>

#include "bus/durable_support.hpp"
#include "bus/required_state.hpp"
#include "bus/work_engine.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

wire::Life peer(std::uint8_t number) {
  wire::Life life;
  life.id.bytes.fill(number);
  life.epoch = 3;
  return life;
}

wire::GroupEntry entry_of(const std::string& group, std::uint64_t version = 1) {
  wire::GroupEntry entry;
  entry.bus = "events";
  entry.group = group;
  entry.version = version;
  entry.writer = peer(9).id;
  return entry;
}

class Wide final : public work::Room {
  std::uint64_t room_bytes(const wire::Life&, wire::Class) const override { return limits::mib; }
};

/// A work engine in a mesh whose other nodes are played by the test.
struct MeshMember {
  explicit MeshMember(const std::filesystem::path& directory = {}) {
    WorkEngine::Settings settings;
    settings.self.bytes.fill(7);
    settings.epoch = 5;
    settings.directory = directory;
    settings.reserve_bytes = small_reserve;
    host.work->stop();
    host.work = must(WorkEngine::open(
        {host.clock, host.timers, host.counters, host.services().log, {}, [] {}}, std::move(settings)));
    bus = Bus::create(host.services(), {});
  }
  ~MeshMember() {
    bus->stop(host.clock.now());
    host.work->stop();
    host.timers.stop();
    host.pool.stop();
  }
  MeshMember(const MeshMember&) = delete;
  MeshMember& operator=(const MeshMember&) = delete;

  WorkEngine& engine() { return *host.work; }

  void hear(const wire::Life& from, wire::Body body) {
    wire::Frame frame;
    frame.body = std::move(body);
    engine().on_frame(from, frame, {});
  }

  /// What is to be sent, of one kind.
  template <class Body>
  std::vector<Body> said() {
    work::Frames frames;
    static_cast<void>(engine().pump(Wide(), frames));
    for (const work::SendFrame& frame : frames) {
      auto decoded = wire::decode(frame.bytes);
      REQUIRE(decoded);
      heard.push_back(std::move(decoded->body));
    }
    std::vector<Body> found;
    for (const wire::Body& body : heard) {
      if (const auto* one = std::get_if<Body>(&body)) found.push_back(*one);
    }
    return found;
  }
  /// Of the headers of all that is to be sent.
  std::vector<std::uint64_t> epochs_said() {
    work::Frames frames;
    static_cast<void>(engine().pump(Wide(), frames));
    std::vector<std::uint64_t> epochs;
    for (const work::SendFrame& frame : frames) {
      const auto decoded = wire::decode(frame.bytes);
      REQUIRE(decoded);
      epochs.push_back(decoded->header.from_epoch);
    }
    return epochs;
  }
  [[nodiscard]] bool requires_group(const std::string& name) {
    const auto places = bus->group_places();
    return std::ranges::find(places, group(name), &Bus::GroupPlace::group) != places.end();
  }

  Host host;
  std::shared_ptr<Bus> bus;
  std::vector<wire::Body> heard;
};

}  // namespace

TEST_CASE("the receipt of a group names the members that have not acknowledged it", "[bus][work_engine_groups]") {
  MeshMember node;
  node.engine().member_up(peer(2), "b", false);
  node.engine().member_up(peer(3), "c", false);
  must(node.engine().change_group("events", group("g"), [](wire::GroupEntry&) {}));
  const auto told = node.said<wire::Groups>();
  REQUIRE(told.size() == 2);

  node.host.clock.advance(7ms);
  node.hear(peer(2), wire::GroupsAck{told[0].request});
  const auto receipt =
      node.engine().group_receipt("events", group("g"), node.host.clock.now() - 10ms, 0ms);

  CHECK_FALSE(receipt.complete());
  CHECK(receipt.missing == std::vector<std::string>{"c"});
  REQUIRE(receipt.acknowledged.size() == 1);
  CHECK(receipt.acknowledged[0] == PeerAcknowledgement{peer(2).id, "b", 0});
  CHECK(receipt.elapsed == 10ms);
}

TEST_CASE("a receipt is waited for until the last member acknowledges", "[bus][work_engine_groups]") {
  MeshMember node;
  node.engine().member_up(peer(2), "b", false);
  must(node.engine().change_group("events", group("g"), [](wire::GroupEntry&) {}));
  const auto told = node.said<wire::Groups>();
  REQUIRE(told.size() == 1);

  std::thread acknowledging([&] { node.hear(peer(2), wire::GroupsAck{told[0].request}); });
  const auto receipt = node.engine().group_receipt("events", group("g"), node.host.clock.now(), patience);
  acknowledging.join();

  CHECK(receipt.complete());
  CHECK(receipt.acknowledged.size() == 1);
}

TEST_CASE("a node that goes on as a later life says and owes what it does under that epoch", "[bus][work_engine_groups]") {
  MeshMember node;
  must(node.engine().change_group("events", group("g"), [](wire::GroupEntry&) {}));

  node.engine().raise_epoch(9);
  node.engine().member_up(peer(2), "b", false);

  const auto epochs = node.epochs_said();
  CHECK_FALSE(epochs.empty());
  CHECK(std::ranges::all_of(epochs, [](std::uint64_t epoch) { return epoch == 9; }));
  const auto receipt = must(node.bus->dispatch(sample("owed"), {}));
  CHECK(receipt.dispatch.epoch == 9);
}

TEST_CASE("a member that is down is not waited for", "[bus][work_engine_groups]") {
  MeshMember node;
  node.engine().member_up(peer(2), "b", false);
  must(node.engine().change_group("events", group("g"), [](wire::GroupEntry&) {}));

  node.engine().member_down(peer(2));

  CHECK(node.engine().group_receipt("events", group("g"), node.host.clock.now(), patience).complete());
}

TEST_CASE("a group of another node is acknowledged when it is on the disk and owed to",
          "[bus][work_engine_groups]") {
  const TempDir dir{support::memory_disk()};
  MeshMember node(dir.path());
  node.engine().member_up(peer(2), "b", false);

  node.hear(peer(2), wire::Groups{41, {entry_of("g")}});

  REQUIRE(eventually(patience, [&] { return !node.said<wire::GroupsAck>().empty(); }));
  CHECK(node.said<wire::GroupsAck>() == std::vector<wire::GroupsAck>{{41}});
  CHECK(node.requires_group("g"));
  const auto documents = must(node.engine().letters().documents("required-group"));
  REQUIRE(documents.contains("events/g"));
  CHECK(read_required("events/g", documents.at("events/g"), {}) == entry_of("g"));
}

TEST_CASE("a group of a bus that this node does not have is kept for others", "[bus][work_engine_groups]") {
  const TempDir dir{support::memory_disk()};
  MeshMember node(dir.path());
  node.engine().member_up(peer(2), "b", false);
  wire::GroupEntry elsewhere = entry_of("g");
  elsewhere.bus = "jmap";

  node.hear(peer(2), wire::Groups{41, {elsewhere}});

  REQUIRE(eventually(patience, [&] { return !node.said<wire::GroupsAck>().empty(); }));
  CHECK_FALSE(node.requires_group("g"));
  CHECK(must(node.engine().letters().documents("required-group")).contains("jmap/g"));
}

TEST_CASE("a removed group is remembered in a mesh, and forgotten outside", "[bus][work_engine_groups]") {
  const TempDir dir{support::memory_disk()};
  const TempDir other{support::memory_disk()};
  {
    MeshMember node(dir.path());
    must(node.engine().change_group("events", group("g"), [](wire::GroupEntry&) {}));
    must(node.engine().change_group("events", group("g"), [](wire::GroupEntry& entry) { entry.present = false; }));

    CHECK_FALSE(node.requires_group("g"));
    CHECK(must(node.engine().letters().documents("required-group")).contains("events/g"));
  }
  MeshMember again(dir.path());
  CHECK_FALSE(again.requires_group("g"));

  bus::test::Life alone(other.path());
  must(alone.host.work->change_group("events", group("g"), [](wire::GroupEntry&) {}));
  must(alone.host.work->change_group("events", group("g"), [](wire::GroupEntry& entry) { entry.present = false; }));
  CHECK(must(alone.host.work->letters().documents("required-group")).empty());
}

TEST_CASE("a group has its policy before anybody registers it again", "[bus][work_engine_groups]") {
  const TempDir dir{support::memory_disk()};
  GroupOptions options;
  options.backlog_max = 1;
  options.refuse_at_backlog = true;
  {
    bus::test::Life life(dir.path());
    static_cast<void>(must(life.bus->register_listener(make_listener([](const Delivery&) {}), group("g"), options)));
  }

  bus::test::Life next(dir.path());
  must(next.bus->dispatch(sample()));

  CHECK(code(next.bus->dispatch(sample())) == ErrorCode::back_pressure);
}

TEST_CASE("a group too many is refused when it is registered", "[bus][work_engine_groups]") {
  MeshMember node;
  for (int number = 0; number < 1'024; ++number) {
    must(node.engine().change_group("events", group("g" + std::to_string(number)), [](wire::GroupEntry&) {}));
  }

  const auto refused = node.bus->register_listener(make_listener([](const Delivery&) {}), group("one-more"));

  CHECK(code(refused) == ErrorCode::too_many_registrations);
  CHECK_FALSE(node.requires_group("one-more"));
  CHECK(node.bus->groups().empty());
}
