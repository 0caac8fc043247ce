#include "bus/mesh_core.hpp"

#include <algorithm>
#include <mutex>
#include <type_traits>
#include <utility>

namespace evmesh::bus {

namespace {

// A subscription costs nothing to forge, so they are not kept without end.
constexpr std::size_t followers_max = 256;

Life sender(const wire::Frame& frame) { return {frame.header.from, frame.header.from_epoch}; }

/// Routing thinks in peers, the transport in links.
class PeerRoom final : public routing::Room {
 public:
  PeerRoom(const LinkRoom& room, const std::map<Life, LinkId>& links) : room_(room), links_(links) {}

  [[nodiscard]] std::uint64_t room_bytes(const Life& to, wire::Class frame_class) const override {
    const auto link = links_.find(to);
    return link == links_.end() ? 0 : room_.room_bytes(link->second, frame_class);
  }

 private:
  const LinkRoom& room_;
  const std::map<Life, LinkId>& links_;
};

/// Of cores that one thread has for itself; has no state, so that all of them may share it.
ChangeLock& no_lock() {
  static ChangeLock lock;
  return lock;
}

}  // namespace

MeshCore::MeshCore(CoreOptions options, const routing::ListenerLookup& lookup)
    : MeshCore(std::move(options), lookup, no_lock()) {}

MeshCore::MeshCore(CoreOptions options, const routing::ListenerLookup& lookup, ChangeLock& changes)
    : options_(std::move(options)),
      changes_(changes),
      membership_(options_.membership, *this, options_.seed),
      routing_(options_.routing, lookup) {}

void MeshCore::start(MonoTime now, CoreActions& out) {
  membership_.start(now, membership_actions_);
  flush(now, out);
}

std::optional<wire::Frame> MeshCore::decode(const wire::Buffer& bytes) {
  auto frame = wire::decode(bytes.bytes);
  if (frame) return std::move(*frame);
  ++undecodable_[frame.error()];
  return std::nullopt;
}

void MeshCore::on_router(MonoTime now, const ConnectionId& from, const wire::Buffer& bytes,
                         CoreActions& out) {
  auto frame = decode(bytes);
  if (!frame) return;
  const bool good = membership_.on_frame(now, from, *frame, membership_actions_);
  flush(now, out);
  if (!good) return;
  if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&frame->body)) {
    routing_.on_heartbeat(now, sender(*frame), *heartbeat, routing_actions_);
  } else if (wire::of_group_work(frame->header.kind)) {
    out.emplace_back(WorkFrame{sender(*frame), std::move(*frame), bytes});
  } else if (frame->header.kind == wire::Kind::announce) {
    const std::lock_guard changing(changes_);
    routing_.on_frame(now, *frame, bytes, routing_actions_);
  } else {
    routing_.on_frame(now, *frame, bytes, routing_actions_);
  }
  flush(now, out);
}

void MeshCore::on_answer(MonoTime now, LinkId link, const wire::Buffer& bytes, CoreActions& out) {
  const auto frame = decode(bytes);
  if (!frame) return;
  membership_.on_answer(now, link, *frame, membership_actions_);
  flush(now, out);
}

void MeshCore::on_published(MonoTime now, const wire::Buffer& bytes, CoreActions& out) {
  const auto frame = decode(bytes);
  if (!frame || !std::holds_alternative<wire::Notify>(frame->body)) return;
  const bool good = membership_.on_published(now, sender(*frame), membership_actions_);
  flush(now, out);
  if (good) routing_.on_frame(now, *frame, bytes, routing_actions_);
  flush(now, out);
}

void MeshCore::on_follower(MonoTime now, const Life& follower, bool active, CoreActions& out) {
  if (!active) followers_.erase(follower);
  if (active && followers_.size() < followers_max) followers_.insert(follower);
  routing_.follows(now, follower, followers_.contains(follower), routing_actions_);
  flush(now, out);
}

void MeshCore::on_link(MonoTime now, LinkId link, membership::LinkEvent event, CoreActions& out) {
  membership_.on_link(now, link, event, membership_actions_);
  flush(now, out);
}

void MeshCore::tick(MonoTime now, CoreActions& out) {
  membership_.tick(now, membership_actions_);
  flush(now, out);
  routing_.tick(now, routing_actions_);
  flush(now, out);
}

MonoTime MeshCore::next_deadline() const {
  return std::min(membership_.next_deadline(), routing_.next_deadline());
}

void MeshCore::pump(MonoTime now, const LinkRoom& room, CoreActions& out) {
  routing_.pump(now, PeerRoom(room, links_), routing_actions_);
  flush_routing(out);
}

std::uint64_t MeshCore::change_interest(std::size_t bus, std::span<const RegistrationKey> added,
                                        std::span<const RegistrationKey> removed,
                                        std::optional<bool> each_node) {
  return routing_.change_interest(bus, added, removed, each_node);
}

bool MeshCore::needed(std::size_t bus, std::span<const std::uint64_t> hashes) const {
  return routing_.needed(bus, hashes);
}

routing::PeerMask MeshCore::match(std::size_t bus, std::span<const std::uint64_t> hashes) const {
  return routing_.match(bus, hashes);
}

std::uint64_t MeshCore::accept(MonoTime now, std::size_t bus, routing::Batch batch) {
  return routing_.accept(now, bus, std::move(batch));
}

bool MeshCore::drop_out_of_step(MonoTime now, std::size_t bus, CoreActions& out) {
  const bool dropped = routing_.drop_out_of_step(now, bus, routing_actions_);
  flush_routing(out);
  return dropped;
}

void MeshCore::ask_reports(MonoTime now, std::size_t bus, CoreActions& out) {
  routing_.ask_reports(now, bus, routing_actions_);
  flush_routing(out);
}

void MeshCore::goodbye(MonoTime now, bool for_good, CoreActions& out) {
  membership_.goodbye(now, for_good, routing_.heads(), membership_actions_);
  flush(now, out);
}

Result<void> MeshCore::forget(MonoTime now, std::string_view name_or_id, CoreActions& out) {
  auto result = membership_.forget(now, name_or_id, membership_actions_);
  flush(now, out);
  return result;
}

void MeshCore::stop_waiting() {
  const std::lock_guard changing(changes_);
  joined_ = true;
  routing_.join_complete();
}

void MeshCore::settle(CoreActions& out) {
  if (membership_.anyone_absent() != absent_) {
    const std::lock_guard changing(changes_);
    routing_.someone_absent(absent_ = !absent_);
  }
  if (joined_ || !membership_.settled() || !routing_.exchanged()) return;
  stop_waiting();
  out.push_back(routing::Progress{});
}

void MeshCore::flush(MonoTime now, CoreActions& out) {
  flush_membership(now, out);
  flush_routing(out);
  settle(out);
}

void MeshCore::flush_membership(MonoTime now, CoreActions& out) {
  for (membership::Action& action : std::exchange(membership_actions_, {})) {
    std::visit(
        [&](auto& done) {
          using Done = std::decay_t<decltype(done)>;
          if constexpr (std::is_same_v<Done, membership::Send>) {
            out.push_back(SendOnLink{done.link, wire::Class::control, wire::encode(done.header, done.body)});
          } else if constexpr (std::is_same_v<Done, membership::Answer>) {
            out.push_back(AnswerOn{std::move(done.connection), wire::encode(done.header, done.body)});
          } else if constexpr (std::is_same_v<Done, membership::MemberUp> ||
                               std::is_same_v<Done, membership::MemberDown> ||
                               std::is_same_v<Done, membership::LifeEnded>) {
            on(now, done, out);
          } else {
            if constexpr (std::is_same_v<Done, membership::RaiseEpoch>) {
              const std::lock_guard changing(changes_);
              routing_.renumber(membership_.self());
            }
            out.push_back(std::move(done));
          }
        },
        action);
  }
}

void MeshCore::flush_routing(CoreActions& out) {
  for (routing::Action& action : std::exchange(routing_actions_, {})) {
    std::visit(
        [&](auto& done) {
          using Done = std::decay_t<decltype(done)>;
          if constexpr (std::is_same_v<Done, routing::SendFrame>) {
            const auto link = links_.find(done.to);
            if (link != links_.end())
              out.push_back(SendOnLink{link->second, done.frame_class, std::move(done.bytes)});
          } else if constexpr (std::is_same_v<Done, routing::Note>) {
            out.push_back(membership::Note{done.level, std::move(done.message), std::move(done.fields)});
          } else {
            out.push_back(std::move(done));
          }
        },
        action);
  }
}

void MeshCore::on(MonoTime now, membership::MemberUp& up, CoreActions& out) {
  links_[up.life] = up.link;
  {
    const std::lock_guard changing(changes_);
    routing_.member_up(now, up.life, up.hello, routing_actions_);
  }
  routing_.follows(now, up.life, followers_.contains(up.life), routing_actions_);
  flush_routing(out);
  out.emplace_back(WorkMemberUp{up.life, up.hello.name, up.hello.transient});
}

void MeshCore::on(MonoTime now, const membership::MemberDown& down, CoreActions& out) {
  {
    const std::lock_guard changing(changes_);
    routing_.member_down(now, down.life, routing_actions_);
  }
  links_.erase(down.life);
  flush_routing(out);
  out.emplace_back(WorkMemberDown{down.life});
}

void MeshCore::on(MonoTime now, const membership::LifeEnded& ended, CoreActions& out) {
  {
    const std::lock_guard changing(changes_);
    routing_.life_ended(now, ended.life, ended.clean, ended.heads, routing_actions_);
  }
  links_.erase(ended.life);
  flush_routing(out);
  out.emplace_back(WorkLifeEnded{ended.life, ended.clean});
}

std::optional<LinkId> MeshCore::link_of(const Life& life) const {
  const auto link = links_.find(life);
  return link == links_.end() ? std::nullopt : std::optional(link->second);
}

membership::HeartbeatContent MeshCore::content() const {
  return {routing_.announcement_version(), routing_.announcement_digest(), routing_.heads()};
}

std::vector<wire::StreamPosition> MeshCore::through(const Life& publisher) const {
  return routing_.through(publisher);
}

std::vector<Member> MeshCore::members(MonoTime now) const {
  std::vector<Member> members = membership_.members(now);
  for (Member& member : members) {
    const Life life{member.id, member.epoch};
    member.keys = routing_.keys_of(life);
    member.pub_connected = followers_.contains(life);
  }
  return members;
}

std::string MeshCore::name_of(const NodeId& id) const {
  for (const Member& member : membership_.members(MonoTime{})) {
    if (member.id == id) return member.name;
  }
  return id.to_string();
}

std::map<std::string, std::uint64_t> MeshCore::counters() const {
  std::map<std::string, std::uint64_t> all = routing_.counters();
  for (const auto& [name, value] : membership_.counters()) all[name] += value;
  for (const auto& [reason, count] : undecodable_) {
    all["evmesh_frames_dropped_total{reason=\"" + std::string(wire::to_string(reason)) + "\"}"] += count;
  }
  return all;
}

}  // namespace evmesh::bus
