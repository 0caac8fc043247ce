#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

constexpr std::size_t probed_through = 2;

std::string silent_for(std::chrono::nanoseconds silence) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "silent for %.1f s",
                std::chrono::duration<double>(silence).count());
  return text.data();
}

}  // namespace

/// Draws the consequences of what was heard and of the time. The only place where a member becomes alive,
/// suspect or dead by itself.
void Membership::Impl::evaluate(Peer& peer, Actions& out) {
  if (is_gone(peer)) return;
  const bool heard = we_hear(peer) && !peer.doubt.confirmed;
#ifdef EVMESH_SEEDED_BUG_ONE_WAY_TAKEN_AS_ALIVE
  if (heard && bound(peer) && peer.hello) return confirm(peer, out);
#endif
  if (heard && hears_us(peer) && bound(peer) && peer.hello) return confirm(peer, out);
  if (!we_hear(peer) && peer.told_left) return leave(peer, out);
  if (lost(peer)) return die(peer, out);
  if (peer.state == MemberState::alive) suspect(peer, out);
}

void Membership::Impl::confirm(Peer& peer, Actions& out) {
  if (peer.state == MemberState::alive) return;
  peer.state = MemberState::alive;
  peer.doubt = {};
  if (peer.up) {
    note(out, LogLevel::info, "member_alive", {{"peer", peer.name}, {"node", peer.life.id.to_string()}});
    return;
  }
  peer.up = true;
  peer.redial = {now_, options_.timings.redial_first};
  for (Seed& seed : seeds_) {
    if (seed.member != peer.life.id) continue;
    seed.tried = true;
    seed.redial = {now_, options_.timings.redial_first};
  }
  note(out, LogLevel::info, "member_up",
       {{"peer", peer.name}, {"node", peer.life.id.to_string()}, {"epoch", std::to_string(peer.life.epoch)}});
  out.emplace_back(MemberUp{peer.life, *peer.link, *peer.hello});
  send_members(peer, out);
}

void Membership::Impl::suspect(Peer& peer, Actions& out) {
  peer.state = MemberState::suspect;
  count("suspicions");
  note(out, LogLevel::info, "member_suspect",
       {{"peer", peer.name}, {"node", peer.life.id.to_string()}, {"reason", reason_of(peer)}});
  if (!we_hear(peer)) probe(peer, out);
}

void Membership::Impl::die(Peer& peer, Actions& out) {
  std::string reason = peer.doubt.confirmed ? "connection refused"
                       : peer.ever_heard    ? silent_for(now_ - peer.heard)
                                            : "never answered";
  const bool was_up = peer.up;
  go_down(peer, out);
  mark_dead(peer, std::move(reason));
  if (was_up) peer.redial.wait = options_.timings.redial_first;
  peer.redial.next = now_ + options_.timings.redial_first;
  count("deaths");
  if (was_up) {
    note(out, LogLevel::warning, "member_dead",
         {{"peer", peer.name}, {"node", peer.life.id.to_string()}, {"reason", peer.reason}});
  }
}

void Membership::Impl::mark_dead(Peer& peer, std::string reason) const {
  peer.state = MemberState::dead;
  peer.reason = std::move(reason);
  peer.changed = now_;
  peer.doubt = {};
}

/// The same life speaks again: it is on its way in, over a new link.
void Membership::Impl::revive(Peer& peer, Actions& out) {
  peer.state = MemberState::suspect;
  peer.reason.clear();
  peer.replaced = false;
  peer.heard = now_;
  peer.doubt = {};
  follow(peer, out);
  const Link* link = link_of(peer);
  const bool stale =
      link != nullptr && !link->answered && now_ - link->opened > options_.timings.redial_first;
  if (stale) hang_up(*peer.link, out);
  dial(peer, out);
  schedule();
}

/// Everything that hangs on a link of `peer` ends with it.
void Membership::Impl::go_down(Peer& peer, Actions& out) {
  if (peer.up) out.emplace_back(MemberDown{peer.life});
  peer.up = false;
  if (peer.state == MemberState::alive) peer.state = MemberState::suspect;
  if (peer.link) hang_up(*peer.link, out);
  unfollow(peer, out);
  peer.beats.sent.clear();
  peer.beats.echoed.reset();
  peer.ever_heard = false;
  peer.lists = {};
  peer.unanswered_since.reset();
}

void Membership::Impl::follow(Peer& peer, Actions& out) {
  if (peer.followed || !peer.hello) return;
  peer.followed = peer.hello->publish_endpoint;
  out.emplace_back(Follow{*peer.followed});
}

void Membership::Impl::unfollow(Peer& peer, Actions& out) {
  if (!peer.followed) return;
  out.emplace_back(Unfollow{*peer.followed});
  peer.followed.reset();
}

bool Membership::Impl::broken(const Peer& peer) const {
  const Link* link = link_of(peer);
  return link != nullptr && link->broken && link->refused;
}

/// Somebody else heard it so lately that only our own way to it can be broken.
bool Membership::Impl::vouched(const Peer& peer) const {
  return peer.doubt.vouched && now_ - *peer.doubt.vouched < options_.timings.dead;
}

bool Membership::Impl::lost(const Peer& peer) const {
  const auto silence = now_ - peer.heard;
  if (peer.doubt.confirmed && silence >= options_.timings.refused_grace) return true;
  return silence >= options_.timings.dead && !vouched(peer);
}

/// When the next thing happens to `peer` if it stays silent.
MonoTime Membership::Impl::silence_deadline(const Peer& peer) const {
  if (is_gone(peer)) return MonoTime::max();
  const Timings& timings = options_.timings;
  MonoTime next = MonoTime::max();
  const auto consider = [&](MonoTime at) {
    if (at > now_) next = std::min(next, at);
  };
  consider(peer.heard + timings.suspect);
  if (peer.doubt.confirmed) consider(peer.heard + timings.refused_grace);
  consider(peer.heard + timings.dead);
  if (peer.doubt.vouched) consider(*peer.doubt.vouched + timings.dead);
  return next;
}

/// Why a suspect is not alive.
std::string Membership::Impl::reason_of(const Peer& peer) const {
  if (vouched(peer) && !we_hear(peer)) return "unreachable from here, " + peer.doubt.vouched_by + " hears it";
  if (peer.doubt.confirmed) return "connection refused";
  if (!peer.ever_heard) return "not heard yet";
  if (!we_hear(peer)) return silent_for(now_ - peer.heard);
  if (!bound(peer)) return "its endpoint " + peer.work_endpoint + " does not answer";
  return "it does not hear us";
}

/// Asks two others, chosen by chance, whether they hear `peer`. With nobody to ask our own eyes must do.
void Membership::Impl::probe(Peer& peer, Actions& out) {
  std::vector<const Peer*> others;
  for (const auto& [id, other] : peers_) {
    if (other.state == MemberState::alive && id != peer.life.id) others.push_back(&other);
  }
  if (others.empty()) {
    if (broken(peer) && !peer.doubt.confirmed) {
      peer.doubt.confirmed = true;
      evaluate(peer, out);
    }
    return;
  }
  if (peer.doubt.asked && now_ - *peer.doubt.asked < options_.timings.heartbeat) return;
  peer.doubt.asked = now_;
  if (peer.doubt.nonce == 0) peer.doubt.nonce = random_.next_u64() | 1;
  for (std::size_t i = 0; i < std::min(probed_through, others.size()); ++i) {
    std::swap(others[i], others[base::uniform(random_, i, others.size() - 1)]);
    count("probes_sent");
    send(*others[i], wire::Probe{peer.life.id, peer.life.epoch, peer.doubt.nonce}, out);
  }
}

void Membership::Impl::on_probe(Peer& peer, const ConnectionId& from, const wire::Probe& probe,
                                Actions& out) {
  wire::ProbeAnswer answer{probe.subject, probe.subject_epoch, probe.nonce, {}};
  const Peer* subject = find(probe.subject);
  if (subject != nullptr && subject->life.epoch == probe.subject_epoch && !is_gone(*subject) &&
      we_hear(*subject)) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - subject->heard);
    answer.heard_ago_ms = static_cast<std::uint32_t>(ago.count());
  }
  reply(peer, from, answer, out);
}

void Membership::Impl::on_probe_answer(const Peer& peer, const wire::ProbeAnswer& answer, Actions& out) {
  Peer* subject = find(answer.subject);
  if (subject == nullptr || is_gone(*subject) || subject->life.epoch != answer.subject_epoch) return;
  if (answer.nonce != subject->doubt.nonce || answer.nonce == 0) return;
  const auto heard_ago = std::chrono::milliseconds{answer.heard_ago_ms.value_or(0)};
  if (answer.heard_ago_ms && heard_ago < options_.timings.suspect) {
    subject->doubt.vouched = std::max(subject->doubt.vouched.value_or(MonoTime{}), now_ - heard_ago);
    subject->doubt.vouched_by = peer.name;
  }
  // Who heard it lately outweighs who did not, in whatever order they answer.
  const bool contradicted =
      subject->doubt.vouched && now_ - *subject->doubt.vouched <= 2 * options_.timings.heartbeat;
  subject->doubt.confirmed = broken(*subject) && !contradicted;
  evaluate(*subject, out);
}

}  // namespace evmesh::membership
