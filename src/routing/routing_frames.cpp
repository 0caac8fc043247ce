#include <algorithm>

#include "base/limits.hpp"
#include "routing/routing.hpp"
#include "wire/digest.hpp"

// What peers say to routing.

namespace evmesh::routing {

namespace {

// Heartbeats in a row that disagree before the whole set is asked for; one may have crossed a change.
constexpr std::uint32_t mismatches_max = 2;

// For how many versions of the announcement it is known when a peer acknowledged them.
constexpr std::size_t acknowledgements_remembered = 1'024;

Life sender(const wire::Frame& frame) { return {frame.header.from, frame.header.from_epoch}; }

}  // namespace

void Routing::on_frame(MonoTime now, const wire::Frame& frame, const wire::Buffer& bytes, Actions& out) {
  const Life life = sender(frame);
  Peer* const from = peer_up(life);
  if (from == nullptr) return;
  Outbox outbox(options_.self, out);
  if (const auto* announce = std::get_if<wire::Announce>(&frame.body)) on(now, life, *announce, outbox);
  if (const auto* ack = std::get_if<wire::AnnounceAck>(&frame.body)) on(now, life, *ack, outbox);
  if (std::holds_alternative<wire::AnnounceRequest>(frame.body)) announce_whole(now, life, *from, outbox);
  if (const auto* subscribe = std::get_if<wire::Subscribe>(&frame.body)) on(now, life, *subscribe, outbox);
  if (const auto* repair = std::get_if<wire::Repair>(&frame.body)) on(now, life, *repair);
  if (const auto* report = std::get_if<wire::Report>(&frame.body)) on(now, life, *report, outbox);
  if (const auto* notify = std::get_if<wire::Notify>(&frame.body)) {
    const auto stream = from->streams.find(notify->bus);
    if (stream != from->streams.end()) stream->second.notify(now, bytes, *notify, lookup_, outbox);
  }
  if (const auto* gap = std::get_if<wire::GapNotice>(&frame.body)) {
    const auto stream = from->streams.find(gap->bus);
    if (stream != from->streams.end()) stream->second.gap(now, *gap, lookup_, outbox);
  }
}

void Routing::on_heartbeat(MonoTime now, const Life& life, const wire::Heartbeat& heartbeat, Actions& out) {
  Peer* const from = peer_up(life);
  if (from == nullptr) return;
  for (const wire::StreamPosition& head : heartbeat.heads) {
    const auto stream = from->streams.find(head.bus);
    if (stream != from->streams.end()) stream->second.saw_head(head.seq);
  }
  note_reports(now, life, heartbeat.through, out);
  const bool agrees = from->known && heartbeat.announcement_version == from->version &&
                      heartbeat.announcement_digest == from->digest;
  from->mismatches = agrees ? 0 : from->mismatches + 1;
  if (from->mismatches < mismatches_max) return;
  from->mismatches = 0;
  Outbox(options_.self, out).send(life, Class::control, wire::AnnounceRequest{from->version});
}

void Routing::announce_whole(MonoTime now, const Life& life, Peer& peer, Outbox& outbox) {
  announce_changes(now, outbox);
  send_whole(now, life, peer, outbox);
}

/// To a peer that may know nothing of us: it may have seen the link end where we did not. So what it forgets with a link goes
/// together: the set, and behind it where we stand in its streams.
void Routing::send_whole(MonoTime now, const Life& life, Peer& peer, Outbox& outbox) {
  peer.announced_at = now;
  for (const wire::Announce& part : announcement_.whole()) outbox.send(life, Class::notification, part);
  for (auto& [number, stream] : peer.streams) stream.linked(now, announcement_.version(), outbox);
}

void Routing::announce_changes(MonoTime now, Outbox& outbox) {
  const bool large = announcement_.large_change();
  const auto change = announcement_.flush();
  if (!change) return;
  // A change of version 0 has the looks of a whole set. A peer that has forgotten us would know of nothing that it still lacks.
  const bool whole = large || change->base == 0;
  for (auto& [life, peer] : peers_) {
    if (!peer.up) continue;
    if (whole) {
      send_whole(now, life, peer, outbox);
      continue;
    }
    peer.announced_at = now;
    outbox.send(life, Class::notification, *change);
  }
}

void Routing::on(MonoTime now, const Life& life, const wire::Announce& announce, Outbox& outbox) {
  Peer& from = *peer_up(life);
  if (from.known && announce.version < from.version) return;  // overtaken by a later set
  if (apply(from, life, announce, outbox)) announced(now, life, from, outbox);
}

bool Routing::too_many(const Peer& peer, const wire::Announce& change) const {
  const auto has = [&](std::uint64_t hash) { return interest_.wants_key(peer.slot, hash); };
  const auto removed = std::ranges::count_if(change.removed, has);
  const auto added = static_cast<std::ptrdiff_t>(change.added.size()) - std::ranges::count_if(change.added, has);
  return interest_.keys(peer.slot) + static_cast<std::uint64_t>(added) >
         limits::keys_per_node_max + static_cast<std::uint64_t>(removed);
}

void Routing::refuse_announcement(const Life& life, Actions& out) {
  ++announcements_refused_;
  out.push_back(Note{LogLevel::warning, "announcement_refused",
                     {{"peer", life.id.to_string()}, {"reason", "more keys than a node may announce"}}});
}

bool Routing::apply(Peer& peer, const Life& life, const wire::Announce& announce, Outbox& outbox) {
  if (announce.base != 0 && (!peer.known || announce.base != peer.version)) {
    if (peer.known && announce.version == peer.version) return true;  // had it: acknowledged again
    outbox.send(life, Class::control, wire::AnnounceRequest{peer.version});
    return false;
  }
  if (announce.base != 0 && too_many(peer, announce)) {
    refuse_announcement(life, outbox.actions());
    return false;
  }
  if (announce.base == 0) {
    const auto result = peer.assembly.add(announce);
    if (result == Assembly::Result::too_many) refuse_announcement(life, outbox.actions());
    if (result != Assembly::Result::complete) return false;
    apply_whole(peer);
  }
  for (const std::uint64_t hash : announce.base == 0 ? std::vector<std::uint64_t>{} : announce.added) {
    if (!interest_.wants_key(peer.slot, hash)) peer.digest ^= wire::digest_of_key(hash);
    interest_.add(peer.slot, hash);
  }
  for (const std::uint64_t hash : announce.removed) {
    if (interest_.wants_key(peer.slot, hash)) peer.digest ^= wire::digest_of_key(hash);
    interest_.remove(peer.slot, hash);
  }
  std::vector<std::size_t> each_node;
  for (const std::uint16_t number : peer.each_node) peer.digest ^= wire::digest_of_each_node(number);
  for (const std::uint16_t number : announce.each_node) {
    peer.digest ^= wire::digest_of_each_node(number);
    if (number < peer.buses.size() && peer.buses[number]) each_node.push_back(*peer.buses[number]);
  }
  peer.each_node = announce.each_node;
  interest_.set_each_node(peer.slot, each_node);
  peer.version = announce.version;
  return true;
}

void Routing::apply_whole(Peer& peer) {
  interest_.clear(peer.slot);
  peer.each_node.clear();
  peer.digest = 0;
  for (const std::uint64_t hash : peer.assembly.hashes()) {
    if (!interest_.wants_key(peer.slot, hash)) peer.digest ^= wire::digest_of_key(hash);
    interest_.add(peer.slot, hash);
  }
  peer.assembly.clear();
}

void Routing::announced(MonoTime now, const Life& life, Peer& peer, Outbox& outbox) {
  if (!peer.known) {
    peer.known = true;
    for (OutboundStream& stream : outbound_) stream.peer_known(life);
    // It took us up later than we did it, so it has not heard what we said in between.
    if (!peer.answered) announce_whole(now, life, peer, outbox);
    for (auto& [number, stream] : peer.streams) stream.ask_again(now, announcement_.version(), outbox);
  }
  outbox.send(life, Class::control, wire::AnnounceAck{peer.version, heads()});
  const auto waiting = std::exchange(peer.waiting, {});
  for (const auto& [number, subscribe] : waiting) on(now, life, subscribe, outbox);
  outbox.actions().push_back(Progress{});
}

void Routing::note_acknowledged(MonoTime now, Peer& peer, std::uint64_t version) {
  if (version <= peer.acknowledged) return;
  peer.acknowledged = version;
  peer.acknowledged_at.emplace(version, now);
  if (peer.acknowledged_at.size() > acknowledgements_remembered) peer.acknowledged_at.erase(peer.acknowledged_at.begin());
}

void Routing::on(MonoTime now, const Life& life, const wire::AnnounceAck& ack, Outbox& outbox) {
  Peer& from = *peer_up(life);
  if (ack.version > announcement_.version()) return;
  from.answered = true;
  note_acknowledged(now, from, ack.version);
  for (const wire::StreamPosition& position : ack.positions) {
    const auto stream = from.streams.find(position.bus);
    if (stream != from.streams.end()) stream->second.acknowledged(ack.version, position.seq, lookup_, outbox.actions());
  }
  outbox.actions().push_back(Progress{});
}

void Routing::on(MonoTime now, const Life& life, const wire::Subscribe& subscribe, Outbox& outbox) {
  Peer& from = *peer_up(life);
  if (subscribe.bus >= outbound_.size()) return;
  // The answer is matched against the interest it was asked with, so that comes first.
  if (!from.known || from.version < subscribe.announcement_version) {
    from.waiting[subscribe.bus] = subscribe;
    return;
  }
  outbound_[subscribe.bus].subscribe(now, life, subscribe.through, outbox);
}

void Routing::on(MonoTime, const Life& life, const wire::Repair& repair) {
  if (repair.bus < outbound_.size()) outbound_[repair.bus].repair(life, repair.after, repair.to);
}

void Routing::on(MonoTime now, const Life& life, const wire::Report& report, Outbox& outbox) {
  note_reports(now, life, report.through, outbox.actions());
}

void Routing::note_reports(MonoTime now, const Life& life, std::span<const wire::StreamPosition> positions, Actions& out) {
  bool further = false;
  for (const wire::StreamPosition& position : positions) {
    if (position.bus >= outbound_.size()) continue;
    further = outbound_[position.bus].reported(now, life, position.seq) || further;
  }
  if (further) out.push_back(Progress{});
}

}  // namespace evmesh::routing
