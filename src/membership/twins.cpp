#include <limits>
#include <utility>

#include "base/text.hpp"
#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

constexpr std::chrono::seconds fence_again{1};

std::string twin_text(const Peer& incumbent) {
  return "node " + base::quoted(incumbent.name) + " (" + incumbent.life.id.to_string() + ") is alive on " +
         incumbent.work_endpoint + ": give each process a data directory of its own";
}

std::string stale_text(std::uint64_t epoch) {
  return "this life of the node or a later one is over, epoch " + std::to_string(epoch);
}

}  // namespace

/// Introduced, not known to be gone, and its endpoint does not refuse us.
bool Membership::Impl::may_be_alive(const Peer& peer) const {
  const Link* link = link_of(peer);
  return !is_gone(peer) && !peer.ended && peer.hello && (link == nullptr || !link->refused);
}

/// A HELLO of a later life. A copied data directory must not push out the node it was copied from.
bool Membership::Impl::meet_newer(Peer& peer, Contender newer, Actions& out) {
  const Link* link = link_of(peer);
  const bool moved_in = link != nullptr && link->answered == newer.life;
  if (may_be_alive(peer) && !moved_in) return ask_incumbent(peer, std::move(newer), out);
  rebirth(peer, newer.life, out);
  introduce(peer, newer.connection, newer.hello, out);
  return true;
}

/// A HELLO of an earlier life, or of one that ended: a twin, or a node that lost the epoch of its last start.
bool Membership::Impl::meet_older(Peer& peer, Contender older, Actions& out) {
  if (may_be_alive(peer)) return ask_incumbent(peer, std::move(older), out);
  return refuse_stale(peer, older, out);
}

/// Whether the known life is alive is its own to say: what we last heard may be old, for example after a
/// pause of ours. Always false: the HELLO waits for the answer.
bool Membership::Impl::ask_incumbent(Peer& peer, Contender asking, Actions& out) {
  const auto [place, first] = contenders_.try_emplace(peer.life.id);
  Contender& contender = place->second;
  if (!first && asking.life.epoch < contender.life.epoch) return false;
  if (!first && asking.life == contender.life) {
    contender.hello = std::move(asking.hello);
    contender.connection = std::move(asking.connection);
    return false;
  }
  contender = std::move(asking);
  contender.nonce = random_.next_u64();
  contender.ask_again = now_ + options_.timings.incumbent_answer / 2;
  contender.deadline = now_ + options_.timings.incumbent_answer;
  count("incumbents_asked");
  if (peer.link) send(peer, wire::Ping{contender.nonce}, out);
  return false;
}

void Membership::Impl::settle_contenders(Actions& out) {
  for (auto place = contenders_.begin(); place != contenders_.end();) {
    Contender& contender = place->second;
    Peer& peer = peers_.at(place->first);
    if (now_ >= contender.deadline) {
      const Contender unopposed = std::move(contender);
      place = contenders_.erase(place);
      replace(peer, unopposed, out);
      continue;
    }
    if (!contender.asked_again && now_ >= contender.ask_again) {
      contender.asked_again = true;
      if (peer.link) send(peer, wire::Ping{contender.nonce}, out);
    }
    ++place;
  }
}

/// The known life did not answer. An earlier one has to come again as a later one, and is then asked for too.
void Membership::Impl::replace(Peer& peer, const Contender& by, Actions& out) {
  if (by.life.epoch <= peer.life.epoch) {
    refuse_stale(peer, by, out);
    return;
  }
  note(out, LogLevel::warning, "life_replaced",
       {{"peer", peer.name}, {"node", peer.life.id.to_string()}, {"epoch", std::to_string(by.life.epoch)}});
  rebirth(peer, by.life, out);
  introduce(peer, by.connection, by.hello, out);
}

bool Membership::Impl::refuse_stale(const Peer& peer, const Contender& contender, Actions& out) {
  return refuse(contender.connection, contender.life, contender.hello.name,
                {wire::RejectReason::stale_epoch, stale_text(peer.life.epoch), peer.life.epoch}, out);
}

bool Membership::Impl::refuse_given_up(const GivenUp& row, const ConnectionId& from, const Life& life, std::string_view name,
                                       Actions& out) {
  if (row.forgotten) return refuse(from, life, name, {wire::RejectReason::forgotten, {}}, out);
  return refuse(from, life, name, {wire::RejectReason::stale_epoch, stale_text(row.epoch), row.epoch}, out);
}

/// The known life is there, so the newcomer is its twin.
void Membership::Impl::on_pong(Peer& peer, const wire::Pong& pong, Actions& out) {
  const auto place = contenders_.find(peer.life.id);
  if (place == contenders_.end() || place->second.nonce != pong.nonce) return;
  const Contender twin = std::move(place->second);
  contenders_.erase(place);
  refuse(twin.connection, twin.life, twin.hello.name,
         {wire::RejectReason::twin, twin_text(peer), peer.life.epoch}, out);
}

/// Ourselves through a seed, or a twin. Of two the one that others know stays; without witnesses the older
/// does.
bool Membership::Impl::meet_own_id(const ConnectionId& from, const Life& life, const wire::Hello& hello,
                                   Actions& out) {
  if (life.epoch == self().epoch) {
    // The answer tells the link's end, which is ours too, to hang up for good.
    answer(from, life, wire::Welcome{options_.name, options_.work_endpoint}, out);
    return false;
  }
  count("twins_met");
  const std::string text = "node " + base::quoted(options_.name) + " (" + self().id.to_string() +
                           ") is alive on " + options_.work_endpoint +
                           ": give each process a data directory of its own";
  if (life.epoch > self().epoch) {
    return refuse(from, life, hello.name, {wire::RejectReason::twin, text, self().epoch}, out);
  }
  if (anyone_up()) {
    answer(from, life, wire::Fenced{self().epoch}, out);
    return false;
  }
  // A frame of our last life may still have been on its way; a process that goes on talking is no such frame.
  if (!old_self_ || old_self_->first != life.epoch) old_self_.emplace(life.epoch, now_);
  if (now_ - old_self_->second > options_.timings.dead) {
    fail({ErrorCode::node_failed, "another process runs under this node's id on " + hello.work_endpoint +
                                      ": give each process a data directory of its own"},
         out);
  }
  return false;
}

/// `peer`'s row goes on with a later life, on a link that this life answered or on a new one.
void Membership::Impl::rebirth(Peer& peer, const Life& life, Actions& out) {
  // Whoever else waits to take this id over has to ask this life first.
  contenders_.erase(life.id);
  const std::optional<LinkId> link = peer.link;
  const bool keep = link && links_.at(*link).answered == life && !peer.up;
  if (keep) {
    links_.at(*link).member.reset();
    peer.link.reset();
  }
  go_down(peer, out);
  end_life(peer, false, {}, out);
  Peer next;
  next.life = life;
  next.name = peer.name;
  next.work_endpoint = peer.work_endpoint;
  next.transient = peer.transient;
  next.heard = now_;
  next.fence_next = peer.fence_next;
  next.redial = {now_, options_.timings.redial_first};
  peer = std::move(next);
  if (keep) give_link(*link, peer);
  digest_stale_ = true;
}

/// Tells a life that is over so, at most once a second for each id. Where the later one is gone too, it may
/// be the node itself with an older disk, and goes on above both.
void Membership::Impl::fence(Peer& peer, const ConnectionId& from, const Life& life, Actions& out) {
  if (now_ < peer.fence_next) return;
  peer.fence_next = now_ + fence_again;
  count("fenced_sent");
  if (may_be_alive(peer)) return answer(from, life, wire::Fenced{peer.life.epoch}, out);
  answer(from, life, wire::Reject{wire::RejectReason::stale_epoch, stale_text(peer.life.epoch), peer.life.epoch}, out);
}

void Membership::Impl::on_fenced(const Life& by, const wire::Fenced& fenced, Actions& out) {
  if (fenced.epoch <= self().epoch) {
    count("fenced_ignored");
    return;
  }
  const Peer* peer = find(by.id);
  fail({ErrorCode::node_failed, "fenced: " + (peer != nullptr ? peer->name : by.id.to_string()) +
                                    " knows a later life of this node (epoch " +
                                    std::to_string(fenced.epoch) + "), so another process runs under its id"},
       out);
}

/// Peers remember more of this node than its own disk: go on as a later life than any they know.
void Membership::Impl::raise_epoch(std::uint64_t known, Actions& out) {
  if (known == std::numeric_limits<std::uint64_t>::max()) {
    return fail({ErrorCode::node_failed,
                 "peers know the last possible epoch of this node: start it with a new data "
                 "directory"},
                out);
  }
  for (auto& [id, peer] : peers_) go_down(peer, out);
  while (!links_.empty()) hang_up(links_.begin()->first, out);
  contenders_.clear();
  options_.self.epoch = known + 1;
  digest_stale_ = true;
  count("epoch_raised");
  note(out, LogLevel::warning, "epoch_raised", {{"epoch", std::to_string(self().epoch)}});
  out.emplace_back(RaiseEpoch{self().epoch});
  for (auto& [id, peer] : peers_) {
    peer.beats = {};
    peer.redial = {now_, options_.timings.redial_first};
    if (!is_gone(peer)) peer.heard = now_;
    if (!is_gone(peer)) follow(peer, out);
  }
  for (Seed& seed : seeds_) seed.redial = {now_, options_.timings.redial_first};
  maintain_links(out);
}

}  // namespace evmesh::membership
