#include "testing/world.hpp"

#include "base/limits.hpp"
#include "testing/front_bus.hpp"
#include "testing/process.hpp"

namespace evmesh::testing {

namespace {

constexpr unsigned frames_for_a_follower = 128;  // as the notification socket's SNDHWM

}  // namespace

Disk::Disk()
    : journal(storage::memory_journal()),
      counters(std::make_unique<base::Counters>()),
      letters(std::move(*bus::LetterBox::open({}, *counters))) {}

World::World(ClusterOptions asked, bool alone)
    : options(std::move(asked)),
      mono(alone),
      dice(options.seed),
      network({.hosts = static_cast<unsigned>(options.nodes),
               .link_queue_bytes = limits::dealer_bytes_max,
               .pipe_frames = frames_for_a_follower},
              timeline, options.seed + 1, totals) {}

World::~World() = default;

NodeId World::id_of(unsigned host, unsigned disks_lost) {
  NodeId id;
  id.bytes[0] = 0xee;
  id.bytes[14] = static_cast<std::uint8_t>(disks_lost);
  id.bytes[15] = static_cast<std::uint8_t>(host);
  return id;
}

Timestamp World::wall() const {
  constexpr auto first_day = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
  return first_day + std::chrono::duration_cast<std::chrono::microseconds>(now().time_since_epoch());
}

bool World::advance(const std::function<bool()>& done, MonoTime end) {
  while (!done()) {
    if (inside_call() || !timeline.step(end)) return done();
    if (!inside_call()) buried_.clear();
  }
  return true;
}

nanoseconds World::call(const std::function<void()>& listener) {
  const nanoseconds outer = std::exchange(taken_, nanoseconds{0});
  ++calls_;
  listener();
  --calls_;
  return std::exchange(taken_, outer);
}

void World::note(const Host& host, Happening happening) {
  happening.at = std::chrono::duration_cast<std::chrono::microseconds>(now() - began);
  happening.node = host.index;
  history.add(std::move(happening));
}

void World::log(const Host& host, const LogRecord& record) const {
  if (options.log) options.log(host.index, record);
}

std::string World::name_of(const NodeId& id) const {
  for (const auto& host : hosts) {
    for (unsigned lost = 0; lost <= host->disks_lost; ++lost) {
      if (id == id_of(host->index, lost)) return lost == 0 ? host->name : host->name + '+' + std::to_string(lost);
    }
  }
  return id.to_string();
}

std::string World::name_of(const DispatchId& id) const {
  return name_of(id.owner) + '/' + std::to_string(id.epoch) + '/' + std::to_string(id.seq);
}

}  // namespace evmesh::testing
