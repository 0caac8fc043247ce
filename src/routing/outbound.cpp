#include "routing/outbound.hpp"

#include <algorithm>
#include <limits>

#include "base/limits.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::routing {

namespace {

constexpr std::uint64_t mark_bytes = 64 * limits::kib;

PeerMask bit(std::uint32_t slot) { return PeerMask{1} << slot; }

}  // namespace

void OutboundStream::Meter::add(std::uint64_t seq, std::uint64_t bytes) {
  total_ += bytes;
  if (marks_.empty() || total_ - marks_.back().total >= mark_bytes) {
    marks_.push_back({seq, total_});
  }
}

bool OutboundStream::Meter::settle(std::uint64_t through, std::uint64_t everything) {
  const std::uint64_t before = settled_;
  while (!marks_.empty() && marks_.front().seq <= through) {
    settled_ = std::max(settled_, marks_.front().total);
    marks_.pop_front();
  }
  if (through >= everything) {
    settled_ = total_;
    marks_.clear();
  }
  return settled_ != before;
}

void OutboundStream::Meter::reset() {
  marks_.clear();
  settled_ = total_;
}

OutboundStream::OutboundStream(const Options& options, const InterestTable& interest, OutboundCounters& counters)
    : options_(options), interest_(interest), counters_(counters), ring_(options.ring_bytes_max) {
  // Who is in step is waited for, so the ring must not pass him; a reserve and a batch may go beyond the window.
  options_.window_bytes = std::min(options.window_bytes, options.ring_bytes_max / 2);
}

void OutboundStream::restart() {
  ring_.restart();
  cursors_.clear();
  published_ = 0;
  publish_head_due_ = false;
  published_unasked_ = 0;
  published_bytes_unasked_ = 0;
  unpublished_bytes_ = 0;
  published_ends_.clear();
}

std::uint64_t OutboundStream::push(MonoTime now, Batch batch) {
  for (const Batch::Event& event : batch.events()) {
    ++counters_.accepted;
    if (event.bytes == 0) ++counters_.not_encoded;
    if (everything()) unpublished_bytes_ += event.bytes;
  }
  for (auto& [life, cursor] : cursors_) {
    if (cursor.subscribed) owe(now, cursor, batch);
  }
  return ring_.push(std::move(batch));
}

/// Counts what the peer wants of `batch`, which the ring is about to get.
void OutboundStream::owe(MonoTime now, Cursor& cursor, const Batch& batch) const {
  std::uint64_t seq = ring_.head();
  for (const Batch::Event& event : batch.events()) {
    ++seq;
    if (event.bytes == 0 || (!everything() && (event.wanted & bit(cursor.slot)) == 0)) continue;
    const bool shut = shuts_window(cursor);
    cursor.owed.add(seq, Ring::cost_bytes(event));  // as the ring counts, so that the two can be compared
    if (!shut && shuts_window(cursor)) cursor.advanced_at = now;
  }
}

void OutboundStream::peer_up(const Life& life, std::uint32_t slot) {
  Cursor& cursor = cursors_[life];
  cursor.slot = slot;
  cursor.up = true;
  cursor.subscribed = false;
  cursor.begin = ring_.head();
}

void OutboundStream::peer_down(const Life& life) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end()) return;
  // What stays is what the same life needs to go on: since when it is known.
  const auto known_since = found->second.known_since;
  found->second = Cursor{};
  found->second.known_since = known_since;
}

void OutboundStream::peer_gone(const Life& life) { cursors_.erase(life); }

void OutboundStream::peer_known(const Life& life) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end()) return;
  Cursor& cursor = found->second;
  cursor.begin = ring_.head();
  if (!cursor.known_since) cursor.known_since = ring_.head();
}

void OutboundStream::peer_follows(const Life& life, bool follows) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end() || !everything() || found->second.follows == follows) return;
  Cursor& cursor = found->second;
  cursor.follows = follows;
  if (!cursor.subscribed) return;
  if (follows) {
    // What went out on the socket before it was listening comes over the link.
    begin_repair(cursor, cursor.sent, published_);
  } else {
    cursor.sent = cursor.scanned = cursor.reported;
    cursor.in_flight.reset();
  }
}

void OutboundStream::subscribe(MonoTime now, const Life& life, std::optional<std::uint64_t> through, Outbox& outbox) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end() || !found->second.up) return;
  Cursor& cursor = found->second;
  const std::uint64_t from = std::min(through.value_or(cursor.begin), ring_.head());
  const auto number = static_cast<std::uint16_t>(options_.bus);
  if (cursor.subscribed) {
    // Asked again: the answer shows whether something is missing, and that will be repaired.
    reported(now, life, from);
    const std::uint64_t at = through ? cursor.sent : from;
    outbox.send(life, Class::notification, wire::Notify{number, !through, false, at, at, {}});
    return;
  }
  cursor.subscribed = true;
  cursor.in_step = true;
  cursor.advanced_at = now;
  cursor.sent = cursor.scanned = cursor.reported = from;
  cursor.rematch_until = ring_.head();
  cursor.owed.reset();
  cursor.in_flight.reset();
  cursor.repair.reset();
  if (cursor.follows) begin_repair(cursor, from, published_);
  outbox.send(life, Class::notification, wire::Notify{number, !through, false, from, from, {}});
}

void OutboundStream::repair(const Life& life, std::uint64_t after, std::uint64_t to) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end() || !found->second.subscribed) return;
  ++counters_.repair_requests;
  // What it has reported it has.
  begin_repair(found->second, std::max(after, found->second.reported), std::min(to, ring_.head()));
}

/// What was under way of an earlier repair is lost, or it would not ask.
void OutboundStream::begin_repair(Cursor& cursor, std::uint64_t after, std::uint64_t to) {
  if (after >= to) return;
  cursor.repair = Range{after, to};
  cursor.repair_in_flight.reset();
}

bool OutboundStream::reported(MonoTime now, const Life& life, std::uint64_t through) {
  const auto found = cursors_.find(life);
  if (found == cursors_.end() || !found->second.subscribed) return false;
  Cursor& cursor = found->second;
  through = std::min(through, ring_.head());
  if (through <= cursor.reported) return false;
  cursor.reported = through;
  if (cursor.owed.settle(through, ring_.head())) cursor.advanced_at = now;
  cursor.in_flight.settle(through, cursor.sent);
  cursor.repair_in_flight.settle(through, cursor.repair ? cursor.repair->after : through);
  if (cursor.owed.open() < options_.window_bytes / 2) cursor.in_step = true;
  return true;
}

std::uint64_t OutboundStream::room_bytes() const {
  std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [life, cursor] : cursors_) {
    if (!cursor.subscribed || !cursor.in_step) continue;
    room = std::min(room, options_.window_bytes - std::min(options_.window_bytes, cursor.owed.open()));
  }
  return room;
}

bool OutboundStream::window_open(bool reserve) const {
  const std::uint64_t bound = options_.window_bytes + (reserve ? options_.window_bytes / 10 : 0);
  return std::none_of(cursors_.begin(), cursors_.end(), [bound](const auto& entry) {
    const Cursor& cursor = entry.second;
    return cursor.subscribed && cursor.in_step && cursor.owed.open() >= bound;
  });
}

bool OutboundStream::shuts_window(const Cursor& cursor) const {
  return cursor.subscribed && cursor.in_step && cursor.owed.open() >= options_.window_bytes;
}

bool OutboundStream::drop_out_of_step(MonoTime now, Actions& out) {
  bool dropped = false;
  for (auto& [life, cursor] : cursors_) {
    if (!shuts_window(cursor) || now < cursor.advanced_at + options_.timings.out_of_step) continue;
    cursor.in_step = false;
    dropped = true;
    ++counters_.lagging;
    out.push_back(Note{LogLevel::warning, "peer_lagging",
                       {{"peer", life.id.to_string()}, {"through", std::to_string(cursor.reported)},
                        {"head", std::to_string(ring_.head())}}});
  }
  if (dropped) out.push_back(Progress{});
  return dropped;
}

bool OutboundStream::flushed() const {
  return std::none_of(cursors_.begin(), cursors_.end(), [](const auto& entry) {
    const Cursor& cursor = entry.second;
    return cursor.subscribed && cursor.in_step && cursor.owed.open() > 0;
  });
}

std::optional<OutboundStream::PeerView> OutboundStream::view(const Life& life) const {
  const auto found = cursors_.find(life);
  if (found == cursors_.end() || !found->second.up) return std::nullopt;
  return PeerView{found->second.reported, found->second.in_step, found->second.subscribed};
}

PeerMask OutboundStream::wanted(std::uint64_t first, std::uint64_t last) const {
  if (first < ring_.first() || last > ring_.head()) return interest_.peers();
  PeerMask wanted = 0;
  for (std::size_t index = ring_.find(first); index < ring_.size() && ring_.at(index).first <= last; ++index) {
    wanted |= ring_.at(index).wanted;
  }
  return wanted;
}

bool OutboundStream::lags(const Cursor& cursor) const {
  return cursor.subscribed && !cursor.follows && cursor.reported < cursor.sent;
}

bool OutboundStream::any_follower() const {
  return std::any_of(cursors_.begin(), cursors_.end(),
                     [](const auto& entry) { return entry.second.up && entry.second.follows; });
}

bool OutboundStream::any_follower_lags() const {
  return std::any_of(cursors_.begin(), cursors_.end(), [this](const auto& entry) {
    const Cursor& cursor = entry.second;
    return cursor.subscribed && cursor.follows && cursor.reported < published_;
  });
}

}  // namespace evmesh::routing
