#include "bus/bus.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace evmesh::bus {

std::shared_ptr<Bus> Bus::create(const NodeServices& services, BusSettings settings) {
  return std::make_shared<Bus>(services, std::move(settings));
}

Bus::Bus(const NodeServices& services, BusSettings settings)
    : services_(services),
      settings_(std::move(settings)),
      runner_(services.mark, settings_.name, services.log, services.counters),
      dead_letters_({}, services.counters),
      dispatched_(services.counters.named("evmesh_events_dispatched_total")),
      noops_(services.counters.named("evmesh_events_noop_total")),
      refused_(services.counters.named("evmesh_dispatches_refused_total")),
      busy_(services.counters.named("evmesh_dispatches_busy_total")),
      gaps_(services.counters.named("evmesh_gaps_total")),
      registry_(settings_.keys_max),
      groups_(std::make_shared<const Groups>()) {}

Bus::~Bus() { stop(); }

SeenBy Bus::wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) {
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  SeenBy seen = settings_.uplink->wait_seen(receipt.seq, timeout);
  uplink_gate_.leave();
  return seen;
}

RegistrationReceipt Bus::acknowledged(std::uint64_t version, std::chrono::milliseconds timeout) {
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  RegistrationReceipt receipt = settings_.uplink->acknowledged(version, timeout);
  uplink_gate_.leave();
  return receipt;
}

std::vector<KeyStatus> Bus::keys() const {
  std::vector<RegistrationKey> keys;
  {
    const std::shared_lock lock(mutex_);
    keys = registry_.keys();
  }
  std::vector<KeyStatus> all;
  all.reserve(keys.size());
  for (const RegistrationKey& key : keys) {
    KeyStatus status = explain(key);
    if (status.listeners > 0) all.push_back(std::move(status));
  }
  return all;
}

KeyStatus Bus::explain(const RegistrationKey& key) const {
  KeyStatus status;
  status.bus = settings_.name;
  status.key = key.to_string();
  const std::array keys{key};
  std::pmr::vector<registry::Match> matches;
  const std::shared_lock lock(mutex_);
  registry_.match(std::span<const RegistrationKey>(keys), matches);
  status.listeners = static_cast<std::uint32_t>(matches.size());
  for (const registry::Match& match : matches) {
    status.listener_names.push_back(strands_.at(match.listener)->name());
  }
  const auto entries = registry_.entries(key);
  if (!entries.empty()) status.since = entries.front().since;
  return status;
}

std::uint64_t Bus::youngest_version(const RegistrationKey& key) const {
  const std::shared_lock lock(mutex_);
  std::uint64_t youngest = 0;
  for (const registry::Entry& entry : registry_.entries(key)) youngest = std::max(youngest, entry.version);
  return youngest;
}

std::uint64_t Bus::key_count() const {
  const std::shared_lock lock(mutex_);
  return registry_.key_count();
}

}  // namespace evmesh::bus
