#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "membership/impl.hpp"

namespace evmesh::membership {

void Membership::Impl::on_welcome(LinkId id, const Life& life, const wire::Welcome& welcome, Actions& out) {
  if (life.id == self().id) return on_own_welcome(id, life, out);
  Link& link = links_.at(id);
  if (link.seed) seeds_[*link.seed].tried = true;
  Peer* peer = find(life.id);
  const GivenUp* over = peer == nullptr ? given_up(life) : nullptr;
  // It has our HELLO and does not know yet that it is over. Our answer to its own tells it, and this link waits for a later life.
  if (over != nullptr && !over->forgotten) return;
  if (peer == nullptr && over == nullptr && valid_node_name(welcome.name) && !endpoint_fault(welcome.work_endpoint)) {
    peer = create(life, welcome.name, welcome.work_endpoint, false, out);
  }
  if (peer == nullptr || peer->forgotten) {
    if (!link.member || !bound(peers_.at(*link.member))) abandon(id, out);
    return;
  }
  if (!pass_on(id, life, welcome, out)) return;
  link.answered = life;
  const Age its_age = age(life, peer->life);
  if (its_age == Age::same) return bind(id, *peer, out);
  // An earlier life, a twin's or of a node with an older disk: its own HELLO decides that too.
  if (its_age == Age::older) return;
  // A later life that has our HELLO by now; its own decides, and this link waits for it.
  link.gives_up = now_ + options_.timings.dead;
}

void Membership::Impl::on_own_welcome(LinkId id, const Life& life, Actions& out) {
  const Link& link = links_.at(id);
  if (link.seed && life.epoch == self().epoch) {
    seeds_[*link.seed].ours = true;
    seeds_[*link.seed].tried = true;
  }
  Peer* peer = link.member ? find(*link.member) : nullptr;
  hang_up(id, out);
  if (peer != nullptr) mark_replaced(*peer, options_.name, out);
}

/// A link that was dialled for one member and answered by another goes to the other. False when it stays,
/// because the first is still up over it; then the other is dialled where it says it is.
bool Membership::Impl::pass_on(LinkId id, const Life& life, const wire::Welcome& welcome, Actions& out) {
  Link& link = links_.at(id);
  if (!link.member || *link.member == life.id) return true;
  Peer& former = peers_.at(*link.member);
  if (former.up) {
    Peer& other = peers_.at(life.id);
    if (!is_gone(other)) dial(other, out);
    return false;
  }
  former.link.reset();
  link.member.reset();
  mark_replaced(former, welcome.name, out);
  return true;
}

/// Its endpoint belongs to somebody else now. Unless it still speaks to us, it is dialled no more and its life is over: a node
/// that lost its disk comes back under another id, and nobody would ever say what is missing of the former. Whoever was only
/// away comes back as a later life.
void Membership::Impl::mark_replaced(Peer& peer, std::string_view by, Actions& out) {
  peer.redial = {now_ + options_.timings.redial_max, options_.timings.redial_max};
  if (is_tombstone(peer) || (we_hear(peer) && !is_gone(peer))) return;
  if (!is_gone(peer)) die(peer, out);
  end_life(peer, false, {}, out);
  peer.replaced = true;
  peer.reason = "replaced by " + std::string(by) + " on " + peer.work_endpoint;
  out.emplace_back(Gone{peer.life.id});
  note(out, LogLevel::info, "member_replaced", {{"peer", peer.name}, {"reason", peer.reason}});
}

void Membership::Impl::bind(LinkId id, Peer& peer, Actions& out) {
  if (peer.ended) return;
  if (peer.link && *peer.link != id) {
    if (bound(peer)) {
      const auto seed = links_.at(id).seed;
      if (seed) seeds_[*seed].member = peer.life.id;
      return hang_up(id, out);
    }
    hang_up(*peer.link, out);
  }
  const bool new_answer = peer.link != id || !peer.hello || !peer.up;
  give_link(id, peer);
  peer.unanswered_since.reset();
  if (peer.state == MemberState::dead) revive(peer, out);
  if (new_answer && peer.beats.hurried++ == 0) send_heartbeat(peer, out);
  evaluate(peer, out);
}

void Membership::Impl::on_reject(LinkId id, const Life& life, const wire::Reject& reject, Actions& out) {
  const Link& link = links_.at(id);
  if (link.seed) seeds_[*link.seed].tried = true;
  const std::string reason(wire::to_string(reject.reason));
  count("rejected_by_peers_" + reason);
  const std::string at = " (by the node on " + link.endpoint + ")";
  switch (reject.reason) {
    case wire::RejectReason::stale_epoch:
      if (reject.epoch >= self().epoch) raise_epoch(reject.epoch, out);
      return;
    case wire::RejectReason::twin:
      // An older life of ours that was cut off while others took us for its successor.
      if (life.id == self().id && life.epoch < self().epoch && anyone_up()) {
        return send(id, life.id, life.epoch, wire::Fenced{self().epoch}, out);
      }
      return fail(
          {ErrorCode::node_failed,
           "another process runs under this node's id, or ran until a moment ago: " + reject.text + at},
          out);
    case wire::RejectReason::forgotten:
      return fail({ErrorCode::node_failed, "this node was removed from the mesh: " + reject.text + at}, out);
    default: break;
  }
  note_seldom(out, "rejected by " + link.endpoint + " " + reason, LogLevel::warning, "rejected_by_peer",
              {{"endpoint", link.endpoint}, {"reason", reason}, {"text", base::escaped(reject.text, 1024)}});
  const bool in_use = link.member && peers_.at(*link.member).up;
  if (!in_use) abandon(id, out);
}

}  // namespace evmesh::membership
