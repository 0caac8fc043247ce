#include <algorithm>

#include "sim/network.hpp"

// How connections come, carry and go.

namespace evmesh::sim {

using namespace std::chrono_literals;

void Network::connect_after(const WirePtr& wire, nanoseconds wait) {
  timeline_.after(wait, [this, wire] {
    if (!wire->closed && !wire->up) connect(wire);
  });
}

void Network::connect(const WirePtr& wire) {
  const nanoseconds round_trip = latency(wire->dialer, wire->target, false) + latency(wire->target, wire->dialer, false);
  timeline_.after(round_trip, [this, wire] {
    if (wire->closed || wire->up) return;
    if (is_cut(wire->dialer, wire->target) || is_cut(wire->target, wire->dialer)) {
      return connect_after(wire, dice_.span(200ms, 1'100ms));
    }
    Process& target = processes_[wire->target];
    if (target.station == nullptr) {
      if (!std::exchange(wire->told_refused, true)) hint(*wire, LinkEvent::refused);
      return connect_after(wire, dice_.span(100ms, 1s));
    }
    wire->up = true;
    wire->told_refused = false;
    wire->run = target.run;
    ++wire->generation;
    wire->last = {timeline_.now(), timeline_.now()};
    if (wire->publishing) return put(wire, Way::out, FollowerChange{wire->dialer_life, true}, 0ns);
    target.connections[wire->name] = wire;
    hint(*wire, LinkEvent::connected);
    drain(wire);
  });
}

/// The connection breaks; the dialer connects again. `told`: the other end learns of it at once.
void Network::disconnect(const WirePtr& wire, bool told) {
  if (!wire->up) return;
  wire->up = false;
  const std::uint64_t generation = wire->generation++;
  for (auto& stalled : wire->stalled) {
    totals_.frames_lost += stalled.size();
    stalled.clear();
  }
  if (wire->publishing) {
    const nanoseconds noticed = told ? nanoseconds{1ms} : dice_.span(1ms, 2s);
    timeline_.after(noticed, [this, wire, generation, publisher = wire->target, run = wire->run] {
      drop_pipe(publisher, run, wire, generation);
    });
  } else {
    processes_[wire->target].connections.erase(wire->name);
    if (!wire->closed) hint(*wire, LinkEvent::disconnected);
  }
  if (!wire->closed) connect_after(wire, dice_.span(100ms, 300ms));
}

/// By its owner, who wants nothing more of it; what is on the way out still arrives.
void Network::close(const WirePtr& wire) {
  wire->closed = true;
  for (auto& queue : wire->queues) queue.clear();
  wire->queued = {};
  if (!wire->up || !wire->publishing) return;
  const nanoseconds noticed = latency(wire->dialer, wire->target, false);
  timeline_.after(noticed, [this, wire, generation = wire->generation, publisher = wire->target, run = wire->run] {
    drop_pipe(publisher, run, wire, generation);
  });
}

void Network::drop_pipe(Host publisher, unsigned run, const WirePtr& wire, std::uint64_t generation) {
  Process& process = processes_[publisher];
  if (process.station == nullptr || process.run != run) return;
  const auto gone = std::erase_if(process.pipes, [&](const Pipe& pipe) {
    return pipe.wire == wire && pipe.generation == generation;
  });
  if (gone == 0) return;
  const bool others = std::ranges::any_of(
      process.pipes, [&](const Pipe& pipe) { return pipe.wire->dialer_life == wire->dialer_life; });
  if (others) return totals_.add("followed_again_before_noticed");
  process.station->arrive(FollowerChange{wire->dialer_life, false});
}

void Network::hint(const Wire& wire, LinkEvent event) {
  Process& process = processes_[wire.dialer];
  if (wire.publishing || process.station == nullptr || process.run != wire.dialer_run) return;
  if (dice_.chance(options_.hints)) process.station->arrive(LinkChange{wire.link, event});
}

void Network::drain(const WirePtr& wire) {
  while (wire->up && !wire->draining) {
    const auto lane = std::ranges::find_if(wire->queues, [](const auto& queue) { return !queue.empty(); });
    if (lane == wire->queues.end()) return;
    const Bytes bytes = std::move(lane->front());
    lane->pop_front();
    wire->queued[static_cast<std::size_t>(lane - wire->queues.begin())] -= bytes->size();
    const nanoseconds busy = transmission(wire->dialer, wire->target, bytes->size());
    record({wire->dialer, wire->target, wire->dialer_life, processes_[wire->target].life, wire->name, bytes});
    put(wire, Way::out, RouterFrame{wire->name, bytes}, busy);
    if (busy == 0ns) continue;
    wire->draining = true;
    timeline_.after(busy, [this, wire] {
      wire->draining = false;
      drain(wire);
      Process& process = processes_[wire->dialer];
      const bool alive = !wire->closed && process.station != nullptr && process.run == wire->dialer_run;
      if (alive) process.station->arrive(Writable{});
    });
  }
}

void Network::put(const WirePtr& wire, Way way, Input input, nanoseconds transmission) {
  const auto [from, to] = ends(*wire, way);
  MonoTime& last = wire->last[static_cast<std::size_t>(way)];
  last = std::max(last, timeline_.now() + transmission + latency(from, to, wire->publishing));
  const unsigned run = way == Way::out ? wire->run : wire->dialer_run;
  timeline_.at(last, [this, wire, way, generation = wire->generation, run, input = std::move(input)]() mutable {
    arrive(wire, way, generation, run, std::move(input));
  });
}

void Network::arrive(const WirePtr& wire, Way way, std::uint64_t generation, unsigned run, Input input) {
  if (wire->generation != generation) {
    ++totals_.frames_lost;
    return;
  }
  const auto [from, to] = ends(*wire, way);
  auto& stalled = wire->stalled[static_cast<std::size_t>(way)];
  if (is_cut(from, to) || !stalled.empty()) {
    stalled.push_back({run, std::move(input)});
  } else {
    hand_over(wire, way, run, std::move(input));
  }
}

void Network::hand_over(const WirePtr& wire, Way way, unsigned run, Input input) {
  const auto [from, to] = ends(*wire, way);
  Process& receiver = processes_[to];
  if (receiver.station == nullptr || receiver.run != run) {
    ++totals_.frames_lost;
    // Whoever sends to a process that is gone is told so by its host's kernel.
    if (way == Way::out && !is_cut(to, from)) disconnect(wire, true);
    return;
  }
  if (way == Way::back && wire->closed) return;
  if (std::holds_alternative<FollowerChange>(input)) {
    receiver.pipes.push_back({wire, wire->generation, std::make_shared<unsigned>(0), timeline_.now()});
  }
  receiver.station->arrive(std::move(input));
}

}  // namespace evmesh::sim
