#include <algorithm>

#include "sim/network.hpp"

// What goes wrong between hosts.

namespace evmesh::sim {

using namespace std::chrono_literals;

void Network::cut(Host from, Host to) {
  cuts_[{from, to}] = ++cut_count_;
  for (const auto& entry : wires_) {
    const WirePtr wire = entry.lock();
    if (!wire || !wire->up) continue;
    // ZMTP heartbeats go from the bound end and are answered. A DEALER's frames are signs of life themselves, so its
    // connection survives when only the way back is cut; a SUB has nothing to say but the answers.
    const bool there = wire->dialer == from && wire->target == to;
    const bool back = wire->publishing && wire->dialer == to && wire->target == from;
    if (there || back) watch(wire, from, to);
  }
}

/// Under a cut that lasts the connection breaks.
void Network::watch(const WirePtr& wire, Host from, Host to) {
  const std::uint64_t which = cuts_.at({from, to});
  timeline_.after(dice_.span(1'500ms, 4s), [this, wire, from, to, which, generation = wire->generation] {
    const auto found = cuts_.find({from, to});
    if (found != cuts_.end() && found->second == which && wire->generation == generation) disconnect(wire, false);
  });
}

void Network::mend(Host from, Host to) {
  if (cuts_.erase({from, to}) == 0) return;
  for (const auto& entry : std::vector(wires_)) {
    const WirePtr wire = entry.lock();
    if (!wire) continue;
    if (wire->dialer == from && wire->target == to) release(wire, Way::out);
    if (wire->dialer == to && wire->target == from) release(wire, Way::back);
    const Process& target = processes_[wire->target];
    if (wire->up && (target.station == nullptr || target.run != wire->run)) disconnect(wire, true);
  }
}

void Network::release(const WirePtr& wire, Way way) {
  auto& waiting = wire->stalled[static_cast<std::size_t>(way)];
  for (Stalled& stalled : std::exchange(waiting, {})) hand_over(wire, way, stalled.run, std::move(stalled.input));
}

void Network::break_one(std::optional<Host> of) {
  std::vector<WirePtr> standing;
  for (const auto& entry : wires_) {
    const WirePtr wire = entry.lock();
    const bool wanted = wire && wire->up && !wire->closed && (!of || wire->dialer == *of || wire->target == *of);
    if (wanted) standing.push_back(wire);
  }
  if (!standing.empty()) disconnect(dice_.pick(standing), dice_.chance(0.5));
}

void Network::replay() {
  if (records_.empty()) return;
  auto some = records_.begin();
  std::advance(some, static_cast<std::ptrdiff_t>(dice_.between(0, records_.size() - 1)));
  const Record& old = dice_.pick(some->second);
  const bool published = old.connection.empty();
  const Host to = published ? static_cast<Host>(dice_.between(0, options_.hosts - 1)) : old.to;
  Process& receiver = processes_[to];
  if (receiver.station == nullptr || (published && to == old.from)) return;
  if (published) {
    totals_.add("replayed_published");
    return receiver.station->arrive(PublishedFrame{old.bytes, nullptr});
  }
  // Within one life of both ends TCP does not repeat.
  const bool stale = processes_[old.from].life != old.from_life || receiver.life != old.to_life;
  if (!stale) return;
  totals_.add("replayed_stale");
  receiver.station->arrive(RouterFrame{old.connection, old.bytes});
}

void Network::heal() {
  latency_max_.clear();
  bandwidth_.clear();
  duplication_ = false;
  for (const auto& [ends, which] : std::map(cuts_)) mend(ends.first, ends.second);
}

}  // namespace evmesh::sim
