#include "bus/mesh_node.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/bus_downlink.hpp"
#include "bus/engine.hpp"
#include "bus/node_core.hpp"
#include "bus/node_options.hpp"
#include "delivery/runner.hpp"
#include "storage/identity.hpp"
#include "transport/endpoint.hpp"

namespace evmesh::bus {

namespace {

/// A member of the mesh: buses above, the engine below. Parts stand in the order in which they are made.
class MeshNode final : public Node {
 public:
  MeshNode(NodeOptions options, std::unique_ptr<storage::Identity> identity)
      : options_(std::move(options)),
        identity_(std::move(identity)),
        core_(options_),
        callbacks_(core_.mark(), {}, core_.log(), core_.counters()) {}

  ~MeshNode() override { end(false); }

  [[nodiscard]] Result<void> start();

  Result<EventBus*> bus(std::string_view name) override {
    return core_.bus(name).map([](Bus* found) -> EventBus* { return found; });
  }
  EventBus& bus() override { return *core_.buses().front(); }
  NodeStatus status() const override;
  std::vector<KeyStatus> keys() const override;
  Result<KeyStatus> explain(std::string_view bus, const RegistrationKey& key) const override;
  GroupWork& group_work() override { return core_.group_work(); }
  MeshWork& mesh_work() override { return core_.mesh_work(); }
  int fd() const override { return core_.fd(); }
  Result<std::size_t> run_once(std::size_t max) override { return core_.run_once(max); }
  Result<void> forget(std::string_view member) override { return engine_->forget(member); }
  void leave() override { end(true); }
  void stop() override { end(false); }

 private:
  [[nodiscard]] Engine::Options engine_options(const transport::Transport& transport);
  [[nodiscard]] CoreOptions core_options(const transport::Transport& transport) const;
  void make_buses();
  [[nodiscard]] bool begin_end();
  void end(bool for_good);
  [[nodiscard]] std::size_t index_of(std::string_view bus) const;

  const NodeOptions options_;
  const std::unique_ptr<storage::Identity> identity_;
  NodeCore core_;
  const delivery::Runner callbacks_;   // for what is not of a bus
  std::deque<BusDownlink> downlinks_;  // never moves its elements
  std::unique_ptr<Engine> engine_;
  std::vector<std::unique_ptr<Uplink>> uplinks_;
  std::string work_endpoint_;
  std::string publish_endpoint_;
  std::mutex ending_;   // leaf; guards the two below
  bool begun_ = false;  // somebody ends the node, or has
  bool ended_ = false;
  std::condition_variable has_ended_;
};

Result<void> MeshNode::start() {
  const wire::Life self{identity_->id(), identity_->epoch()};
  auto transport = transport::Transport::open(
      {options_.listen, options_.advertise, self, options_.event_size_bytes_max, options_.zmq_context});
  if (!transport) return tl::unexpected(transport.error());
  work_endpoint_ = (*transport)->work_endpoint();
  publish_endpoint_ = (*transport)->publish_endpoint();
  std::vector<Downlink*> downlinks;
  for (std::size_t bus = 0; bus < options_.buses.size(); ++bus) {
    downlinks.push_back(&downlinks_.emplace_back(core_.clock()));
  }
  Engine::Options engine = engine_options(**transport);
  engine_ =
      std::make_unique<Engine>(std::move(engine), std::move(*transport), std::move(downlinks), core_.clock());
  const auto failed = [this](const Error& error) { engine_->give_up(error); };
  const auto nudge = [this] { engine_->nudge(); };
  if (auto opened = core_.open_work(*identity_, options_, failed, nudge); !opened) return opened;
  engine_->serve(core_.work());
  make_buses();
  if (auto started = core_.start_operations(engine_.get()); !started) return started;
  core_.answer_questions([this](const AnswerDesk::Asked& asked, Result<std::string> answer) {
    engine_->answer(asked.from, asked.number, std::move(answer));
  });
  return engine_->start();
}

Engine::Options MeshNode::engine_options(const transport::Transport& transport) {
  Engine::Options options;
  options.core = core_options(transport);
  options.notify_wait = options_.notify_wait;
  options.join_timeout = options_.join_timeout;
  options.event_size_bytes_max = options_.event_size_bytes_max;
  options.payload = options_.payload;
  options.log = core_.log();
  if (options_.on_fatal) {
    // It counts as a listener call, so that it may stop the node: what it throws is caught, and it waits for
    // nobody.
    options.on_fatal = [this](const Error& error) {
      callbacks_.call_back("on_fatal", [&] { options_.on_fatal(error); });
    };
  }
  options.on_questions = [this](std::vector<AnswerDesk::Asked> asked) { core_.take_questions(std::move(asked)); };
  options.keep_epoch = [this](std::uint64_t epoch) { return identity_->raise_epoch(epoch); };
  return options;
}

CoreOptions MeshNode::core_options(const transport::Transport& transport) const {
  CoreOptions options;
  const wire::Life self{identity_->id(), identity_->epoch()};
  options.membership.self = self;
  options.membership.name = name_of(options_, identity_->id());
  options.membership.cluster = options_.cluster;
  options.membership.mode = options_.mode;
  options.membership.transient = options_.data_dir.empty();
  options.membership.work_endpoint = transport.advertised_work_endpoint();
  options.membership.publish_endpoint = transport.advertised_publish_endpoint();
  options.membership.buses = options_.buses;
  options.membership.seeds = options_.seeds;
  options.membership.members_max = options_.members_max;
  options.routing.self = self;
  options.routing.mode = options_.mode;
  options.routing.buses = options_.buses;
  options.routing.ring_bytes_max = options_.ring_bytes_max;
  options.routing.window_bytes = options_.window_bytes;
  options.seed = base::SystemRandom().next_u64();
  return options;
}

void MeshNode::make_buses() {
  for (std::size_t index = 0; index < options_.buses.size(); ++index) {
    uplinks_.push_back(engine_->uplink(index));
    BusSettings settings;
    settings.name = options_.buses[index];
    settings.mode = options_.mode;
    settings.delivery = options_.delivery;
    settings.event_size_bytes_max = options_.event_size_bytes_max;
    settings.payload = options_.payload;
    settings.level = level_of(options_);
    settings.execute_groups = options_.execute_group_listeners;
    settings.self = identity_->id();
    settings.epoch = identity_->epoch();
    settings.uplink = uplinks_.back().get();
    core_.add(std::move(settings));
    downlinks_[index].connect(core_.buses().back());
  }
}

/// True for the one that has to end the node; the others come back when that is done. Inside a listener
/// nobody waits: whoever ends the node may wait for that very call.
bool MeshNode::begin_end() {
  std::unique_lock lock(ending_);
  if (!std::exchange(begun_, true)) return true;
  if (!core_.inside_listener()) has_ended_.wait(lock, [this] { return ended_; });
  return false;
}

void MeshNode::end(bool for_good) {
  if (!begin_end()) return;
  if (engine_) {
    const base::MonoTime deadline = core_.drain_deadline();
    core_.leave();
    // Running calls end first, so that what they dispatched still goes out before the goodbye.
    core_.close(deadline);
    core_.part(limits::flush_at_stop);
    engine_->stop(for_good, limits::flush_at_stop);
    core_.stop(deadline);
    for (const auto& bus : core_.buses()) bus->detach();
  }
  const std::lock_guard lock(ending_);
  ended_ = true;
  has_ended_.notify_all();
}

std::size_t MeshNode::index_of(std::string_view bus) const {
  std::size_t index = 0;
  while (options_.buses[index] != bus) ++index;
  return index;
}

NodeStatus MeshNode::status() const {
  NodeStatus status;
  status.id = identity_->id();
  status.name = name_of(options_, identity_->id());
  status.mode = options_.mode;
  status.delivery = options_.delivery;
  status.cluster = options_.cluster;
  status.listen = work_endpoint_;
  status.publish = publish_endpoint_;
  if (!options_.execute_group_listeners) status.notes.emplace_back(front_line_note);
  status.counters = core_.counters().values();
  core_.work().describe_copies(status.counters);
  engine_->describe(status);
  return status;
}

std::vector<KeyStatus> MeshNode::keys() const {
  std::vector<KeyStatus> all = core_.keys();
  for (KeyStatus& key : all) key.peers = engine_->interested(index_of(key.bus), key.key);
  return all;
}

Result<KeyStatus> MeshNode::explain(std::string_view bus, const RegistrationKey& key) const {
  const auto found = core_.bus(bus);
  if (!found) return tl::unexpected(found.error());
  KeyStatus status = (*found)->explain(key);
  status.peers = engine_->interested(index_of(bus), key.to_string());
  if (const auto youngest = (*found)->youngest(key)) {
    status.receipt =
        (*found)->acknowledged(youngest->version, youngest->registered_at, std::chrono::milliseconds{0});
  }
  return status;
}

}  // namespace

Result<void> check_mesh_options(const NodeOptions& options) {
  const auto bad = [](std::string message) { return fail(ErrorCode::invalid_argument, std::move(message)); };
  if (options.listen.empty()) {
    return bad("mode " + std::string(to_string(options.mode)) +
               " needs an endpoint to listen on, for example listen = tcp://127.0.0.1:7520");
  }
  if (auto read = transport::read_addresses(options.listen, options.advertise); !read)
    return tl::unexpected(read.error());
  if (!options.insecure && !transport::is_loopback(options.listen)) {
    return bad(base::quoted(options.listen) +
               " can be reached from other machines, and links are not encrypted yet; "
               "listen on tcp://127.0.0.1:PORT, or say insecure if that network is safe");
  }
  if (auto checked = check_sizes(options); !checked) return checked;
  for (const std::string& seed : options.seeds) {
    if (auto read = transport::parse_dial(seed); !read) return tl::unexpected(read.error());
  }
  return {};
}

Result<std::unique_ptr<Node>> open_mesh(NodeOptions options) {
  if (auto checked = check_options(options); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_mesh_options(options); !checked) return tl::unexpected(checked.error());
  auto identity = open_identity(options);
  if (!identity) return tl::unexpected(identity.error());
  auto node = std::make_unique<MeshNode>(std::move(options), std::move(*identity));
  if (auto started = node->start(); !started) return tl::unexpected(started.error());
  return node;
}

}  // namespace evmesh::bus
