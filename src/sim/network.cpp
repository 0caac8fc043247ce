#include "sim/network.hpp"

#include <algorithm>

// What processes do with their sockets.

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

// As the transport's SendQueue: what comes on top is dropped.
constexpr std::array<std::uint64_t, 4> queue_bytes_max{1 << 20, 4 << 20, 4 << 20, 1 << 20};

// What a DEALER holds and still sends while it is closed.
constexpr std::size_t dealer_frames = 8;

constexpr std::uint8_t kind_at = 3;

}  // namespace

Network::Network(const NetworkOptions& options, Timeline& timeline, std::uint64_t seed, Totals& totals)
    : options_(options), timeline_(timeline), dice_(seed), totals_(totals), processes_(options.hosts) {
  for (Host host = 0; host < options.hosts; ++host) {
    base_latency_.push_back(dice_.span(50us, dice_.chance(0.3) ? 8'000us : 400us));
  }
}

Host Network::host_of(const std::string& endpoint) { return static_cast<Host>(std::stoul(endpoint.substr(7))); }

std::pair<Host, Host> Network::ends(const Wire& wire, Way way) {
  return way == Way::out ? std::pair(wire.dialer, wire.target) : std::pair(wire.target, wire.dialer);
}

nanoseconds Network::latency(Host from, Host to, bool published) {
  nanoseconds base = (base_latency_[from] + base_latency_[to]) / 2;
  const auto slow = latency_max_.find({from, to});
  // The two lanes are slow at different times, so that they overtake each other.
  if (slow != latency_max_.end() && dice_.chance(published ? 0.3 : 0.2)) base += dice_.span(0ns, slow->second);
  return base + dice_.span(0ns, base);
}

nanoseconds Network::transmission(Host from, Host to, std::size_t bytes) const {
  const auto narrow = bandwidth_.find({from, to});
  if (narrow == bandwidth_.end()) return 0ns;
  return nanoseconds{static_cast<std::int64_t>(bytes * 1'000'000'000 / narrow->second)};
}

void Network::attach(Host host, const Life& life, Station& station) {
  Process& process = processes_[host];
  process.station = &station;
  process.life = life;
  ++process.run;
}

void Network::detach(Host host, bool abruptly) {
  Process& process = processes_[host];
  process.station = nullptr;
  for (auto& [link, wire] : process.links) {
    std::size_t left = dealer_frames;
    for (auto& queue : wire->queues) {
      for (; !abruptly && wire->up && left > 0 && !queue.empty(); --left, queue.pop_front()) {
        put(wire, Way::out, RouterFrame{wire->name, queue.front()}, 0ns);
      }
    }
    close(wire);
    if (abruptly && dice_.chance(0.5)) ++wire->generation;  // the kernel says RST and forgets
  }
  for (auto& [endpoint, followed] : process.followed) close(followed.second);
  process.links.clear();
  process.followed.clear();
  process.connections.clear();
  process.pipes.clear();
  for (const auto& entry : wires_) {
    const WirePtr wire = entry.lock();
    if (!wire || !wire->up || wire->target != host || is_cut(host, wire->dialer)) continue;
    timeline_.after(latency(host, wire->dialer, false), [this, wire, generation = wire->generation] {
      if (wire->up && wire->generation == generation) disconnect(wire, true);
    });
  }
}

Network::WirePtr Network::make_wire(Host host, const std::string& endpoint) {
  const auto wire = std::make_shared<Wire>();
  wire->dialer = host;
  wire->target = host_of(endpoint);
  wire->dialer_run = processes_[host].run;
  wire->dialer_life = processes_[host].life;
  std::erase_if(wires_, [](const auto& entry) { return entry.expired(); });
  wires_.push_back(wire);
  return wire;
}

void Network::dial(Host host, LinkId link, const std::string& endpoint) {
  const WirePtr wire = make_wire(host, endpoint);
  wire->link = link;
  wire->name = "n" + std::to_string(host) + "/" + std::to_string(wire->dialer_run) + "/" + std::to_string(link);
  processes_[host].links.emplace(link, wire);
  connect(wire);
}

void Network::hang_up(Host host, LinkId link) {
  auto& links = processes_[host].links;
  const auto found = links.find(link);
  if (found == links.end()) return;
  close(found->second);
  links.erase(found);
}

void Network::send(Host host, LinkId link, Class frame_class, const Bytes& bytes) {
  const auto found = processes_[host].links.find(link);
  if (found == processes_[host].links.end()) return;
  const WirePtr& wire = found->second;
  const auto lane = static_cast<std::size_t>(frame_class);
  ++totals_.frames;
  if (!wire->queues[lane].empty() && wire->queued[lane] + bytes->size() > queue_bytes_max[lane]) {
    ++totals_.frames_lost;
    return;
  }
  wire->queued[lane] += bytes->size();
  wire->queues[lane].push_back(bytes);
  drain(wire);
}

void Network::answer(Host host, const ConnectionId& connection, const Bytes& bytes) {
  const auto found = processes_[host].connections.find(connection);
  if (found == processes_[host].connections.end()) return;
  const WirePtr wire = found->second;
  if (wire->closed || !wire->up || wire->run != processes_[host].run) return;
  ++totals_.frames;
  put(wire, Way::back, AnswerFrame{wire->link, bytes}, 0ns);
}

void Network::publish(Host host, const Bytes& bytes) {
  Process& process = processes_[host];
  record({host, host, process.life, {}, {}, bytes});
  for (Pipe& pipe : process.pipes) {
    ++totals_.frames;
    if (pipe.generation != pipe.wire->generation || pipe.wire->closed) {
      ++totals_.frames_lost;
      continue;
    }
    if (*pipe.outstanding >= options_.pipe_frames) {
      totals_.add("pipe_full");
      continue;
    }
    ++*pipe.outstanding;
    const nanoseconds busy = transmission(host, pipe.wire->dialer, bytes->size());
    pipe.free_at = std::max(pipe.free_at, timeline_.now()) + busy;
    put(pipe.wire, Way::back, PublishedFrame{bytes, pipe.outstanding}, pipe.free_at - timeline_.now());
    if (!duplication_ || !dice_.chance(0.15)) continue;
    totals_.add("published_twice");
    timeline_.after(dice_.span(1ms, 3s), [this, to = pipe.wire->dialer, run = pipe.wire->dialer_run, bytes] {
      Process& receiver = processes_[to];
      if (receiver.station != nullptr && receiver.run == run) receiver.station->arrive(PublishedFrame{bytes, nullptr});
    });
  }
}

void Network::follow(Host host, const std::string& endpoint) {
  auto& [count, wire] = processes_[host].followed[endpoint];
  if (count++ > 0) return;
  wire = make_wire(host, endpoint);
  wire->publishing = true;
  connect(wire);
}

void Network::unfollow(Host host, const std::string& endpoint) {
  auto& followed = processes_[host].followed;
  const auto found = followed.find(endpoint);
  if (found == followed.end() || --found->second.first > 0) return;
  close(found->second.second);
  followed.erase(found);
}

std::uint64_t Network::room_bytes(Host host, LinkId link, Class frame_class) const {
  const auto found = processes_[host].links.find(link);
  if (found == processes_[host].links.end()) return 0;
  const std::uint64_t queued = found->second->queued[static_cast<std::size_t>(frame_class)];
  return queued >= options_.link_queue_bytes ? 0 : options_.link_queue_bytes - queued;
}

void Network::record(Record record) {
  if (!options_.keeps_old_frames) return;
  auto& some = records_[static_cast<std::uint8_t>((*record.bytes)[kind_at])];
  if (some.size() < 24) {
    some.push_back(std::move(record));
  } else if (dice_.chance(0.1)) {
    some[dice_.between(0, some.size() - 1)] = std::move(record);
  }
}

}  // namespace evmesh::sim
