#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

constexpr std::size_t sent_max = 32;
constexpr unsigned hurried_max = 4;
constexpr std::uint64_t echo_max = std::uint64_t{1} << 62;

}  // namespace

void Membership::Impl::send_heartbeat(Peer& peer, Actions& out) {
  Beats& beats = peer.beats;
  beats.sent.push_back({++beats.seq, now_});
  if (beats.sent.size() > sent_max) beats.sent.pop_front();
  HeartbeatContent content = source_.content();
  wire::Heartbeat heartbeat;
  heartbeat.seq = beats.seq;
  heartbeat.echo = beats.heard_seq;
  heartbeat.announcement_version = content.announcement_version;
  heartbeat.announcement_digest = content.announcement_digest;
  heartbeat.members_digest = digest();
  heartbeat.heads = std::move(content.heads);
  heartbeat.through = source_.through(peer.life);
  send(peer, std::move(heartbeat), out);
}

void Membership::Impl::on_heartbeat(Peer& peer, const wire::Heartbeat& heartbeat, Actions& out) {
  const bool news = heartbeat.seq > peer.beats.heard_seq;
  if (news) peer.beats.heard_seq = heartbeat.seq;
  const bool was_up = peer.up;
  take_echo(peer, heartbeat.echo);
  evaluate(peer, out);
  // On the way in nobody waits for the next turn; the number of such answers is bounded.
  if (news && !was_up && bound(peer) && peer.beats.hurried < hurried_max) {
    ++peer.beats.hurried;
    send_heartbeat(peer, out);
  }
  compare(peer, heartbeat.members_digest, out);
}

void Membership::Impl::take_echo(Peer& peer, std::uint64_t echo) {
  Beats& beats = peer.beats;
  if (echo > echo_max) {
    count("echoes_out_of_range");
    return;
  }
  if (echo > beats.seq) {
    // It remembers more than we sent, because we dropped its row meanwhile: no proof, and we go on after
    // that.
    beats.seq = echo;
    beats.sent.clear();
    return;
  }
  while (!beats.sent.empty() && beats.sent.front().seq <= echo) {
    beats.echoed = beats.sent.front().at;
    beats.sent.pop_front();
  }
  if (beats.echoed) stands(peer, *beats.echoed);
}

/// What was sent to it then has arrived: its connection was there, though word of that may have been lost.
void Membership::Impl::stands(const Peer& peer, MonoTime then) {
  const auto link = peer.link ? links_.find(*peer.link) : links_.end();
  if (link == links_.end() || then <= link->second.doubted) return;
  link->second.broken = false;
  link->second.refused = false;
}

bool Membership::Impl::we_hear(const Peer& peer) const {
  return peer.ever_heard && now_ - peer.heard < options_.timings.suspect;
}

/// A heartbeat that came back proves the way there as it was when it was sent.
bool Membership::Impl::hears_us(const Peer& peer) const {
  return peer.beats.echoed &&
         now_ - *peer.beats.echoed <= options_.timings.suspect + options_.timings.heartbeat;
}

void Membership::Impl::heard_from(Peer& peer, Actions& out) {
  peer.heard = now_;
  peer.ever_heard = true;
  peer.doubt.confirmed = false;
  if (peer.state == MemberState::alive) return;
  if (peer.state == MemberState::dead) revive(peer, out);
  evaluate(peer, out);
}

}  // namespace evmesh::membership
