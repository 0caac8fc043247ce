#pragma once

#include "wire/fields.hpp"

namespace evmesh::wire {

// What the frames of membership hold.

/// What of a HELLO every version can read, for ever.
template <class Io>
void walk_frozen(Io& io, typename Io::template Ref<Hello> hello) {
  versions(io, hello.version_lowest, hello.version_highest);
  io.text8(hello.cluster, 1, limits::cluster_bytes_max);
}

inline bool bus_names_kept(const std::vector<std::string>& buses) {
  for (std::size_t i = 0; i < buses.size(); ++i) {
    if (!Group::parse(buses[i])) return false;
    if (std::find(buses.begin(), buses.begin() + static_cast<std::ptrdiff_t>(i), buses[i]) !=
        buses.begin() + static_cast<std::ptrdiff_t>(i)) {
      return false;
    }
  }
  return !buses.empty();
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Hello> hello) {
  walk_frozen(io, hello);
  node_name(io, hello.name, 1);
  io.choice(hello.mode, Mode::scale_efficient, Mode::broadcast);
  io.flag(hello.transient);
  endpoint(io, hello.work_endpoint);
  endpoint(io, hello.publish_endpoint);
  io.template list<std::uint16_t>(hello.buses, limits::buses_max, 2,
                                  [&](auto& bus) { io.text8(bus, 1, limits::group_bytes_max); });
  io.check(bus_names_kept(hello.buses));
  io.number(hello.announcement_version);
  io.number(hello.announcement_digest);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Welcome> welcome) {
  node_name(io, welcome.name, 1);
  endpoint(io, welcome.work_endpoint);
}

template <class Io>
void walk_after_reason(Io& io, typename Io::template Ref<Reject> reject) {
  io.text16(reject.text, 0, limits::reject_text_bytes_max);
  io.number(reject.epoch);
  versions(io, reject.version_lowest, reject.version_highest);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Reject> reject) {
  io.choice(reject.reason, RejectReason::cluster, RejectReason::malformed);
  walk_after_reason(io, reject);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Heartbeat> heartbeat) {
  io.number(heartbeat.seq);
  io.check(heartbeat.seq >= 1);
  io.number(heartbeat.echo);
  io.number(heartbeat.announcement_version);
  io.number(heartbeat.announcement_digest);
  io.number(heartbeat.members_digest);
  positions(io, heartbeat.heads);
  positions(io, heartbeat.through);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Ping> ping) {
  io.number(ping.nonce);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Pong> pong) {
  io.number(pong.nonce);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Probe> probe) {
  io.id(probe.subject);
  io.check(!probe.subject.nil());
  io.number(probe.subject_epoch);
  io.number(probe.nonce);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<ProbeAnswer> answer) {
  io.id(answer.subject);
  io.check(!answer.subject.nil());
  io.number(answer.subject_epoch);
  io.number(answer.nonce);
  io.maybe(answer.heard_ago_ms);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Members> members) {
  io.template list<std::uint16_t>(members.entries, limits::member_entries_max, 29, [&](auto& entry) {
    io.id(entry.id);
    io.check(!entry.id.nil());
    io.number(entry.epoch);
    io.choice(entry.state, MemberState::alive, MemberState::left);
    io.flag(entry.forgotten);
    io.flag(entry.transient);
    node_name(io, entry.name, 0);
    endpoint(io, entry.work_endpoint, 0);
  });
  io.check(ascending(members.entries, [](const MemberEntry& entry) { return entry.id; }));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Goodbye> goodbye) {
  io.flag(goodbye.for_good);
  io.number(goodbye.returns_in_ms);
  positions(io, goodbye.heads);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Fenced> fenced) {
  io.number(fenced.epoch);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<OneWay> one_way) {
  endpoint(io, one_way.endpoint);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Forget> forget) {
  io.id(forget.id);
  io.check(!forget.id.nil());
}

}  // namespace evmesh::wire
