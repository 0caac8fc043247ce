#include "network.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t queue_bytes_max = 256 * limits::kib;  // of a class; more is not asked for
constexpr std::size_t empty_frame_bytes = 64;

std::uint64_t size_of(const Message& message) {
  return empty_frame_bytes + (message.bytes ? message.bytes->size() : 0);
}

}  // namespace

Network::Network(const Plan& plan, sim::Timeline& timeline, sim::Dice& dice, Totals& totals, Arrive arrive)
    : plan_(plan), timeline_(timeline), dice_(dice), totals_(totals), arrive_(std::move(arrive)) {
  for (unsigned pair = 0; pair < plan.nodes * plan.nodes; ++pair)
    base_latency_.push_back(dice_.span(50us, std::max<nanoseconds>(plan.latency_max, 60us)));
}

nanoseconds Network::latency(HostIndex from, HostIndex to) {
  const nanoseconds base = base_latency_[from * plan_.nodes + to];
  return base + dice_.span(0ns, base / 2);
}

void Network::open(HostIndex from, const Life& self, HostIndex to, const Life& peer) {
  close(from, to);
  auto link = std::make_shared<Link>();
  link->from = from;
  link->to = to;
  link->self = self;
  link->peer = peer;
  links_[{from, to}] = std::move(link);
}

void Network::close(HostIndex from, HostIndex to) {
  const auto found = links_.find({from, to});
  if (found == links_.end()) return;
  ++found->second->generation;
  totals_.frames_lost += found->second->stalled.size();
  for (const auto& queue : found->second->queues) totals_.frames_lost += queue.size();
  links_.erase(found);
}

/// What has left arrives all the same.
void Network::close_all(HostIndex from) {
  std::erase_if(links_, [&](const auto& entry) { return entry.first.first == from; });
}

Network::LinkPtr Network::find(HostIndex from, const Life& to) const {
  for (auto it = links_.lower_bound({from, 0}); it != links_.end() && it->first.first == from; ++it) {
    if (it->second->peer == to) return it->second;
  }
  return nullptr;
}

void Network::send(HostIndex from, const Life& to, Class frame_class, std::string bytes) {
  ++totals_.frames;
  const LinkPtr link = find(from, to);
  if (!link) {
    ++totals_.frames_lost;
    return;
  }
  queue(link, frame_class, {link->self, to, std::make_shared<const std::string>(std::move(bytes))});
}

void Network::say_goodbye(HostIndex from) {
  for (auto it = links_.lower_bound({from, 0}); it != links_.end() && it->first.first == from; ++it)
    queue(it->second, Class::control, {it->second->self, it->second->peer, nullptr});
}

std::uint64_t Network::room_bytes(HostIndex from, const Life& to, Class frame_class) const {
  const LinkPtr link = find(from, to);
  if (!link) return 0;
  const std::uint64_t queued = link->queued[static_cast<std::size_t>(frame_class)];
  return queued >= queue_bytes_max ? 0 : queue_bytes_max - queued;
}

void Network::queue(const LinkPtr& link, Class frame_class, Message message) {
  const auto lane = static_cast<std::size_t>(frame_class);
  link->queued[lane] += size_of(message);
  link->queues[lane].push_back(std::move(message));
  drain(link);
}

/// Puts on the way what the bandwidth allows, the most urgent first.
void Network::drain(const LinkPtr& link) {
  if (link->draining || !link->connected) return;
  for (std::size_t lane = 0; lane < link->queues.size();) {
    if (link->queues[lane].empty()) {
      ++lane;
      continue;
    }
    if (link->free_at > timeline_.now()) {
      link->draining = true;
      return timeline_.at(link->free_at, [this, link] {
        link->draining = false;
        drain(link);
      });
    }
    Message message = std::move(link->queues[lane].front());
    link->queues[lane].pop_front();
    link->queued[lane] -= size_of(message);
    put(link, std::move(message));
    lane = 0;
  }
}

void Network::put(const LinkPtr& link, Message message) {
  nanoseconds sending = 0ns;
  if (const auto rate = rates_.find({link->from, link->to}); rate != rates_.end())
    sending = nanoseconds{1'000'000'000 * size_of(message) / rate->second};
  link->free_at = timeline_.now() + sending;
  link->last = std::max(link->last, link->free_at + latency(link->from, link->to));
  timeline_.at(link->last, [this, link, generation = link->generation, message = std::move(message)] {
    if (link->generation != generation) {
      ++totals_.frames_lost;
    } else if (!link->stalled.empty() || is_cut(link->from, link->to)) {
      link->stalled.push_back(message);
    } else {
      arrive_(link->to, message);
    }
  });
}

void Network::mend(HostIndex from, HostIndex to) {
  cuts_.erase({from, to});
  const auto found = links_.find({from, to});
  if (found == links_.end()) return;
  const LinkPtr link = found->second;
  if (link->stalled.empty()) return;
  if (dice_.chance(0.4)) return break_link(from, to);
  timeline_.after(latency(from, to), [this, link, generation = link->generation] {
    if (link->generation != generation || is_cut(link->from, link->to)) return;
    for (std::deque<Message> stalled = std::exchange(link->stalled, {}); const Message& message : stalled) {
      if (link->generation == generation) arrive_(link->to, message);
    }
  });
}

void Network::break_link(HostIndex from, HostIndex to) {
  const auto found = links_.find({from, to});
  if (found == links_.end() || !found->second->connected) return;
  const LinkPtr link = found->second;
  ++link->generation;
  totals_.frames_lost += link->stalled.size();
  link->stalled.clear();
  link->connected = false;
  reconnect(link);
}

void Network::reconnect(const LinkPtr& link) {
  timeline_.after(dice_.span(5ms, 300ms), [this, link] {
    const auto found = links_.find({link->from, link->to});
    if (found == links_.end() || found->second != link) return;
    if (is_cut(link->from, link->to) || is_cut(link->to, link->from)) return reconnect(link);
    link->connected = true;
    drain(link);
  });
}

void Network::heal() {
  rates_.clear();
  for (const auto& [from, to] : std::set(cuts_)) mend(from, to);
}

}  // namespace evmesh::sim_group
