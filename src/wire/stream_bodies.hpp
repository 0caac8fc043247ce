#pragma once

#include <limits>

#include "wire/fields.hpp"

namespace evmesh::wire {

// What the frames of announcements and streams hold.

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
