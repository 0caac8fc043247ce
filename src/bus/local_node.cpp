#include "bus/local_node.hpp"

#include <utility>

#include "base/text.hpp"
#include "bus/node_core.hpp"
#include "bus/node_options.hpp"
#include "storage/identity.hpp"

namespace evmesh::bus {
namespace {

class LocalNode final : public Node {
 public:
  LocalNode(NodeOptions options, std::unique_ptr<storage::Identity> identity)
      : options_(std::move(options)), identity_(std::move(identity)), core_(options_) {
    for (const std::string& name : options_.buses) {
      BusSettings settings;
      settings.name = name;
      settings.delivery = options_.delivery;
      settings.event_size_bytes_max = options_.event_size_bytes_max;
      core_.add(std::move(settings));
    }
  }

  ~LocalNode() override { core_.stop(); }

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
    status.counters = core_.counters().values();
    return status;
  }

  std::vector<KeyStatus> keys() const override { return core_.keys(); }

  Result<KeyStatus> explain(std::string_view bus, const RegistrationKey& key) const override {
    return core_.bus(bus).map([&](const Bus* found) { return found->explain(key); });
  }

  Result<void> forget(std::string_view member) override {
    return fail(ErrorCode::unknown_member,
                "no member is called " + base::quoted(member) + ": a node in mode mono has no members");
  }

  void leave() override { stop(); }
  void stop() override { core_.stop(); }

 private:
  const NodeOptions options_;
  const std::unique_ptr<storage::Identity> identity_;
  NodeCore core_;
};

}  // namespace

Result<std::unique_ptr<Node>> open_mono(NodeOptions options) {
  if (auto checked = check_options(options); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_mono_options(options); !checked) return tl::unexpected(checked.error());
  auto identity = open_identity(options);
  if (!identity) return tl::unexpected(std::move(identity.error()));
  return std::make_unique<LocalNode>(std::move(options), std::move(*identity));
}

}  // namespace evmesh::bus
