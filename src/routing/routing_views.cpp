#include <algorithm>

#include "routing/routing.hpp"

// What others may know of routing.

namespace evmesh::routing {

std::vector<Life> Routing::unacknowledged(std::uint64_t version) const {
  std::vector<Life> lives;
#ifndef EVMESH_SEEDED_BUG_EARLY_RECEIPT
  for (const auto& [life, peer] : peers_) {
    if (peer.up && peer.acknowledged < version) lives.push_back(life);
  }
#else
  static_cast<void>(version);
#endif
  return lives;
}

std::vector<Routing::Acknowledged> Routing::acknowledged(std::size_t bus, std::uint64_t version) const {
  std::vector<Acknowledged> lives;
  for (const auto& [life, peer] : peers_) {
    if (!peer.up || peer.acknowledged < version) continue;
    Acknowledged entry{life, 0, {}};
    const auto at = peer.acknowledged_at.lower_bound(version);
    if (at != peer.acknowledged_at.end()) entry.at = at->second;
    for (const auto& [number, stream] : peer.streams) {
      if (stream.bus() == bus) entry.seq = stream.position(version).value_or(0);
    }
    lives.push_back(entry);
  }
  return lives;
}

std::vector<Routing::Seen> Routing::seen(std::size_t bus, std::uint64_t first, std::uint64_t last) const {
  std::vector<Seen> lives;
  const PeerMask wanted = outbound_[bus].wanted(first, last);
  for (const auto& [life, peer] : peers_) {
    if (!peer.up || (wanted & (PeerMask{1} << peer.slot)) == 0) continue;
    const auto view = outbound_[bus].view(life);
    lives.push_back({life, view && view->subscribed && view->through >= last});
  }
  return lives;
}

void Routing::ask_reports(MonoTime now, std::size_t bus, Actions& out) {
  Outbox outbox(options_.self, out);
  outbound_[bus].ask_reports(now, outbox);
}

bool Routing::flushed() const {
  return std::all_of(outbound_.begin(), outbound_.end(), [](const OutboundStream& stream) { return stream.flushed(); });
}

std::vector<wire::StreamPosition> Routing::heads() const {
  std::vector<wire::StreamPosition> heads;
  for (std::size_t bus = 0; bus < outbound_.size(); ++bus) {
    heads.push_back({static_cast<std::uint16_t>(bus), outbound_[bus].head()});
  }
  return heads;
}

std::vector<wire::StreamPosition> Routing::through(const Life& publisher) const {
  std::vector<wire::StreamPosition> positions;
  const auto found = peers_.find(publisher);
  if (found == peers_.end()) return positions;
  for (const auto& [number, stream] : found->second.streams) {
    if (stream.started()) positions.push_back({number, stream.reportable(lookup_)});
  }
  return positions;
}

bool Routing::exchanged() const {
  return std::all_of(peers_.begin(), peers_.end(), [this](const auto& entry) {
    const Peer& peer = entry.second;
    return !peer.up || (peer.known && peer.acknowledged >= announcement_.version() &&
                        std::all_of(peer.streams.begin(), peer.streams.end(),
                                    [](const auto& stream) { return stream.second.started(); }));
  });
}

std::vector<Life> Routing::interested(std::size_t bus, std::uint64_t hash) const {
  std::vector<Life> lives;
  const PeerMask mask = interest_.match(bus, std::span(&hash, 1));
  for (const auto& [life, peer] : peers_) {
    if (peer.up && (mask & (PeerMask{1} << peer.slot)) != 0) lives.push_back(life);
  }
  return lives;
}

std::uint64_t Routing::keys_of(const Life& life) const {
  const auto found = peers_.find(life);
  return found != peers_.end() && found->second.up ? interest_.keys(found->second.slot) : 0;
}

std::vector<Routing::InboundView> Routing::inbound_views() const {
  std::vector<InboundView> views;
  for (const auto& [life, peer] : peers_) {
    for (const auto& [number, stream] : peer.streams) {
      views.push_back({life, stream.bus(), stream.through(), std::max(stream.head(), stream.through()),
                       stream.early_bytes(), stream.held_bytes()});
    }
  }
  return views;
}

std::map<std::string, std::uint64_t> Routing::counters() const {
  std::uint64_t overrun = 0;
  std::uint64_t ring_bytes = 0;
  for (const OutboundStream& stream : outbound_) {
    overrun += stream.ring().overrun();
    ring_bytes += stream.ring().bytes();
  }
  return {{"evmesh_stream_events_accepted_total", outbound_counters_.accepted},
          {"evmesh_stream_events_not_encoded_total", outbound_counters_.not_encoded},
          {"evmesh_stream_frames_sent_total", outbound_counters_.frames},
          {"evmesh_stream_heads_sent_total", outbound_counters_.heads},
          {"evmesh_stream_repairs_served_total", outbound_counters_.repair_requests},
          {"evmesh_stream_gaps_sent_total", outbound_counters_.gaps_sent},
          {"evmesh_stream_lagging_total", outbound_counters_.lagging},
          {"evmesh_stream_ring_overrun_total", overrun},
          {"evmesh_stream_ring_bytes", ring_bytes},
          {"evmesh_stream_events_received_total", inbound_counters_.delivered},
          {"evmesh_stream_duplicates_total", inbound_counters_.duplicates},
          {"evmesh_stream_holes_total", inbound_counters_.holes},
          {"evmesh_stream_repaired_total", inbound_counters_.repaired},
          {"evmesh_stream_gaps_total", inbound_counters_.gaps},
          {"evmesh_stream_early_dropped_total", inbound_counters_.early_dropped},
          {"evmesh_stream_undecodable_total", inbound_counters_.undecodable},
          {"evmesh_announcements_refused_total", announcements_refused_}};
}

}  // namespace evmesh::routing
