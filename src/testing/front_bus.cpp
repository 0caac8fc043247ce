#include "testing/front_bus.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::testing {

FrontBus::FrontBus(World& world, Host& host, std::size_t bus)
    : world_(world), host_(host), bus_(bus), letters_(host, world.options.buses[bus]) {}

const std::string& FrontBus::name() const { return world_.options.buses[bus_]; }

Result<std::shared_ptr<Process>> FrontBus::process() const {
  if (host_.process) return host_.process;
  return fail(ErrorCode::closed, "node " + host_.name + " does not run");
}

Result<Registration> FrontBus::register_listener(std::shared_ptr<Listener> listener,
                                                 std::span<const RegistrationKey> keys, RegisterOptions options) {
  if (keys.empty()) {
    return fail(ErrorCode::invalid_argument, "no key to register under; give one, or use register_each_node");
  }
  auto place = std::make_shared<Place>();
  place->listener = std::move(listener);
  place->keys.assign(keys.begin(), keys.end());
  std::ranges::sort(place->keys);
  const auto duplicates = std::ranges::unique(place->keys);
  place->keys.erase(duplicates.begin(), duplicates.end());
  return enrol(std::move(place), options);
}

Result<Registration> FrontBus::register_each_node(std::shared_ptr<Listener> listener, RegisterOptions options) {
  if (!world_.mono && world_.options.mode == Mode::scale_efficient) {
    return fail(ErrorCode::each_node_refused,
                "each-node listeners need mode mono or broadcast and this node is scale-efficient; register keys, "
                "or start it in broadcast mode");
  }
  auto place = std::make_shared<Place>();
  place->listener = std::move(listener);
  place->each_node = true;
  return enrol(std::move(place), options);
}

Result<Registration> FrontBus::enrol(std::shared_ptr<Place> place, const RegisterOptions& options) {
  place->bus = bus_;
  place->serial = options.serial;
  return process().and_then([&](const auto& process) { return process->add(std::move(place), options); });
}

Result<Registration> FrontBus::register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                                 GroupOptions options) {
  const auto run = std::make_shared<GroupRun>(
      GroupRun{.bus = bus_, .group = group, .listener = std::move(listener), .options = options});
  return process().and_then([&](const auto& process) { return process->add(run); });
}

Result<Receipt> FrontBus::dispatch(const Event& event, std::span<const RegistrationKey> keys) {
  const KeyedEvent keyed{event, {keys.begin(), keys.end()}};
  return process().and_then([&](const auto& process) { return process->dispatch(bus_, {&keyed, 1}); });
}

Result<Receipt> FrontBus::dispatch(std::span<const KeyedEvent> batch) {
  return process().and_then([&](const auto& process) { return process->dispatch(bus_, batch); });
}

Result<void> FrontBus::dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                      std::function<void(Result<Receipt>)> done) {
  return process().and_then([&](const auto& process) {
    return process->dispatch_async(bus_, {std::move(event), std::move(keys)}, std::move(done));
  });
}

SeenBy FrontBus::wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) {
  const auto process = this->process();
  return process ? (*process)->wait_seen(bus_, receipt, timeout) : SeenBy{};
}

Result<void> FrontBus::redeliver(const Group& group, const Event& event) {
  return process().and_then([&](const auto& process) { return process->redeliver(bus_, group, event); });
}

std::vector<Group> FrontBus::groups() const {
  const auto process = this->process();
  return process ? (*process)->groups(bus_) : std::vector<Group>();
}

void FrontBus::close() {
  if (const auto process = this->process()) (*process)->close(bus_);
}

Result<void> FrontBus::drain(std::chrono::milliseconds timeout) {
  const auto process = this->process();
  return process ? (*process)->drain(bus_, timeout) : Result<void>();
}

void FrontBus::stop() {
  const auto process = this->process();
  if (!process) return;
  (*process)->close(bus_);
  static_cast<void>((*process)->drain(bus_, limits::drain));
  (*process)->release(bus_);
}

}  // namespace evmesh::testing
