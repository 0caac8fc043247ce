#include "routing/inlet.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::routing {

namespace {

// Receipts ask for recent registrations only.
constexpr std::size_t passed_max = 256;

std::uint64_t size_of(const std::shared_ptr<const Arrived>& event) { return event ? event->bytes.size() + 64 : 64; }

}  // namespace

Inlet::Inlet(std::size_t bus, Life publisher, std::uint64_t settled, std::uint64_t held_bytes_max)
    : bus_(bus), publisher_(publisher), settled_(settled), held_bytes_max_(held_bytes_max) {}

void Inlet::event(Arrived event, const ListenerLookup& lookup, Actions& out) {
  matches_.clear();
  lookup.match(bus_, event.keys, matches_);
  if (matches_.empty()) return;
  const auto shared = std::make_shared<const Arrived>(std::move(event));
  for (const Match& match : matches_) {
    pass(match.listener, {shared->origin.seq, match.version, shared, match.key, {}}, out);
  }
}

void Inlet::gap(const Gap& gap, const ListenerLookup& lookup, Actions& out) {
  matches_.clear();
  lookup.everyone(bus_, matches_);
  for (const Match& match : matches_) {
    pass(match.listener, {gap.to.value_or(UINT64_MAX), match.version, nullptr, std::nullopt, gap}, out);
  }
}

void Inlet::acknowledged(std::uint64_t version, std::uint64_t seq, Actions& out) {
  if (version <= settled_ || (!pending_.empty() && version <= pending_.back().version)) return;
  pending_.push_back({version, seq});
  release(out);
}

void Inlet::advanced(std::uint64_t through) {
  while (!pending_.empty() && pending_.front().seq <= through) {
    settled_ = std::max(settled_, pending_.front().version);
    passed_.push_back(pending_.front());
    if (passed_.size() > passed_max) passed_.pop_front();
    pending_.pop_front();
  }
}

void Inlet::end(Actions& out) {
  for (const auto& [listener, queue] : held_) {
    const Held& first = queue.items.front();
    const std::uint64_t from = first.event ? first.seq : first.gap.from;
    const Gap gap{publisher_.id, publisher_.epoch, from, std::nullopt, GapReason::life_ended};
    out.push_back(DeliverGap{bus_, listener, gap});
  }
  held_.clear();
}

std::optional<std::uint64_t> Inlet::position(std::uint64_t version) const {
  for (const auto* list : {&passed_, &pending_}) {
    for (const Acknowledgement& ack : *list) {
      if (ack.version >= version) return ack.seq;
    }
  }
  return std::nullopt;
}

Inlet::Verdict Inlet::verdict(std::uint64_t version, std::uint64_t seq) const {
  if (version <= settled_) return Verdict::deliver;
  if (pending_.empty() || pending_.back().version < version) return Verdict::hold;
  return seq > floor(version) ? Verdict::deliver : Verdict::skip;
}

std::uint64_t Inlet::floor(std::uint64_t version) const {
  if (version <= settled_) return 0;
  const auto ack = std::find_if(pending_.begin(), pending_.end(),
                                [version](const Acknowledgement& entry) { return entry.version >= version; });
  return ack == pending_.end() ? 0 : ack->seq;
}

void Inlet::pass(ListenerHandle listener, Held item, Actions& out) {
  const auto waiting = held_.find(listener);
  const Verdict now = verdict(item.version, item.seq);
  if (now == Verdict::hold || (waiting != held_.end() && now == Verdict::deliver)) return hold(listener, std::move(item));
  if (now == Verdict::deliver) give(listener, item, out);
}

void Inlet::give(ListenerHandle listener, const Held& item, Actions& out) const {
  if (item.event) {
    out.push_back(Deliver{bus_, listener, item.event, item.key});
    return;
  }
  Gap gap = item.gap;
  gap.from = std::max(gap.from, floor(item.version) + 1);
  out.push_back(DeliverGap{bus_, listener, gap});
}

void Inlet::hold(ListenerHandle listener, Held item) {
  Queue& queue = held_[listener];
  queue.bytes += size_of(item.event);
  queue.items.push_back(std::move(item));
  while (queue.bytes > held_bytes_max_ && queue.items.size() > 1) shed_oldest(queue);
}

void Inlet::shed_oldest(Queue& queue) const {
  // The two oldest become one gap, so that the hole keeps its place and is told once.
  const Held first = std::move(queue.items.front());
  queue.items.pop_front();
  Held& second = queue.items.front();
  queue.bytes -= size_of(first.event) + size_of(second.event) - size_of(nullptr);
  const std::uint64_t from = first.event ? first.seq : first.gap.from;
  const auto to = second.event ? std::optional(second.seq) : second.gap.to;
  second.gap = Gap{publisher_.id, publisher_.epoch, from, to, GapReason::listener_overrun};
  second.event = nullptr;
  second.version = std::max(first.version, second.version);
}

void Inlet::release(Actions& out) {
  for (auto entry = held_.begin(); entry != held_.end();) {
    auto& [listener, queue] = *entry;
    while (!queue.items.empty()) {
      const Held& item = queue.items.front();
      const Verdict now = verdict(item.version, item.seq);
      if (now == Verdict::hold) break;
      if (now == Verdict::deliver) give(listener, item, out);
      queue.bytes -= size_of(item.event);
      queue.items.pop_front();
    }
    entry = queue.items.empty() ? held_.erase(entry) : std::next(entry);
  }
}

}  // namespace evmesh::routing
