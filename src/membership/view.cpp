#include <algorithm>
#include <tuple>

#include "membership/impl.hpp"

namespace evmesh::membership {

std::vector<std::string> Membership::Impl::awaited() const {
  std::vector<std::string> awaited;
  for (const Seed& seed : seeds_) {
    if (!seed.tried) awaited.push_back(seed.endpoint);
  }
  for (const auto& [id, peer] : peers_) {
    if (is_gone(peer) || (peer.state == MemberState::alive && peer.lists.complete)) continue;
    const Link* link = link_of(peer);
    const bool not_there = !peer.ever_heard && link != nullptr && link->refused;
    if (!not_there) awaited.push_back(peer.name);
  }
  std::ranges::sort(awaited);
  awaited.erase(std::ranges::unique(awaited).begin(), awaited.end());
  return awaited;
}

std::vector<Member> Membership::Impl::members(MonoTime now) const {
  std::vector<Member> rows;
  Member own;
  own.id = self().id;
  own.name = options_.name;
  own.epoch = self().epoch;
  own.endpoint = options_.work_endpoint;
  own.mode = options_.mode;
  own.self = true;
  own.hears_us = true;
  own.we_hear = true;
  own.transient = options_.transient;
  rows.push_back(std::move(own));
  for (const auto& [id, peer] : peers_) {
    if (peer.forgotten) continue;
    Member& row = rows.emplace_back();
    row.id = id;
    row.name = peer.name;
    row.epoch = peer.life.epoch;
    row.state = peer.state;
    if (is_gone(peer)) row.reason = peer.reason;
    if (peer.state == MemberState::suspect) row.reason = reason_of(peer);
    row.endpoint = peer.work_endpoint;
    if (peer.hello) row.mode = peer.hello->mode;
    row.hears_us = !is_gone(peer) && hears_us(peer);
    row.we_hear = !is_gone(peer) && we_hear(peer);
    row.transient = peer.transient;
    const auto ago = std::max(now, last_input_) - paused_ - peer.heard;
    row.last_heard = std::chrono::duration_cast<std::chrono::milliseconds>(ago);
  }
  std::ranges::sort(rows, {}, [](const Member& row) { return std::tie(row.name, row.id); });
  return rows;
}

std::optional<Life> Membership::Impl::current_life(const NodeId& id) const {
  if (id == self().id) return self();
  const auto place = peers_.find(id);
  if (place == peers_.end() || place->second.ended || place->second.forgotten) return {};
  return place->second.life;
}

wire::Header Membership::Impl::header_for(const Life& to) const {
  const auto place = peers_.find(to.id);
  std::uint8_t version = wire::version_min;
  if (place != peers_.end() && place->second.hello) {
    version = std::min(wire::version_max, place->second.hello->version_highest);
  }
  return {version, wire::Kind::hello, self().id, self().epoch, to.id, to.epoch};
}

bool Membership::Impl::anyone_absent() const {
  return std::ranges::any_of(peers_, [](const auto& row) {
    const Peer& peer = row.second;
    return !is_tombstone(peer) && !peer.ended && peer.state != MemberState::alive;
  });
}

}  // namespace evmesh::membership
