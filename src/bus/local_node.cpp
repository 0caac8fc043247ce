#include "bus/local_node.hpp"

#include <thread>
#include <utility>

#include "base/log_sink.hpp"
#include "base/text.hpp"
#include "bus/node_core.hpp"
#include "bus/node_options.hpp"
#include "delivery/runner.hpp"
#include "storage/identity.hpp"

namespace evmesh::bus {
namespace {

class LocalNode final : public Node {
 public:
  LocalNode(NodeOptions options, std::unique_ptr<storage::Identity> identity)
      : options_(std::move(options)),
        identity_(std::move(identity)),
        core_(options_),
        callbacks_(core_.mark(), {}, core_.log(), core_.counters()) {}

  [[nodiscard]] Result<void> start() {
    auto opened = core_.open_work(*identity_, options_, [this](const Error& error) { tell_fatal(error); });
    if (!opened) return opened;
    for (const std::string& name : options_.buses) {
      BusSettings settings;
      settings.name = name;
      settings.delivery = options_.delivery;
      settings.event_size_bytes_max = options_.event_size_bytes_max;
      settings.self = identity_->id();
      settings.epoch = identity_->epoch();
      settings.level = level_of(options_);
      settings.execute_groups = options_.execute_group_listeners;
      core_.add(std::move(settings));
    }
    return core_.start_operations();
  }

  ~LocalNode() override {
    core_.stop();
    if (fatal_thread_.joinable()) fatal_thread_.join();
  }

  Result<EventBus*> bus(std::string_view name) override {
    return core_.bus(name).map([](Bus* found) -> EventBus* { return found; });
  }

  EventBus& bus() override { return *core_.buses().front(); }

  NodeStatus status() const override {
    NodeStatus status;
    status.id = identity_->id();
    status.name = name_of(options_, identity_->id());
    status.epoch = identity_->epoch();
    status.mode = Mode::mono;
    status.delivery = options_.delivery;
    for (const auto& bus : core_.buses()) status.heads.emplace(bus->name(), 0);
    if (!options_.execute_group_listeners) status.notes.emplace_back(front_line_note);
    status.counters = core_.counters().values();
    if (const auto failure = core_.work().failure()) {
      status.failed = true;
      status.failure = failure->message;
    }
    return status;
  }

  std::vector<KeyStatus> keys() const override { return core_.keys(); }

  Result<KeyStatus> explain(std::string_view bus, const RegistrationKey& key) const override {
    return core_.bus(bus).map([&](const Bus* found) { return found->explain(key); });
  }

  GroupWork& group_work() override { return core_.group_work(); }
  MeshWork& mesh_work() override { return core_.mesh_work(); }
  int fd() const override { return core_.fd(); }
  Result<std::size_t> run_once(std::size_t max) override { return core_.run_once(max); }

  Result<void> forget(std::string_view member) override {
    return fail(ErrorCode::unknown_member,
                "no member is called " + base::quoted(member) + ": a node in mode mono has no members");
  }

  void leave() override { stop(); }
  void stop() override { core_.stop(); }

 private:
  /// On a thread of its own, because it may stop the node; once, because a journal fails once.
  void tell_fatal(const Error& error) {
    base::log(core_.log(), LogLevel::error, "node_failed", {{"reason", error.message}});
    if (!options_.on_fatal) return;
    fatal_thread_ = std::thread([this, error] {
      callbacks_.call_back("on_fatal", [&] { options_.on_fatal({ErrorCode::node_failed, error.message}); });
    });
  }

  const NodeOptions options_;
  const std::unique_ptr<storage::Identity> identity_;
  NodeCore core_;
  const delivery::Runner callbacks_;  // for what is not of a bus
  std::thread fatal_thread_;
};

}  // namespace

Result<std::unique_ptr<Node>> open_mono(NodeOptions options) {
  if (auto checked = check_options(options); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_mono_options(options); !checked) return tl::unexpected(checked.error());
  auto identity = open_identity(options);
  if (!identity) return tl::unexpected(std::move(identity.error()));
  auto node = std::make_unique<LocalNode>(std::move(options), std::move(*identity));
  if (auto started = node->start(); !started) return tl::unexpected(std::move(started.error()));
  return node;
}

}  // namespace evmesh::bus
