#include <utility>

#include "base/text.hpp"
#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

constexpr std::chrono::milliseconds returns_in{60'000};

}  // namespace

void Membership::Impl::goodbye(MonoTime now, bool for_good, std::vector<wire::StreamPosition> heads,
                               Actions& out) {
  if (!enter(now, out)) return;
  const auto returns = for_good ? std::chrono::milliseconds{0} : returns_in;
  for (const auto& [id, peer] : peers_) {
    if (is_gone(peer) || !bound(peer)) continue;
    send(peer, wire::Goodbye{for_good, static_cast<std::uint32_t>(returns.count()), heads}, out);
  }
  stopped_ = true;
}

void Membership::Impl::on_goodbye(Peer& peer, const wire::Goodbye& goodbye, Actions& out) {
  go_down(peer, out);
  end_life(peer, true, goodbye.heads, out);
  note(out, LogLevel::info, goodbye.for_good ? "member_left" : "member_stopped",
       {{"peer", peer.name}, {"node", peer.life.id.to_string()}});
  if (goodbye.for_good) return leave(peer, out);
  mark_dead(peer, "stopped");
  peer.redial = {now_ + options_.timings.redial_first, options_.timings.redial_first};
}

/// `peer` is gone for good, whoever told us.
void Membership::Impl::leave(Peer& peer, Actions& out) {
  go_down(peer, out);
  end_life(peer, false, {}, out);
  peer.state = MemberState::left;
  peer.reason = "left";
  peer.changed = now_;
  digest_stale_ = true;
}

void Membership::Impl::end_life(Peer& peer, bool clean, std::vector<wire::StreamPosition> heads,
                                Actions& out) {
  // What never introduced itself has no streams to end.
  if (!peer.ended && peer.hello) out.emplace_back(LifeEnded{peer.life, clean, std::move(heads)});
  peer.ended = true;
}

void Membership::Impl::forget_peer(Peer& peer, Actions& out) {
  note(out, LogLevel::info, "member_forgotten", {{"peer", peer.name}, {"node", peer.life.id.to_string()}});
  leave(peer, out);
  peer.forgotten = true;
  peer.reason = "forgotten";
  out.emplace_back(Gone{peer.life.id});
  contenders_.erase(peer.life.id);
}

Result<void> Membership::Impl::forget(MonoTime now, std::string_view name_or_id, Actions& out) {
  if (!enter(now, out)) return evmesh::fail(ErrorCode::closed, "this node has stopped: ask another member");
  const auto found = resolve(name_or_id);
  if (!found) return tl::unexpected(found.error());
  Peer& peer = **found;
  if (!is_gone(peer)) {
    const bool alive = peer.state == MemberState::alive;
    return evmesh::fail(
        ErrorCode::invalid_argument,
        "member " + base::quoted(peer.name) + " is " +
            (alive ? "alive: stop it first" : "suspect (" + reason_of(peer) + "): wait until it is dead"));
  }
  if (!peer.forgotten) forget_peer(peer, out);
  for (const auto& [id, other] : peers_) {
    if (other.up) send(other, wire::Forget{peer.life.id}, out);
  }
  bound_tombstones(out);
  schedule();
  return {};
}

/// By id, or by a name that only one row has.
Result<Peer*> Membership::Impl::resolve(std::string_view name_or_id) {
  const auto refuse_self = [] {
    return evmesh::fail(ErrorCode::invalid_argument, "this node cannot forget itself: use `leave`");
  };
  if (const auto id = NodeId::parse(name_or_id)) {
    if (*id == self().id) return refuse_self();
    if (Peer* peer = find(*id)) return peer;
  }
  if (name_or_id == options_.name) return refuse_self();
  std::vector<Peer*> called;
  for (auto& [id, peer] : peers_) {
    if (!peer.forgotten && peer.name == name_or_id) called.push_back(&peer);
  }
  if (called.size() == 1) return called.front();
  if (called.empty()) {
    return evmesh::fail(ErrorCode::unknown_member,
                        "no member has the name or id " + base::quoted(name_or_id));
  }
  return evmesh::fail(ErrorCode::invalid_argument, std::to_string(called.size()) + " members are called " +
                                                       base::quoted(name_or_id) + ": give the id");
}

/// Unknown ids come with the member lists, which say their epochs too.
void Membership::Impl::on_forget(const NodeId& id, Actions& out) {
  if (id == self().id) {
    return fail({ErrorCode::node_failed,
                 "this node was removed from the mesh by an operator: start it with a new "
                 "data directory to join as a new member"},
                out);
  }
  if (Peer* peer = find(id); peer != nullptr && !peer->forgotten) forget_peer(*peer, out);
}

/// Transient nodes come back under new ids, so their rows and tombstones serve nobody.
void Membership::Impl::forget_transients(Actions& out) {
  std::vector<NodeId> over;
  for (const auto& [id, peer] : peers_) {
    const bool old = now_ - peer.changed >= options_.timings.transient_forget;
    if (peer.transient && is_gone(peer) && !peer.forgotten && old) over.push_back(id);
  }
  for (const NodeId& id : over) erase(id, out);
}

}  // namespace evmesh::membership
