#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "membership/impl.hpp"
#include "wire/digest.hpp"

namespace evmesh::membership {

namespace {

// Of lives that were given up; the others have their turn when the lists are exchanged again.
constexpr std::ptrdiff_t calls_max = 16;

wire::MemberEntry entry_of(const Peer& peer) {
  return {peer.life.id,   peer.life.epoch, peer.state,        peer.forgotten,
          peer.transient, peer.name,       peer.work_endpoint};
}

}  // namespace

std::uint64_t Membership::Impl::digest() {
  if (!digest_stale_) return digest_;
  digest_ = wire::digest_of_member({self().id, self().epoch, MemberState::alive, false, false, {}, {}});
  for (const auto& [id, peer] : peers_) digest_ ^= wire::digest_of_member(entry_of(peer));
  digest_stale_ = false;
  return digest_;
}

void Membership::Impl::send_members(Peer& peer, Actions& out) {
  peer.lists.next = now_ + 4 * options_.timings.heartbeat;
  peer.lists.differs_since.reset();
  wire::Members members;
  for (const auto& [id, other] : peers_) {
    if (members.entries.size() == limits::member_entries_max) send(peer, std::exchange(members, {}), out);
    members.entries.push_back(entry_of(other));
  }
  send(peer, std::move(members), out);
}

/// What changed goes to everybody, at most once per turn.
void Membership::Impl::gossip(Actions& out) {
  if (digest() == digest_told_) return;
  digest_told_ = digest();
  for (auto& [id, peer] : peers_) {
    if (peer.up) send_members(peer, out);
  }
}

/// Lists that stay different for more than a heartbeat are exchanged; both sides see it and both send.
void Membership::Impl::compare(Peer& peer, std::uint64_t their_digest, Actions& out) {
  if (their_digest == digest()) {
    peer.lists.complete = true;
    peer.lists.differs_since.reset();
    return;
  }
  if (!peer.lists.differs_since) peer.lists.differs_since = now_;
  const bool lasting = now_ - *peer.lists.differs_since > options_.timings.heartbeat;
  if (peer.up && lasting && now_ >= peer.lists.next) {
    count("member_lists_repaired");
    send_members(peer, out);
  }
}

void Membership::Impl::on_members(Peer& peer, const wire::Members& members, Actions& out) {
  peer.lists.complete = true;
  for (const wire::MemberEntry& entry : members.entries) {
    if (stopped_) return;
    learn(entry, out);
  }
  bound_tombstones(out);
}

void Membership::Impl::learn(const wire::MemberEntry& entry, Actions& out) {
  if (entry.id == self().id) {
    if (!entry.forgotten) return;
    return fail({ErrorCode::node_failed,
                 "this node was removed from the mesh by an operator: start it with a new "
                 "data directory to join as a new member"},
                out);
  }
  if (Peer* peer = find(entry.id)) return learn_known(*peer, entry, out);
  learn_unknown(entry, out);
}

void Membership::Impl::learn_unknown(const wire::MemberEntry& entry, Actions& out) {
  const GivenUp* over = given_up({entry.id, entry.epoch});
  if (over != nullptr && over->forgotten) return;
  if (over != nullptr && !entry.forgotten) return call_over(entry, out);
  const bool left = entry.state == MemberState::left;
  if (left || entry.forgotten) {
    // Tombstones of transient nodes are needed by nobody: their ids never come back.
    if (entry.transient && !entry.forgotten) return;
    Peer& peer = peers_[entry.id];
    peer.life = {entry.id, entry.epoch};
    peer.name = entry.name;
    peer.work_endpoint = entry.work_endpoint;
    peer.state = MemberState::left;
    peer.reason = "left";
    peer.ended = true;
    peer.forgotten = entry.forgotten;
    peer.changed = now_;
    digest_stale_ = true;
    if (entry.forgotten) out.emplace_back(Gone{entry.id});
    return;
  }
  // Everybody forgets a dead transient member at his own moment; the last one must not bring it back to the
  // first.
  if (entry.transient && entry.state == MemberState::dead) return;
  if (!valid_node_name(entry.name) || endpoint_fault(entry.work_endpoint) || entry.epoch == 0) {
    count("member_entries_rejected");
    return;
  }
  Peer* peer = create({entry.id, entry.epoch}, entry.name, entry.work_endpoint, entry.transient, out);
  if (peer == nullptr) return;
  if (entry.state == MemberState::dead) mark_dead(*peer, "dead when we learned of it");
  dial(*peer, out);
}

/// A life that is over for us speaks to others. It may have given up ours, too, and then neither would ever dial the other. Whoever
/// says HELLO hears that he is over, and goes on as a later life.
void Membership::Impl::call_over(const wire::MemberEntry& entry, Actions& out) {
  if (entry.state != MemberState::alive || endpoint_fault(entry.work_endpoint)) return;
  const auto there = [&](const auto& each) { return !each.second.member && each.second.endpoint == entry.work_endpoint; };
  if (std::ranges::any_of(links_, there)) return;
  if (std::ranges::count_if(links_, [](const auto& each) { return each.second.call; }) >= calls_max) {
    count("given_up_not_dialled");
    return;
  }
  count("given_up_dialled");
  const LinkId id = open(entry.work_endpoint, out);
  links_.at(id).call = true;
  send_hello(id, out);
}

void Membership::Impl::learn_known(Peer& peer, const wire::MemberEntry& entry, Actions& out) {
  if (peer.forgotten) {
    if (entry.forgotten && entry.epoch > peer.life.epoch) {
      peer.life.epoch = entry.epoch;
      digest_stale_ = true;
    }
    return;
  }
  if (entry.forgotten) {
    peer.life.epoch = std::max(peer.life.epoch, entry.epoch);
    return forget_peer(peer, out);
  }
  const Life said{entry.id, entry.epoch};
  const bool left = entry.state == MemberState::left;
  if (said.epoch == peer.life.epoch && left && peer.state != MemberState::left) {
    // Its own goodbye, with the final numbers of its streams, may be on its way to us.
    peer.told_left = true;
    if (is_gone(peer) || !we_hear(peer)) leave(peer, out);
    return;
  }
  // A later life that others met. If the known one speaks to us, the newcomer's own HELLO must decide.
  if (said.epoch <= peer.life.epoch || (!is_gone(peer) && peer.ever_heard)) return;
  if (!left && (!valid_node_name(entry.name) || endpoint_fault(entry.work_endpoint))) {
    count("member_entries_rejected");
    return;
  }
  rebirth(peer, said, out);
  peer.name = entry.name;
  peer.work_endpoint = entry.work_endpoint;
  peer.transient = entry.transient;
  if (left) return leave(peer, out);
  if (entry.state == MemberState::dead) mark_dead(peer, "dead when we learned of it");
  dial(peer, out);
}

}  // namespace evmesh::membership
