#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

std::string counter_of(std::string_view prefix, wire::RejectReason reason) {
  return std::string(prefix) + std::string(wire::to_string(reason));
}

}  // namespace

wire::Hello Membership::Impl::own_hello() const {
  const HeartbeatContent content = source_.content();
  wire::Hello hello;
  hello.cluster = options_.cluster;
  hello.name = options_.name;
  hello.mode = options_.mode;
  hello.transient = options_.transient;
  hello.work_endpoint = options_.work_endpoint;
  hello.publish_endpoint = options_.publish_endpoint;
  hello.buses = options_.buses;
  hello.announcement_version = content.announcement_version;
  hello.announcement_digest = content.announcement_digest;
  return hello;
}

/// To whoever is there, until somebody answered; then to that node in any life.
void Membership::Impl::send_hello(LinkId id, Actions& out) {
  const Link& link = links_.at(id);
  send(id, link.answered ? link.answered->id : NodeId{}, 0, own_hello(), out);
}

/// Until frames of the node behind the link prove that it knows us.
bool Membership::Impl::needs_hello(const Link& link) const {
  if (!link.member || !link.answered) return true;
  const auto place = peers_.find(*link.member);
  return place == peers_.end() || !bound(place->second) || !we_hear(place->second) ||
         !hears_us(place->second);
}

bool Membership::Impl::on_hello(const ConnectionId& from, const Life& life, const wire::Hello& hello,
                                Actions& out) {
  if (life.id == self().id) return meet_own_id(from, life, hello, out);
  if (auto refusal = refusal_of(hello, options_.cluster)) {
    return refuse(from, life, hello.name, {refusal->reason, std::move(refusal->text)}, out);
  }
  Peer* peer = find(life.id);
  if (peer != nullptr && peer->forgotten) {
    return refuse(from, life, hello.name, {wire::RejectReason::forgotten, {}}, out);
  }
  if (peer == nullptr) {
    if (const GivenUp* over = given_up(life)) return refuse_given_up(*over, from, life, hello.name, out);
    peer = create(life, hello.name, hello.work_endpoint, hello.transient, out);
    if (peer == nullptr) return refuse(from, life, hello.name, {wire::RejectReason::full, {}}, out);
  }
  switch (age(life, peer->life)) {
    case Age::newer: return meet_newer(*peer, {.life = life, .hello = hello, .connection = from}, out);
    case Age::older: return meet_older(*peer, {.life = life, .hello = hello, .connection = from}, out);
    case Age::same: break;
  }
  // A late frame, or a node that lost the epoch of its last start.
  if (peer->ended) return meet_older(*peer, {.life = life, .hello = hello, .connection = from}, out);
  introduce(*peer, from, hello, out);
  return true;
}

/// `peer`'s current life says who it is, for the first time or again.
void Membership::Impl::introduce(Peer& peer, const ConnectionId& from, const wire::Hello& hello,
                                 Actions& out) {
  take_endpoints(peer, hello, out);
  peer.hello = hello;
  peer.name = hello.name;
  peer.transient = hello.transient;
  peer.connection = from;
  answer(from, peer.life, wire::Welcome{options_.name, options_.work_endpoint}, out);
  follow(peer, out);
  dial(peer, out);
  heard_from(peer, out);
  if (!bound(peer) && !peer.unanswered_since) peer.unanswered_since = now_;
}

/// A life may move, for example when its node got another address; its streams go on over a new link.
void Membership::Impl::take_endpoints(Peer& peer, const wire::Hello& hello, Actions& out) {
  const bool moved = peer.work_endpoint != hello.work_endpoint;
  peer.work_endpoint = hello.work_endpoint;
  if (peer.followed && *peer.followed != hello.publish_endpoint) unfollow(peer, out);
  const Link* link = link_of(peer);
  if (!moved || link == nullptr) return;
  // A seed's link may be another name of the new endpoint.
  if (link->seed && bound(peer)) return;
  go_down(peer, out);
  peer.redial = {now_, options_.timings.redial_first};
}

/// Always false: the HELLO was not taken.
bool Membership::Impl::refuse(const ConnectionId& from, const Life& life, std::string_view name,
                              wire::Reject reject, Actions& out) {
  if (reject.reason == wire::RejectReason::forgotten) {
    reject.text = "an operator removed this node: start it with a new data directory to join as a new member";
  }
  if (reject.reason == wire::RejectReason::full) {
    reject.text = "the mesh has " + std::to_string(options_.members_max) +
                  " members: raise members_max on every node, or forget those that are gone";
  }
  count(counter_of("hellos_rejected_", reject.reason));
  note_seldom(out, counter_of("refuse ", reject.reason) + " " + life.id.to_string(), LogLevel::warning,
              "hello_rejected",
              {{"reason", std::string(wire::to_string(reject.reason))},
               {"peer", std::string(name)},
               {"node", life.id.to_string()},
               {"text", reject.text}});
  answer(from, life, std::move(reject), out);
  return false;
}

/// Tells those whose HELLOs come but whose endpoint never answered: only they can mend it.
void Membership::Impl::warn_one_way(Actions& out) {
  for (auto& [id, peer] : peers_) {
    if (is_gone(peer) || bound(peer) || !peer.hello) peer.unanswered_since.reset();
    if (!peer.unanswered_since || !we_hear(peer)) continue;
    if (now_ - *peer.unanswered_since < options_.timings.one_way || now_ < peer.one_way_next) continue;
    peer.one_way_next = now_ + options_.timings.one_way;
    count("one_way_sent");
    note_seldom(
        out, "one way to " + id.to_string(), LogLevel::warning, "peer_unreachable",
        {{"peer", peer.name},
         {"endpoint", peer.work_endpoint},
         {"text", "it can reach this node, but its endpoint does not answer: check `advertise` there"}});
    answer(peer.connection, peer.life, wire::OneWay{peer.work_endpoint}, out);
  }
}

void Membership::Impl::on_one_way(const Link& link, const wire::OneWay& one_way, Actions& out) {
  count("one_way_received");
  note_seldom(out, "one way from " + link.endpoint, LogLevel::warning, "endpoint_unreachable",
              {{"endpoint", one_way.endpoint},
               {"seen_from", link.endpoint},
               {"text", "peers cannot reach this node there: set `advertise` to an address they can dial"}});
}

}  // namespace evmesh::membership
