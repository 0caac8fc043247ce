#include "routing/routing.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::routing {

namespace {

// A quarter of the window, so that a publisher hears of progress well before it has to stop.
constexpr std::uint64_t report_divisor = 4;

}  // namespace

Routing::Routing(Options options, const ListenerLookup& lookup)
    : options_(std::move(options)), lookup_(lookup), announcement_(options_.buses) {
  outbound_.reserve(options_.buses.size());
  for (std::size_t bus = 0; bus < options_.buses.size(); ++bus) {
    const OutboundStream::Options stream{bus, options_.mode, options_.ring_bytes_max, options_.window_bytes, options_.timings};
    outbound_.emplace_back(stream, interest_, outbound_counters_);
  }
}

Routing::Peer* Routing::peer(const Life& life) {
  const auto found = peers_.find(life);
  return found == peers_.end() ? nullptr : &found->second;
}

Routing::Peer* Routing::peer_up(const Life& life) {
  Peer* found = peer(life);
  return found != nullptr && found->up ? found : nullptr;
}

void Routing::member_up(MonoTime now, const Life& life, const wire::Hello& hello, Actions& out) {
  Outbox outbox(options_.self, out);
  Peer& peer = peers_[life];
  if (peer.up) return;
  const auto slot = interest_.add_peer();
  if (!slot) {
    out.push_back(Note{LogLevel::error, "too_many_peers", {{"peer", life.id.to_string()}}});
    return;
  }
  announce_changes(now, outbox);  // to the others; the newcomer gets the whole
  met_ = true;
  peer.up = true;
  peer.slot = *slot;
  peer.known = false;
  peer.assembly.clear();
  for (OutboundStream& stream : outbound_) {
    stream.peer_up(life, *slot);
    stream.peer_follows(life, peer.follows);
  }
  meet_streams(life, peer, hello);
  announce_whole(now, life, peer, outbox);
  out.push_back(Progress{});
}

void Routing::renumber(const Life& self) {
  options_.self = self;
  if (!std::exchange(met_, false)) return;
  for (OutboundStream& stream : outbound_) stream.restart();
}

void Routing::meet_streams(const Life& life, Peer& peer, const wire::Hello& hello) {
  peer.buses.assign(hello.buses.size(), std::nullopt);
  for (std::size_t number = 0; number < hello.buses.size(); ++number) {
    const auto ours = std::find(options_.buses.begin(), options_.buses.end(), hello.buses[number]);
    if (ours == options_.buses.end()) continue;
    peer.buses[number] = static_cast<std::size_t>(ours - options_.buses.begin());
    const auto begin = joined_ ? std::optional<std::uint64_t>(0) : std::nullopt;
    const InboundStream::Options stream{*peer.buses[number],      static_cast<std::uint16_t>(number),
                                        life,                     begin,
                                        announcement_.version(),  options_.held_bytes_max,
                                        options_.window_bytes / report_divisor, options_.timings};
    peer.streams.try_emplace(stream.number, stream, inbound_counters_);
  }
}

void Routing::member_down(MonoTime, const Life& life, Actions& out) {
  Peer* const gone = peer_up(life);
  if (gone == nullptr) return;
  gone->up = false;
  gone->known = false;
  gone->waiting.clear();
  gone->acknowledged = 0;
  gone->acknowledged_at.clear();
  gone->answered = false;
  interest_.remove_peer(gone->slot);
  for (OutboundStream& stream : outbound_) stream.peer_down(life);
  for (auto& [number, stream] : gone->streams) stream.unlinked();
#ifdef EVMESH_SEEDED_BUG_THROUGH_FORGOTTEN
  gone->streams.clear();
  joined_ = false;
#endif
  out.push_back(Progress{});
}

void Routing::life_ended(MonoTime now, const Life& life, bool clean, std::span<const wire::StreamPosition> heads,
                         Actions& out) {
  member_down(now, life, out);
  Peer* const gone = peer(life);
  if (gone == nullptr) return;
  for (auto& [number, stream] : gone->streams) {
    std::optional<std::uint64_t> final_head;
    for (const wire::StreamPosition& head : heads) {
      if (clean && head.bus == number) final_head = head.seq;
    }
    stream.end(final_head, lookup_, out);
  }
  for (OutboundStream& stream : outbound_) stream.peer_gone(life);
  peers_.erase(life);
  out.push_back(Progress{});
}

void Routing::follows(MonoTime, const Life& life, bool follows, Actions& out) {
  Peer* const known = peer(life);
  if (known == nullptr || known->follows == follows) return;
  known->follows = follows;
  for (OutboundStream& stream : outbound_) stream.peer_follows(life, follows);
  out.push_back(Progress{});
}

std::uint64_t Routing::change_interest(std::size_t bus, std::span<const RegistrationKey> added,
                                       std::span<const RegistrationKey> removed, std::optional<bool> each_node) {
  return announcement_.change(bus, added, removed, each_node);
}

bool Routing::needed(std::size_t bus, std::span<const std::uint64_t> hashes) const {
#ifndef EVMESH_SEEDED_BUG_NO_INTERVAL
  if (absent_ || !joined_) return true;
#endif
  for (const auto& [life, peer] : peers_) {
    if (peer.up && (!peer.known || options_.mode == Mode::broadcast)) return true;
  }
  return interest_.match(bus, hashes) != 0;
}

bool Routing::drop_out_of_step(MonoTime now, std::size_t bus, Actions& out) {
  return outbound_[bus].drop_out_of_step(now, out);
}

void Routing::pump(MonoTime now, const Room& room, Actions& out) {
  Outbox outbox(options_.self, out);
  announce_changes(now, outbox);
  for (OutboundStream& stream : outbound_) stream.pump(now, room, outbox);
}

void Routing::tick(MonoTime now, Actions& out) {
  Outbox outbox(options_.self, out);
  for (OutboundStream& stream : outbound_) stream.tick(now, outbox);
  for (auto& [life, peer] : peers_) {
    if (!peer.up) continue;
    for (auto& [number, stream] : peer.streams) stream.tick(now, announcement_.version(), lookup_, outbox);
    if (peer.acknowledged < announcement_.version() && now >= peer.announced_at + options_.timings.resend) {
      announce_whole(now, life, peer, outbox);
    }
  }
}

MonoTime Routing::next_deadline() const {
  MonoTime next = MonoTime::max();
  for (const OutboundStream& stream : outbound_) {
    if (const auto due = stream.next_deadline()) next = std::min(next, *due);
  }
  for (const auto& [life, peer] : peers_) {
    if (!peer.up) continue;
    for (const auto& [number, stream] : peer.streams) {
      if (const auto due = stream.next_deadline()) next = std::min(next, *due);
    }
    if (peer.acknowledged < announcement_.version()) next = std::min(next, peer.announced_at + options_.timings.resend);
  }
  return next;
}

}  // namespace evmesh::routing
