#pragma once

#include <limits>

#include <evmesh/key.hpp>

#include "base/limits.hpp"
#include "wire/cursor.hpp"

namespace evmesh::wire {

// What each frame holds, once for both directions: `Io` is Writer or Reader. README.md says the same in
// tables.

template <class Io>
void bus_number(Io& io, typename Io::template Ref<std::uint16_t> bus) {
  io.number(bus);
  io.check(bus < limits::buses_max);
}

template <class Io>
void positions(Io& io, typename Io::template Ref<std::vector<StreamPosition>> list) {
  io.template list<std::uint16_t>(list, limits::buses_max, 10, [&](auto& position) {
    bus_number(io, position.bus);
    io.number(position.seq);
  });
  io.check(ascending(list, [](const StreamPosition& position) { return position.bus; }));
}

/// The name of a node: `[A-Za-z0-9._-]`. A group name may also hold `$`.
template <class Io>
void node_name(Io& io, typename Io::template Ref<std::string> name, std::size_t min) {
  io.text8(name, min, limits::node_name_bytes_max);
  io.check(name.empty() || (Group::parse(name).has_value() && name.find('$') == std::string::npos));
}

template <class Io>
void endpoint(Io& io, typename Io::template Ref<std::string> endpoint, std::size_t min = 1) {
  io.text8(endpoint, min, limits::endpoint_bytes_max);
}

template <class Io>
void versions(Io& io, typename Io::template Ref<std::uint8_t> lowest,
              typename Io::template Ref<std::uint8_t> highest) {
  io.number(lowest);
  io.number(highest);
  io.check(lowest >= 1 && lowest <= highest);
}

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

/// `added` and `removed` ascend, so one pass over both finds a key that is in both.
inline bool disjoint(const std::vector<std::uint64_t>& added, const std::vector<std::uint64_t>& removed) {
  auto left = added.begin();
  auto right = removed.begin();
  while (left != added.end() && right != removed.end()) {
    if (*left == *right) return false;
    *left < *right ? ++left : ++right;
  }
  return true;
}

template <class Io>
void hashes(Io& io, typename Io::template Ref<std::vector<std::uint64_t>> list, std::size_t count_max) {
  io.template list<std::uint32_t>(list, count_max, 8, [&](auto& hash) { io.number(hash); });
  io.check(ascending(list, [](std::uint64_t hash) { return hash; }));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Announce> announce) {
  io.number(announce.base);
  io.number(announce.version);
  io.check(announce.base == 0 || announce.version > announce.base);
  io.number(announce.part);
  io.number(announce.parts);
  io.check(announce.part < announce.parts && announce.parts <= limits::announcement_parts_max);
  io.check(announce.base == 0 || announce.parts == 1);
  io.template list<std::uint16_t>(announce.each_node, limits::buses_max, 2,
                                  [&](auto& bus) { bus_number(io, bus); });
  io.check(ascending(announce.each_node, [](std::uint16_t bus) { return bus; }));
  hashes(io, announce.added, limits::announcement_frame_keys_max);
  hashes(io, announce.removed, limits::announcement_frame_keys_max - announce.added.size());
  io.check(announce.base > 0 || announce.removed.empty());
  io.check(disjoint(announce.added, announce.removed));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<AnnounceAck> ack) {
  io.number(ack.version);
  positions(io, ack.positions);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<AnnounceRequest> request) {
  io.number(request.have);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Subscribe> subscribe) {
  bus_number(io, subscribe.bus);
  io.maybe(subscribe.through);
  io.number(subscribe.announcement_version);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<GapNotice> gap) {
  bus_number(io, gap.bus);
  io.choice(gap.reason, GapReason::ring_overrun, GapReason::joined_late);
  io.number(gap.from);
  io.number(gap.to);
  io.check(gap.from >= 1 && gap.from <= gap.to);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Repair> repair) {
  bus_number(io, repair.bus);
  io.number(repair.after);
  io.number(repair.to);
  io.check(repair.after < repair.to);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Report> report) {
  positions(io, report.through);
}

/// NOTIFY is written by NotifyWriter, which needs no list of events first; this reads it.
inline void walk(Reader& reader, Notify& notify) {
  bus_number(reader, notify.bus);
  const auto flags = reader.take_number<std::uint8_t>();
  reader.check(flags <= 3);
  notify.start = (flags & 1U) != 0;
  notify.report = (flags & 2U) != 0;
  reader.number(notify.after);
  reader.number(notify.to);
  reader.check(notify.after <= notify.to);
  std::uint64_t last = notify.after;
  reader.list<std::uint32_t>(
      notify.events, std::numeric_limits<std::uint32_t>::max(), 9, [&](EventSlice& event) {
        const std::uint64_t delta = reader.take_number<std::uint32_t>();
        event.bytes = reader.take(reader.take_number<std::uint32_t>());
        if (reader.error()) return;
        event.seq = notify.after + delta;
        reader.check(!event.bytes.empty() && event.seq > last && delta <= notify.to - notify.after);
        last = event.seq;
      });
}

}  // namespace evmesh::wire
