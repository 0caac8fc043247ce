#include "bus/mesh_core.hpp"

#include <deque>
#include <map>

#include <catch2/catch.hpp>

#include "wire/event_codec.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime start_time{std::chrono::hours{1}};

Life life(unsigned number) {
  NodeId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return {id, 1'000};
}

std::string endpoint(unsigned number, const std::string& port) { return "tcp://n" + std::to_string(number) + ":" + port; }

/// Every node listens on key "Key:a" with listener 7.
class OneListener final : public routing::ListenerLookup {
 public:
  void match(std::size_t, std::span<const std::string_view> keys, std::vector<routing::Match>& out) const override {
    if (std::ranges::find(keys, "Key:a") != keys.end()) out.push_back({7, 0, 0});
  }
  void everyone(std::size_t, std::vector<routing::Match>& out) const override { out.push_back({7, 0, std::nullopt}); }
};

class Plenty final : public LinkRoom {
 public:
  [[nodiscard]] std::uint64_t room_bytes(LinkId, wire::Class) const override { return 1 << 20; }
};

wire::Buffer buffer(const std::string& bytes) {
  const auto owner = std::make_shared<const std::string>(bytes);
  return {owner, *owner};
}

/// Nodes 1 and 2, of which the second has the first as its seed, joined by links that lose nothing and take no time.
class Pair {
 public:
  explicit Pair(Mode mode = Mode::scale_efficient) {
    for (const unsigned number : {1U, 2U}) cores_.emplace(number, std::make_unique<MeshCore>(options(number, mode), lookup_));
    for (auto& [number, core] : cores_) {
      CoreActions actions;
      core->start(now_, actions);
      perform(number, std::move(actions));
    }
  }

  MeshCore& core(unsigned number) { return *cores_.at(number); }

  void run(std::chrono::milliseconds time) {
    for (const MonoTime end = now_ + time; now_ < end; now_ += 10ms) {
      for (auto& [number, core] : cores_) {
        CoreActions actions;
        if (core->next_deadline() <= now_) core->tick(now_, actions);
        core->pump(now_, Plenty{}, actions);
        perform(number, std::move(actions));
      }
    }
  }
  void publish(unsigned number) {
    EventFields fields;
    fields.id.bytes[0] = 1;
    fields.type = "Made";
    std::string bytes;
    const std::vector keys{*RegistrationKey::parse("Key:a")};
    wire::encode_event(Event(std::move(fields)), keys, PayloadFormat::raw, bytes);
    const std::vector hashes{wire::interest_hash("bus", "Key:a")};
    core(number).accept(now_, 0, {std::move(bytes), hashes, core(number).match(0, hashes)});
  }
  void goodbye(unsigned number) {
    CoreActions actions;
    core(number).goodbye(now_, false, actions);
    perform(number, std::move(actions));
  }
  void follow(unsigned publisher, unsigned follower) {
    CoreActions actions;
    core(publisher).on_follower(now_, life(follower), true, actions);
    perform(publisher, std::move(actions));
  }
  [[nodiscard]] MonoTime now() const { return now_; }

  std::map<unsigned, std::vector<std::uint64_t>> delivered;  // numbers, by node
  std::size_t published = 0;                                 // frames on notification sockets

 private:
  static CoreOptions options(unsigned number, Mode mode) {
    CoreOptions options;
    options.seed = number;
    options.membership.self = life(number);
    options.membership.name = "n" + std::to_string(number);
    options.membership.cluster = "test";
    options.membership.mode = mode;
    options.membership.work_endpoint = endpoint(number, "1");
    options.membership.publish_endpoint = endpoint(number, "2");
    options.membership.buses = {"bus"};
    if (number == 2) options.membership.seeds = {endpoint(1, "1")};
    options.routing.self = life(number);
    options.routing.mode = mode;
    options.routing.buses = {"bus"};
    return options;
  }

  /// Does all that follows, in the order in which it was asked for.
  void perform(unsigned number, CoreActions actions) {
    for (CoreAction& action : actions) to_do_.emplace_back(number, std::move(action));
    if (std::exchange(performing_, true)) return;
    for (; !to_do_.empty(); to_do_.pop_front()) {
      const auto [host, next] = to_do_.front();
      do_now(host, next);
    }
    performing_ = false;
  }

  void do_now(unsigned number, const CoreAction& action) {
    CoreActions answers;
    if (const auto* dial = std::get_if<membership::Dial>(&action)) {
      links_[{number, dial->link}] = dial->endpoint == endpoint(1, "1") ? 1 : 2;
    } else if (const auto* send = std::get_if<SendOnLink>(&action)) {
      const unsigned to = links_.at({number, send->link});
      const ConnectionId name = std::to_string(number) + "/" + std::to_string(send->link);
      core(to).on_router(now_, name, buffer(send->bytes), answers);
      perform(to, std::move(answers));
    } else if (const auto* answer = std::get_if<AnswerOn>(&action)) {
      const auto to = static_cast<unsigned>(std::stoul(answer->connection));
      const auto link = static_cast<LinkId>(std::stoul(answer->connection.substr(2)));
      core(to).on_answer(now_, link, buffer(answer->bytes), answers);
      perform(to, std::move(answers));
    } else if (const auto* frame = std::get_if<routing::PublishFrame>(&action)) {
      ++published;
      core(3 - number).on_published(now_, buffer(frame->bytes), answers);
      perform(3 - number, std::move(answers));
    } else if (const auto* deliver = std::get_if<routing::Deliver>(&action)) {
      for (const auto& item : deliver->items) delivered[number].push_back(deliver->arrivals->events()[item.event].seq);
    }
  }

  OneListener lookup_;
  MonoTime now_ = start_time;
  std::map<unsigned, std::unique_ptr<MeshCore>> cores_;
  std::map<std::pair<unsigned, LinkId>, unsigned> links_;  // where they lead
  std::deque<std::pair<unsigned, CoreAction>> to_do_;
  bool performing_ = false;
};

/// Node 1 as node 2 sees it.
Member first_of(Pair& pair) {
  for (Member& member : pair.core(2).members(pair.now())) {
    if (!member.self) return std::move(member);
  }
  return {};
}

}  // namespace

TEST_CASE("two cores join by one seed", "[bus]") {
  Pair pair;

  pair.run(2s);

  CHECK(pair.core(1).joined());
  CHECK(pair.core(2).joined());
  CHECK(pair.core(2).awaited().empty());
  CHECK(first_of(pair).name == "n1");
  CHECK(first_of(pair).state == MemberState::alive);
  CHECK(pair.core(2).name_of(life(1).id) == "n1");
}

TEST_CASE("waiting for the others to join can be given up", "[bus]") {
  Pair pair;

  pair.core(2).stop_waiting();

  CHECK(pair.core(2).joined());
}

TEST_CASE("an event reaches the node that wants it, over the link", "[bus]") {
  Pair pair;
  const std::vector keys{*RegistrationKey::parse("Key:a")};
  pair.core(2).change_interest(0, keys, {}, std::nullopt);
  pair.run(2s);

  pair.publish(1);
  pair.run(100ms);

  CHECK(pair.delivered[2] == std::vector<std::uint64_t>{1});
  CHECK(pair.delivered[1].empty());
  CHECK(pair.published == 0);
}

TEST_CASE("who follows a broadcast publisher gets its events from the socket, also when it followed before it was a member", "[bus]") {
  Pair pair(Mode::broadcast);
  pair.follow(1, 2);
  pair.run(2s);

  pair.publish(1);
  pair.run(20ms);

  CHECK(pair.delivered[2] == std::vector<std::uint64_t>{1});
  CHECK(pair.published == 1);
}

TEST_CASE("a goodbye takes the member away at once", "[bus]") {
  Pair pair;
  pair.run(2s);

  pair.goodbye(1);

  CHECK(first_of(pair).state == MemberState::dead);
  CHECK(first_of(pair).reason == "stopped");
}

TEST_CASE("frames that cannot be read are counted by reason", "[bus]") {
  Pair pair;
  CoreActions actions;

  pair.core(1).on_router(pair.now(), "2/1", buffer("x"), actions);
  pair.core(1).on_answer(pair.now(), 1, buffer("x"), actions);
  pair.core(1).on_published(pair.now(), buffer("x"), actions);

  CHECK(actions.empty());
  CHECK(pair.core(1).counters().at("evmesh_frames_dropped_total{reason=\"truncated\"}") == 3);
}
