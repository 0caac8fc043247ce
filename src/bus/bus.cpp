#include "bus/bus.hpp"

#include <array>
#include <utility>

namespace evmesh::bus {

namespace {

delivery::Runner::Complete completing(const NodeServices& services) {
  if (services.decoders == nullptr) return {};
  return [decoders = services.decoders](Event event) { return decoders->decoded(std::move(event)); };
}

}  // namespace

std::shared_ptr<Bus> Bus::create(const NodeServices& services, BusSettings settings) {
  auto bus = std::make_shared<Bus>(services, std::move(settings));
  services.work.watch_groups(bus->name(), bus);
  return bus;
}

Bus::Bus(const NodeServices& services, BusSettings settings)
    : services_(services),
      settings_(std::move(settings)),
      rules_(settings_.event_size_bytes_max, settings_.payload),
      runner_(services.mark, settings_.name, services.log, services.counters, completing(services)),
      dead_letters_(services.work.letters(), settings_.name),
      dispatched_(services.counters.named("evmesh_events_dispatched_total")),
      noops_(services.counters.named("evmesh_events_noop_total")),
      refused_(services.counters, "evmesh_dispatches_refused_total",
               {ErrorCode::event_too_large, ErrorCode::too_many_keys, ErrorCode::batch_too_large,
                ErrorCode::too_deep, ErrorCode::back_pressure, ErrorCode::busy, ErrorCode::disk_full}),
      registrations_refused_(services.counters, "evmesh_registrations_refused_total",
                             {ErrorCode::too_many_registrations}),
      gaps_(services.counters.named("evmesh_gaps_total")),
      registry_(settings_.keys_max),
      groups_(std::make_shared<const Groups>()),
      async_({settings_.async_dispatches_max, settings_.async_bytes_max}) {}

Bus::~Bus() { stop(); }

SeenBy Bus::wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) {
  // What has no number went nowhere.
  if (receipt.seq == 0 || settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  const std::uint64_t first = receipt.first_seq == 0 ? receipt.seq : receipt.first_seq;
  SeenBy seen = settings_.uplink->wait_seen(first, receipt.seq, timeout);
  uplink_gate_.leave();
  return seen;
}

RegistrationReceipt Bus::acknowledged(std::uint64_t version, base::MonoTime since,
                                      std::chrono::milliseconds timeout) {
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  RegistrationReceipt receipt = settings_.uplink->acknowledged(version, since, timeout);
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
    const delivery::Strand& strand = *strands_.at(match.listener);
    status.listener_names.push_back(strand.name());
    status.gaps += strand.gaps_told() - places_.at(match.registration)->gaps_before;
  }
  const auto entries = registry_.entries(key);
  if (!entries.empty()) status.since = entries.front().since;
  return status;
}

std::shared_ptr<const delivery::Place> Bus::youngest(const RegistrationKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto entries = registry_.entries(key);
  return entries.empty() ? nullptr : places_.at(entries.back().registration);
}

}  // namespace evmesh::bus
