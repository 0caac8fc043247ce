#include <algorithm>

#include "base/limits.hpp"
#include "routing/outbound.hpp"
#include "wire/event_codec.hpp"

// Cutting frames from the ring.

namespace evmesh::routing {

namespace {

constexpr std::uint64_t frame_bytes_max = limits::packed_message_bytes_max;

// A report is asked for often enough that neither the socket's queue (128 messages) nor the link's credit (4 MiB) fills in
// a healthy mesh, and seldom enough to cost nothing.
constexpr std::uint32_t report_frames = 32;
constexpr std::uint64_t report_bytes = limits::mib;

// Small frames are held back while so many are under way, to be packed: the socket drops beyond 128 messages.
constexpr std::size_t unreported_frames_max = 64;
constexpr std::uint64_t worth_sending_bytes = 48 * limits::kib;
constexpr std::chrono::milliseconds packing_time_max{5};

bool due(std::uint32_t& frames, std::uint64_t& bytes, std::uint64_t size) {
  bytes += size;
  if (++frames < report_frames && bytes < report_bytes) return false;
  frames = 0;
  bytes = 0;
  return true;
}

}  // namespace

void OutboundStream::pump(MonoTime now, const Room& room, Outbox& outbox) {
  pump_socket(now, outbox);
  for (auto& [life, cursor] : cursors_) {
    if (!cursor.subscribed) continue;
    if (cursor.repair) pump_repair(life, cursor, room, outbox);
    if (!cursor.follows && !nothing_wanted(cursor)) pump_link(now, life, cursor, room, outbox);
  }
}

/// Looks at what the ring got meanwhile, up to the first that needs a frame. Most peers want little of it, so this is what
/// most of them cost.
bool OutboundStream::nothing_wanted(Cursor& cursor) const {
  if (cursor.scanned == ring_.head()) return true;
  if (cursor.scanned + 1 < ring_.first()) return false;
  for (std::size_t index = ring_.find(cursor.scanned + 1); index < ring_.size(); ++index) {
    const RingEntry& entry = ring_.at(index);
    if (entry.hollow && std::max(entry.first, cursor.scanned + 1) <= cursor.known_since.value_or(0)) return false;
    if (!entry.hollow && wants(cursor, entry, false)) return false;
    cursor.scanned = entry.last;
  }
  return true;
}

bool OutboundStream::wants(const Cursor& cursor, const RingEntry& entry, bool rematch) const {
  if (everything()) return true;
  if (rematch || entry.first <= cursor.rematch_until) return interest_.wants(cursor.slot, options_.bus, entry.hashes);
  return (entry.wanted & (PeerMask{1} << cursor.slot)) != 0;
}

std::optional<wire::GapNotice> OutboundStream::lost(const Cursor& cursor, std::uint64_t after, std::uint64_t to) const {
  const auto number = static_cast<std::uint16_t>(options_.bus);
#ifndef EVMESH_SEEDED_BUG_CLAIMS_LOST
  if (after + 1 < ring_.first()) {
    return wire::GapNotice{number, GapReason::ring_overrun, after + 1, std::min(to, ring_.first() - 1)};
  }
#endif
  const std::size_t index = ring_.find(after + 1);
  if (index == ring_.size() || !ring_.at(index).hollow || after >= cursor.known_since.value_or(0)) return std::nullopt;
  return wire::GapNotice{number, GapReason::joined_late, after + 1,
                         std::min({to, ring_.at(index).last, *cursor.known_since})};
}

OutboundStream::Piece OutboundStream::cut(const Cursor& cursor, const wire::Header& header, Range range,
                                          std::uint64_t scan_from, bool rematch, bool report) const {
  wire::NotifyWriter writer(header, static_cast<std::uint16_t>(options_.bus), range.after);
  std::uint64_t end = scan_from;
  for (std::size_t index = ring_.find(scan_from + 1); index < ring_.size(); ++index) {
    const RingEntry& entry = ring_.at(index);
    if (entry.first > range.to) break;
    if (entry.hollow && std::max(entry.first, scan_from + 1) <= cursor.known_since.value_or(0)) break;
    if (!entry.hollow && wants(cursor, entry, rematch)) {
      if (writer.count() > 0 && writer.size_bytes() + entry.bytes.size() > frame_bytes_max) break;
      writer.add(entry.first, entry.bytes);
    }
    end = std::min(entry.last, range.to);
  }
  const std::size_t events = writer.count();
  return {writer.finish(end, false, report), end, events};
}

void OutboundStream::pump_link(MonoTime now, const Life& life, Cursor& cursor, const Room& room, Outbox& outbox) {
  std::uint64_t left = room.room_bytes(life, Class::notification);
  while (cursor.scanned < ring_.head() && left > 0 && cursor.in_flight.open() < limits::link_credit_bytes) {
    if (const auto gap = lost(cursor, cursor.scanned, ring_.head())) {
      send_gap(life, *gap, Class::notification, outbox);
      cursor.sent = cursor.scanned = gap->to;
      continue;
    }
    const bool report = due(cursor.frames_unasked, cursor.bytes_unasked, 0);
    Piece piece = cut(cursor, outbox.header(life), {cursor.sent, ring_.head()}, cursor.scanned, false, report);
    cursor.scanned = piece.end;
    if (piece.events == 0) continue;
    ++counters_.frames;
    cursor.sent = piece.end;
    cursor.bytes_unasked += piece.bytes.size();
    cursor.in_flight.add(piece.end, piece.bytes.size());
    cursor.sent_at = now;
    cursor.head_due = true;
    left -= std::min<std::uint64_t>(left, piece.bytes.size());
    outbox.actions().push_back(SendFrame{life, Class::notification, std::move(piece.bytes)});
  }
}

void OutboundStream::pump_repair(const Life& life, Cursor& cursor, const Room& room, Outbox& outbox) {
  std::uint64_t left = room.room_bytes(life, Class::bulk);
  while (cursor.repair && left > 0 && cursor.repair_in_flight.open() < limits::bulk_credit_bytes) {
    Range& range = *cursor.repair;
    if (const auto gap = lost(cursor, range.after, range.to)) {
      send_gap(life, *gap, Class::bulk, outbox);
      range.after = gap->to;
    } else {
      Piece piece = cut(cursor, outbox.header(life), range, range.after, true, true);
      range.after = std::max(piece.end, range.after + 1);
      left -= std::min<std::uint64_t>(left, piece.bytes.size());
      cursor.repair_in_flight.add(range.after, piece.bytes.size());
      outbox.actions().push_back(SendFrame{life, Class::bulk, std::move(piece.bytes)});
    }
    if (range.after >= range.to) cursor.repair.reset();
  }
}

void OutboundStream::pump_socket(MonoTime now, Outbox& outbox) {
  if (!everything() || published_ == ring_.head()) return;
  if (!any_follower()) {
    published_ = ring_.head();
    unpublished_bytes_ = 0;
    return;
  }
  if (worth_packing(now)) return;
  unpublished_bytes_ = 0;
  static const Cursor all;  // known from the beginning, wants everything
  while (published_ < ring_.head()) {
    published_ = std::max(published_, ring_.first() - 1);
    const bool report = due(published_unasked_, published_bytes_unasked_, 0);
    Piece piece = cut(all, outbox.header({}), {published_, ring_.head()}, published_, false, report);
    published_ = piece.end;
    if (piece.events == 0) continue;
    ++counters_.frames;
    published_bytes_unasked_ += piece.bytes.size();
    published_ends_.push_back(piece.end);
    published_at_ = now;
    publish_head_due_ = true;
    outbox.actions().push_back(PublishFrame{std::move(piece.bytes)});
  }
}

bool OutboundStream::worth_packing(MonoTime now) {
  std::uint64_t slowest = published_;
  for (const auto& [life, cursor] : cursors_) {
    if (cursor.subscribed && cursor.follows && cursor.in_step) slowest = std::min(slowest, cursor.reported);
  }
  while (!published_ends_.empty() && published_ends_.front() <= slowest) published_ends_.pop_front();
  return published_ends_.size() >= unreported_frames_max && unpublished_bytes_ < worth_sending_bytes &&
         now < published_at_ + packing_time_max;
}

void OutboundStream::send_gap(const Life& life, const wire::GapNotice& gap, Class frame_class, Outbox& outbox) {
  ++counters_.gaps_sent;
#ifndef EVMESH_SEEDED_BUG_GAP_SWALLOWED
  outbox.send(life, frame_class, gap);
#else
  outbox.send(life, frame_class, wire::Notify{gap.bus, false, false, gap.from - 1, gap.to, {}});
#endif
}

void OutboundStream::send_head(MonoTime now, const Life& life, Cursor& cursor, bool report, Outbox& outbox) {
  ++counters_.heads;
  cursor.sent_at = now;
  cursor.head_due = false;
  const auto number = static_cast<std::uint16_t>(options_.bus);
  outbox.send(life, Class::notification, wire::Notify{number, false, report, cursor.sent, cursor.sent, {}});
}

void OutboundStream::publish_head(MonoTime now, bool report, Outbox& outbox) {
  ++counters_.heads;
  published_at_ = now;
  publish_head_due_ = false;
  const wire::Notify head{static_cast<std::uint16_t>(options_.bus), false, report, published_, published_, {}};
  outbox.actions().push_back(PublishFrame{wire::encode(outbox.header({}), head)});
}

void OutboundStream::tick(MonoTime now, Outbox& outbox) {
  drop_out_of_step(now, outbox.actions());
#ifndef EVMESH_SEEDED_BUG_NO_HEADS
  const auto& timings = options_.timings;
  for (auto& [life, cursor] : cursors_) {
    if (!cursor.subscribed || cursor.follows) continue;
    // Speak for what was looked at and not wanted, so that the ring need not reach back for it.
    if (cursor.sent < cursor.scanned && now >= cursor.sent_at + timings.head_while_lagging && interest_.any(cursor.slot)) {
      const auto number = static_cast<std::uint16_t>(options_.bus);
      outbox.send(life, Class::notification, wire::Notify{number, false, true, cursor.sent, cursor.scanned, {}});
      cursor.sent = cursor.scanned;
      cursor.sent_at = now;
    } else if ((cursor.head_due && now >= cursor.sent_at + timings.head_after_burst) ||
               (lags(cursor) && now >= cursor.sent_at + timings.head_while_lagging)) {
      send_head(now, life, cursor, true, outbox);
    }
  }
  if ((publish_head_due_ && now >= published_at_ + timings.head_after_burst) ||
      (any_follower_lags() && now >= published_at_ + timings.head_while_lagging)) {
    publish_head(now, true, outbox);
  }
#endif
}

std::optional<MonoTime> OutboundStream::next_deadline() const {
  std::optional<MonoTime> next;
  const auto at = [&next](MonoTime when) { next = next ? std::min(*next, when) : when; };
  const auto& timings = options_.timings;
  for (const auto& [life, cursor] : cursors_) {
    if (shuts_window(cursor)) at(cursor.advanced_at + timings.out_of_step);
  }
#ifdef EVMESH_SEEDED_BUG_NO_HEADS
  return next;
#endif
  for (const auto& [life, cursor] : cursors_) {
    if (!cursor.subscribed || cursor.follows) continue;
    if (cursor.head_due) at(cursor.sent_at + timings.head_after_burst);
    if (lags(cursor) || (cursor.sent < cursor.scanned && interest_.any(cursor.slot))) {
      at(cursor.sent_at + timings.head_while_lagging);
    }
  }
  if (publish_head_due_) at(published_at_ + timings.head_after_burst);
  if (unpublished_bytes_ > 0) at(published_at_ + packing_time_max);
  if (any_follower_lags()) at(published_at_ + timings.head_while_lagging);
  return next;
}

void OutboundStream::ask_reports(MonoTime now, Outbox& outbox) {
  for (auto& [life, cursor] : cursors_) {
    if (cursor.subscribed && !cursor.follows && cursor.reported < cursor.sent) {
      send_head(now, life, cursor, true, outbox);
    }
  }
  if (any_follower_lags()) publish_head(now, true, outbox);
}

}  // namespace evmesh::routing
