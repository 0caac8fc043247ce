#include <algorithm>
#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

namespace {

constexpr std::size_t tombstones_max = 256;
constexpr std::size_t given_up_max = 1'024;
constexpr std::size_t noted_max = 256;
constexpr std::chrono::seconds note_again{30};

/// The bodies this room sends stand in the order of their kinds.
wire::Kind kind_of(const wire::Body& body) {
  static_assert(std::is_same_v<std::variant_alternative_t<0, wire::Body>, wire::Hello>);
  static_assert(std::is_same_v<std::variant_alternative_t<12, wire::Body>, wire::Forget>);
  static_assert(static_cast<int>(wire::Kind::hello) == 1 && static_cast<int>(wire::Kind::forget) == 13);
  return static_cast<wire::Kind>(body.index() + 1);
}

}  // namespace

Peer* Membership::Impl::find(const NodeId& id) {
  const auto place = peers_.find(id);
  return place == peers_.end() ? nullptr : &place->second;
}

const Link* Membership::Impl::link_of(const Peer& peer) const {
  return peer.link ? &links_.at(*peer.link) : nullptr;
}

/// Its current life welcomed us on our link.
bool Membership::Impl::bound(const Peer& peer) const {
  const Link* link = link_of(peer);
  return link != nullptr && link->answered == peer.life;
}

bool Membership::Impl::anyone_up() const {
  return std::ranges::any_of(peers_, [](const auto& row) { return row.second.up; });
}

bool Membership::Impl::full() const {
  const auto members =
      std::ranges::count_if(peers_, [](const auto& row) { return !is_tombstone(row.second); });
  return static_cast<std::uint64_t>(members) + 1 >= options_.members_max;
}

/// A new row, on its way in. Nothing when the mesh is full.
Peer* Membership::Impl::create(const Life& life, std::string_view name, std::string_view work_endpoint,
                               bool transient, Actions& out) {
  if (full()) {
    count("members_refused_full");
    note_seldom(out, "full " + life.id.to_string(), LogLevel::warning, "member_refused",
                {{"peer", std::string(name)},
                 {"reason", "the mesh has " + std::to_string(options_.members_max) +
                                " members: raise members_max on every node, or forget those that are gone"}});
    return nullptr;
  }
  Peer& peer = peers_[life.id];
  peer.life = life;
  peer.name = name;
  peer.work_endpoint = work_endpoint;
  peer.transient = transient;
  peer.heard = now_;
  peer.redial.wait = options_.timings.redial_first;
  digest_stale_ = true;
  return &peer;
}

void Membership::Impl::erase(const NodeId& id, Actions& out) {
  Peer& peer = peers_.at(id);
  go_down(peer, out);
  end_life(peer, false, {}, out);
  remember(peer);
  for (Seed& seed : seeds_) {
    if (seed.member == id) seed.member.reset();
  }
  contenders_.erase(id);
  peers_.erase(id);
  digest_stale_ = true;
}

/// Listeners were told that nothing more comes of this life. If it is only paused or cut off, it must not be met as a new one:
/// its stream would begin again.
void Membership::Impl::remember(const Peer& peer) {
  const auto number = [](const auto& entry) { return entry.second.number; };
  const auto latest = std::ranges::max_element(given_up_, {}, number);
  const std::uint64_t next = latest == given_up_.end() ? 1 : latest->second.number + 1;
  GivenUp& row = given_up_[peer.life.id];
  row.epoch = std::max(row.epoch, peer.life.epoch);
  row.forgotten = row.forgotten || peer.forgotten;
  row.number = next;
  if (given_up_.size() > given_up_max) given_up_.erase(std::ranges::min_element(given_up_, {}, number));
}

/// Why `life`, which has no row, is not to get one; null when it may.
const GivenUp* Membership::Impl::given_up(const Life& life) const {
  const auto place = given_up_.find(life.id);
  if (place == given_up_.end()) return nullptr;
  const GivenUp& row = place->second;
  return row.forgotten || life.epoch <= row.epoch ? &row : nullptr;
}

/// The lowest epoch is the oldest life, on every node the same, so that tables stay equal when they overflow.
void Membership::Impl::bound_tombstones(Actions& out) {
  std::vector<std::pair<std::uint64_t, NodeId>> tombstones;
  for (const auto& [id, peer] : peers_) {
    if (is_tombstone(peer)) tombstones.emplace_back(peer.life.epoch, id);
  }
  if (tombstones.size() <= tombstones_max) return;
  std::ranges::sort(tombstones);
  tombstones.resize(tombstones.size() - tombstones_max);
  for (const auto& [epoch, id] : tombstones) erase(id, out);
  count("tombstones_dropped", tombstones.size());
}

void Membership::Impl::count(std::string_view counter, std::uint64_t by) {
  counters_["evmesh_membership_" + std::string(counter) + "_total"] += by;
}

void Membership::Impl::note(Actions& out, LogLevel level, std::string message, base::LogFields fields) const {
  out.emplace_back(Note{level, std::move(message), std::move(fields)});
}

/// For what may repeat with every frame: one line in 30 s for each `about`.
void Membership::Impl::note_seldom(Actions& out, const std::string& about, LogLevel level,
                                   std::string message, base::LogFields fields) {
  const auto place = noted_.find(about);
  if (place != noted_.end() && now_ < place->second) {
    count("notes_left_out");
    return;
  }
  if (place == noted_.end() && noted_.size() >= noted_max) noted_.clear();
  noted_[about] = now_ + note_again;
  note(out, level, std::move(message), std::move(fields));
}

void Membership::Impl::send(LinkId link, const NodeId& to, std::uint64_t to_epoch, wire::Body body,
                            Actions& out) {
  wire::Header header = header_for({to, to_epoch});
  header.kind = kind_of(body);
  out.emplace_back(Send{link, header, std::move(body)});
}

void Membership::Impl::send(const Peer& peer, wire::Body body, Actions& out) {
  send(*peer.link, peer.life.id, peer.life.epoch, std::move(body), out);
}

void Membership::Impl::answer(const ConnectionId& to, const Life& life, wire::Body body, Actions& out) const {
  wire::Header header = header_for(life);
  header.kind = kind_of(body);
  out.emplace_back(Answer{to, header, std::move(body)});
}

/// Over our link where there is one, so that the way is the one that counts.
void Membership::Impl::reply(const Peer& peer, const ConnectionId& from, wire::Body body, Actions& out) {
  if (bound(peer)) return send(peer, std::move(body), out);
  answer(from, peer.life, std::move(body), out);
}

void Membership::Impl::fail(Error error, Actions& out) {
  stopped_ = true;
  note(out, LogLevel::error, "node_failed", {{"reason", error.message}});
  out.emplace_back(Fatal{std::move(error)});
}

}  // namespace evmesh::membership
