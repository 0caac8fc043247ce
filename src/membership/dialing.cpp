#include <algorithm>
#include <cassert>
#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

LinkId Membership::Impl::open(const std::string& endpoint, Actions& out) {
  const LinkId id = ++last_link_;
  Link& link = links_[id];
  link.endpoint = endpoint;
  link.opened = now_;
  link.gives_up = now_ + options_.timings.dead;
  out.emplace_back(Dial{id, endpoint});
  return id;
}

void Membership::Impl::hang_up(LinkId id, Actions& out) {
  const Link& link = links_.at(id);
  if (link.member) {
    if (Peer* peer = find(*link.member); peer != nullptr && peer->link == id) peer->link.reset();
  }
  if (link.seed && seeds_[*link.seed].link == id) seeds_[*link.seed].link.reset();
  links_.erase(id);
  out.emplace_back(HangUp{id});
}

/// A link without an owner among the members that leads to `peer`: a seed's, dialled before we knew who is
/// there.
std::optional<LinkId> Membership::Impl::free_link_to(const Peer& peer) const {
  for (const auto& [id, link] : links_) {
    if (link.member) continue;
    if (link.answered == peer.life || (!link.answered && link.endpoint == peer.work_endpoint)) return id;
  }
  return {};
}

void Membership::Impl::give_link(LinkId id, Peer& peer) {
  assert(!peer.link || peer.link == id);
  Link& link = links_.at(id);
  link.member = peer.life.id;
  link.call = false;
  peer.link = id;
  if (!link.seed) return;
  seeds_[*link.seed].member = peer.life.id;
  seeds_[*link.seed].link.reset();
}

/// A row has one link at a time; nothing happens when it has one.
void Membership::Impl::dial(Peer& peer, Actions& out) {
  if (peer.link) return;
  if (const auto there = free_link_to(peer)) return give_link(*there, peer);
  if (peer.work_endpoint.empty()) return;
  const LinkId id = open(peer.work_endpoint, out);
  give_link(id, peer);
  if (peer.state == MemberState::dead) links_.at(id).gives_up = now_ + peer.redial.wait;
  peer.redial.wait = std::min(peer.redial.wait * 2, options_.timings.redial_max);
  send_hello(id, out);
}

/// Members are dialled for ever: while they are dead in attempts of growing length, one right after the
/// other.
void Membership::Impl::redial(Peer& peer, Actions& out) {
  if (is_tombstone(peer)) return;
  if (peer.link) {
    const Link& link = links_.at(*peer.link);
    if (peer.state != MemberState::dead || now_ < link.gives_up) return;
    hang_up(*peer.link, out);
  } else if (now_ < peer.redial.next) {
    return;
  }
  dial(peer, out);
}

/// The member behind the seed is here, or is itself dialled there.
bool Membership::Impl::satisfied(const Seed& seed) const {
  if (!seed.member) return false;
  const auto place = peers_.find(*seed.member);
  if (place == peers_.end()) return false;
  const Peer& peer = place->second;
  return !is_gone(peer) || (!is_tombstone(peer) && peer.work_endpoint == seed.endpoint);
}

void Membership::Impl::redial(Seed& seed, std::size_t index, Actions& out) {
  if (seed.ours) return;
  if (seed.link) {
    if (now_ < links_.at(*seed.link).gives_up) return;
    hang_up(*seed.link, out);
  }
  if (satisfied(seed) || now_ < seed.redial.next) return;
  const LinkId id = open(seed.endpoint, out);
  seed.link = id;
  links_.at(id).seed = index;
  links_.at(id).gives_up = now_ + seed.redial.wait;
  seed.redial.wait = std::min(seed.redial.wait * 2, options_.timings.redial_max);
  send_hello(id, out);
}

void Membership::Impl::end_calls(Actions& out) {
  for (auto next = links_.begin(); next != links_.end();) {
    const auto& [id, link] = *next++;
    if (link.call && now_ >= link.gives_up) hang_up(id, out);
  }
}

void Membership::Impl::maintain_links(Actions& out) {
  end_calls(out);
  for (auto& [id, peer] : peers_) redial(peer, out);
  for (std::size_t i = 0; i < seeds_.size(); ++i) redial(seeds_[i], i, out);
  for (const auto& [id, link] : links_) {
    if (link.opened < now_ && needs_hello(link)) send_hello(id, out);
  }
}

/// Who sits there does not want us: hang up and come back seldom.
void Membership::Impl::abandon(LinkId id, Actions& out) {
  const Link& link = links_.at(id);
  const Backoff seldom{now_ + options_.timings.redial_max, options_.timings.redial_max};
  if (link.seed) seeds_[*link.seed].redial = seldom;
  if (link.member) {
    if (Peer* peer = find(*link.member)) peer->redial = seldom;
  }
  hang_up(id, out);
}

void Membership::Impl::on_link(MonoTime now, LinkId id, LinkEvent event, Actions& out) {
  if (!enter(now, out)) return;
  const auto place = links_.find(id);
  if (place == links_.end()) return;
  Link& link = place->second;
  if (event == LinkEvent::connected) {
    // Behind a new connection there may be a new process that knows nothing of us.
    if (link.broken) send_hello(id, out);
    link.broken = false;
    link.refused = false;
    return;
  }
  if (link.seed) seeds_[*link.seed].tried = true;
  link.doubted = now_;
  link.broken = link.broken || event == LinkEvent::disconnected;
  link.refused = event == LinkEvent::refused;
  Peer* peer = link.member ? find(*link.member) : nullptr;
  if (peer != nullptr && !is_gone(*peer) && broken(*peer)) probe(*peer, out);
  schedule();
}

}  // namespace evmesh::membership
