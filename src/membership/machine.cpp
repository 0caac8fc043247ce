#include <algorithm>
#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

Membership::Impl::Impl(Options options, const HeartbeatSource& source, std::uint64_t random_seed)
    : options_(std::move(options)), source_(source), random_(random_seed) {
  for (const std::string& endpoint : options_.seeds) {
    const auto same = [&](const Seed& seed) { return seed.endpoint == endpoint; };
    if (endpoint == options_.work_endpoint || std::ranges::any_of(seeds_, same)) continue;
    Seed& seed = seeds_.emplace_back();
    seed.endpoint = endpoint;
    seed.redial.wait = options_.timings.redial_first;
  }
}

void Membership::Impl::start(MonoTime now, Actions& out) {
  started_ = true;
  last_input_ = now;
  now_ = now;
  next_beat_ = now_ + options_.timings.heartbeat;
  for (std::size_t i = 0; i < seeds_.size(); ++i) redial(seeds_[i], i, out);
  digest_told_ = digest();
  schedule();
}

void Membership::Impl::tick(MonoTime now, Actions& out) {
  if (!enter(now, out)) return;
  for (auto& [id, peer] : peers_) evaluate(peer, out);
  settle_contenders(out);
  if (now_ >= next_beat_) beat(out);
  schedule();
}

void Membership::Impl::beat(Actions& out) {
  next_beat_ += options_.timings.heartbeat;
  if (next_beat_ <= now_) next_beat_ = now_ + options_.timings.heartbeat;
  maintain_links(out);
  for (auto& [id, peer] : peers_) {
    peer.beats.hurried = 0;
    if (!is_gone(peer) && bound(peer)) send_heartbeat(peer, out);
    if (!is_gone(peer) && (!we_hear(peer) || broken(peer))) probe(peer, out);
  }
  warn_one_way(out);
  forget_transients(out);
  bound_tombstones(out);
  gossip(out);
}

MonoTime Membership::Impl::next_deadline() const {
  return started_ && !stopped_ ? deadline_ + paused_ : MonoTime::max();
}

void Membership::Impl::schedule() {
  deadline_ = next_beat_;
  for (const auto& [id, peer] : peers_) deadline_ = std::min(deadline_, silence_deadline(peer));
  for (const auto& [id, contender] : contenders_) {
    deadline_ = std::min(
        {deadline_, contender.deadline, contender.asked_again ? contender.deadline : contender.ask_again});
  }
}

/// Takes the time of an input. False when this node is over and the input is not to be looked at.
bool Membership::Impl::enter(MonoTime now, Actions& out) {
  if (!started_ || stopped_) return false;
  now = std::max(now, last_input_);
  const std::chrono::nanoseconds gap = now - last_input_;
  last_input_ = now;
  now_ = now - paused_;
  if (gap > options_.timings.heartbeat + options_.timings.pause_tolerance) notice_pause(gap, out);
  return true;
}

/// The machine's own time stands still during a pause, so that no deadline counts what this node could not
/// hear. After a pause longer than the suspicion time those that were alive begin anew: their frames may need
/// a new connection.
void Membership::Impl::notice_pause(std::chrono::nanoseconds gap, Actions& out) {
  const auto gap_ms = std::chrono::duration_cast<std::chrono::milliseconds>(gap).count();
  count("own_pauses");
  count("own_pause_ms", static_cast<std::uint64_t>(gap_ms));
  note_seldom(out, "own_pause", LogLevel::warning, "own_pause", {{"gap_ms", std::to_string(gap_ms)}});
#ifdef EVMESH_SEEDED_BUG_PAUSE_COUNTED_AS_SILENCE
  return;
#endif
  const std::chrono::nanoseconds skipped = gap - options_.timings.heartbeat;
  paused_ += skipped;
  now_ -= skipped;
  if (gap <= options_.timings.suspect) return;
  for (auto& [id, peer] : peers_) {
    if (peer.state != MemberState::alive) continue;
    peer.heard = now_;
    peer.beats.echoed = now_;
  }
}

bool Membership::Impl::addressed_to_us(const wire::Header& header) const {
  if (header.kind == wire::Kind::hello) {
    return (header.to.nil() || header.to == self().id) &&
           (header.to_epoch == 0 || (header.to == self().id && header.to_epoch == self().epoch));
  }
  return header.to == self().id && header.to_epoch == self().epoch;
}

Membership::Impl::Age Membership::Impl::age(const Life& said, const Life& known) {
  if (said.epoch > known.epoch) return Age::newer;
  return said.epoch < known.epoch ? Age::older : Age::same;
}

bool Membership::Impl::on_frame(MonoTime now, const ConnectionId& from, const wire::Frame& frame,
                                Actions& out) {
  if (!enter(now, out)) return false;
  const wire::Header& header = frame.header;
  const Life life{header.from, header.from_epoch};
  if (!addressed_to_us(header)) {
    count("frames_rejected_addressee");
    return false;
  }
  if (const auto* hello = std::get_if<wire::Hello>(&frame.body)) {
    const bool taken = on_hello(from, life, *hello, out);
    schedule();
    return taken;
  }
  if (const auto* fenced = std::get_if<wire::Fenced>(&frame.body)) {
    on_fenced(life, *fenced, out);
    return !stopped_;
  }
  Peer* peer = speaker(from, header, out);
  if (peer == nullptr) return false;
  const bool changes = frame.header.kind <= wire::Kind::forget || peer->state != MemberState::alive;
  heard_from(*peer, out);
  handle(*peer, from, frame.body, out);
  if (changes) schedule();
  return !stopped_;
}

/// Whose frame this is, if its life is current and was introduced by a HELLO.
Peer* Membership::Impl::speaker(const ConnectionId& from, const wire::Header& header, Actions& out) {
  const Life life{header.from, header.from_epoch};
  Peer* peer = find(life.id);
  if (peer == nullptr) {
    count("frames_rejected_unknown_life");
    return nullptr;
  }
  if (peer->forgotten) {
    count("frames_rejected_forgotten");
    if (now_ < peer->fence_next) return nullptr;
    peer->fence_next = now_ + std::chrono::seconds{1};
    refuse(from, life, peer->name, {wire::RejectReason::forgotten, {}}, out);
    return nullptr;
  }
  const Age its_age = age(life, peer->life);
  if (its_age == Age::older) {
    count("frames_rejected_old_epoch");
    fence(*peer, from, life, out);
#ifdef EVMESH_SEEDED_BUG_OLD_EPOCH_ACCEPTED
    return peer;
#endif
    return nullptr;
  }
  if (its_age == Age::newer || !peer->hello) {
    count("frames_rejected_unknown_life");
    return nullptr;
  }
  if (peer->ended) {
    count("frames_rejected_ended_life");
    return nullptr;
  }
  return peer;
}

void Membership::Impl::handle(Peer& peer, const ConnectionId& from, const wire::Body& body, Actions& out) {
  std::visit(Overloaded{
                 [&](const wire::Heartbeat& it) { on_heartbeat(peer, it, out); },
                 [&](const wire::Ping& it) { reply(peer, from, wire::Pong{it.nonce}, out); },
                 [&](const wire::Pong& it) { on_pong(peer, it, out); },
                 [&](const wire::Probe& it) { on_probe(peer, from, it, out); },
                 [&](const wire::ProbeAnswer& it) { on_probe_answer(peer, it, out); },
                 [&](const wire::Members& it) { on_members(peer, it, out); },
                 [&](const wire::Goodbye& it) { on_goodbye(peer, it, out); },
                 [&](const wire::Forget& it) { on_forget(it.id, out); },
                 [](const auto&) {},
             },
             body);
}

void Membership::Impl::on_answer(MonoTime now, LinkId link, const wire::Frame& frame, Actions& out) {
  if (!enter(now, out)) return;
  const wire::Header& header = frame.header;
  const Life life{header.from, header.from_epoch};
  const auto place = links_.find(link);
  if (place == links_.end()) {
    count("answers_on_closed_links");
  } else if (!addressed_to_us(header)) {
    count("frames_rejected_addressee");
  } else if (const auto* welcome = std::get_if<wire::Welcome>(&frame.body)) {
    on_welcome(link, life, *welcome, out);
  } else if (const auto* reject = std::get_if<wire::Reject>(&frame.body)) {
    on_reject(link, life, *reject, out);
  } else if (const auto* one_way = std::get_if<wire::OneWay>(&frame.body)) {
    on_one_way(place->second, *one_way, out);
  } else if (const auto* fenced = std::get_if<wire::Fenced>(&frame.body)) {
    on_fenced(life, *fenced, out);
  } else if (Peer* peer = find(life.id);
             peer != nullptr && peer->life == life && peer->hello && !peer->ended) {
    if (const auto* pong = std::get_if<wire::Pong>(&frame.body)) on_pong(*peer, *pong, out);
    if (const auto* seen = std::get_if<wire::ProbeAnswer>(&frame.body)) on_probe_answer(*peer, *seen, out);
  }
  schedule();
}

/// Frames from the notification socket may be old ones that waited there, so they do not bring back the dead.
bool Membership::Impl::on_published(MonoTime now, const Life& from, Actions& out) {
  if (!enter(now, out)) return false;
  Peer* peer = find(from.id);
  if (peer == nullptr || peer->ended || peer->forgotten || !peer->hello ||
      age(from, peer->life) != Age::same) {
    count("published_rejected_unknown_life");
    return false;
  }
  if (peer->state == MemberState::dead) return true;
  const bool changes = peer->state != MemberState::alive;
  heard_from(*peer, out);
  if (changes) schedule();
  return true;
}

}  // namespace evmesh::membership
