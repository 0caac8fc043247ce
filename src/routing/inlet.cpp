#include "routing/inlet.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::routing {

namespace {

// Receipts ask for recent registrations only.
constexpr std::size_t passed_max = 256;

constexpr std::uint64_t held_overhead_bytes = 64;

}  // namespace

std::uint64_t Inlet::Held::bytes() const {
  return held_overhead_bytes + (arrivals ? arrivals->events()[event].bytes.size() : 0);
}

Inlet::Inlet(std::size_t bus, Life publisher, std::uint64_t settled, std::uint64_t held_bytes_max)
    : bus_(bus), publisher_(publisher), settled_(settled), held_bytes_max_(held_bytes_max) {}

bool Inlet::event(const std::shared_ptr<const Arrivals>& arrivals, const ListenerLookup& lookup, Actions& out) {
  const std::size_t last = arrivals->events().size() - 1;
  matches_.clear();
  lookup.match(bus_, arrivals->keys(last), matches_);
  for (const Match& match : matches_) {
    pass(match, {arrivals->events()[last].seq, arrivals, last, {}}, out);
  }
  return !matches_.empty();
}

void Inlet::gap(const Gap& gap, const ListenerLookup& lookup, Actions& out) {
  matches_.clear();
  lookup.everyone(bus_, matches_);
  for (const Match& match : matches_) {
    pass(match, {gap.to.value_or(UINT64_MAX), nullptr, 0, gap}, out);
  }
}

void Inlet::acknowledged(std::uint64_t version, std::uint64_t seq, const ListenerLookup& lookup, Actions& out) {
  if (version <= settled_ || (!pending_.empty() && version <= pending_.back().version)) return;
  pending_.push_back({version, seq});
  release(lookup, out);
}

void Inlet::advanced(std::uint64_t through) {
  // What is held has not passed yet.
  for (const auto& [listener, queue] : held_) through = std::min(through, first_number(queue.items.front()) - 1);
  while (!pending_.empty() && pending_.front().seq <= through) {
    settled_ = std::max(settled_, pending_.front().version);
    passed_.push_back(pending_.front());
    if (passed_.size() > passed_max) passed_.pop_front();
    pending_.pop_front();
  }
}

void Inlet::end(const ListenerLookup& lookup, Actions& out) {
  // Nothing waits behind a registration that went.
  release(lookup, out);
  for (const auto& [listener, queue] : held_) {
    const Gap gap{publisher_.id, publisher_.epoch, first_number(queue.items.front()), std::nullopt, GapReason::life_ended};
    out.push_back(DeliverGap{bus_, listener, gap});
  }
  held_.clear();
}

std::uint64_t Inlet::held_bytes() const {
  std::uint64_t most = 0;
  for (const auto& [listener, queue] : held_) most = std::max(most, queue.bytes);
  return most;
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

void Inlet::pass(const Match& match, Held item, Actions& out) {
  const bool waiting = held_.contains(match.listener);
  const Verdict now = verdict(match.version, item.seq);
  if (now == Verdict::hold || (waiting && now == Verdict::deliver)) return hold(match.listener, std::move(item));
  if (now == Verdict::deliver) give(match, item, out);
}

/// Appends to the action that the listener's last event of this frame made, when it still stands there.
void Inlet::give_event(const Match& match, const Held& item, Actions& out) {
  if (given_of_ != item.arrivals.get()) given_.clear();
  given_of_ = item.arrivals.get();
  const Deliver::Item event{item.event, match.key, match.registration};
  const auto [at, fresh] = given_.try_emplace(match.listener, out.size());
  Deliver* const before = fresh || at->second >= out.size() ? nullptr : std::get_if<Deliver>(&out[at->second]);
  if (before != nullptr && before->bus == bus_ && before->listener == match.listener &&
      before->arrivals == item.arrivals) {
    before->items.push_back(event);
    return;
  }
  at->second = out.size();
  out.push_back(Deliver{bus_, match.listener, item.arrivals, {event}});
}

void Inlet::give(const Match& match, const Held& item, Actions& out) {
  if (item.arrivals) return give_event(match, item, out);
  given_.erase(match.listener);  // what follows stands behind the gap
  Gap gap = item.gap;
  gap.from = std::max(gap.from, floor(match.version) + 1);
  out.push_back(DeliverGap{bus_, match.listener, gap});
}

void Inlet::hold(ListenerHandle listener, Held item) {
  Queue& queue = held_[listener];
  queue.bytes += item.bytes();
  queue.items.push_back(std::move(item));
  while (queue.bytes > held_bytes_max_ && queue.items.size() > 1) shed_oldest(queue);
}

void Inlet::shed_oldest(Queue& queue) const {
  // The two oldest become one gap, so that the hole keeps its place and is told once.
  const Held first = std::move(queue.items.front());
  queue.items.pop_front();
  Held& second = queue.items.front();
  queue.bytes -= first.bytes() + second.bytes();
  const auto to = second.arrivals ? std::optional(second.seq) : second.gap.to;
  second.gap = Gap{publisher_.id, publisher_.epoch, first_number(first), to, GapReason::listener_overrun};
  second.arrivals = nullptr;
  queue.bytes += second.bytes();
}

void Inlet::release(const ListenerLookup& lookup, Actions& out) {
  for (auto entry = held_.begin(); entry != held_.end();) {
    auto& [listener, queue] = *entry;
    while (!queue.items.empty()) {
      const Held& item = queue.items.front();
      const auto match = match_again(listener, item, lookup);
      const Verdict now = match ? verdict(match->version, item.seq) : Verdict::skip;
      if (now == Verdict::hold) break;
      if (now == Verdict::deliver) give(*match, item, out);
      queue.bytes -= item.bytes();
      queue.items.pop_front();
    }
    entry = queue.items.empty() ? held_.erase(entry) : std::next(entry);
  }
}

/// Registrations came and went while the item waited: those that stand now decide.
std::optional<Match> Inlet::match_again(ListenerHandle listener, const Held& item, const ListenerLookup& lookup) {
  matches_.clear();
  if (item.arrivals) {
    lookup.match(bus_, item.arrivals->keys(item.event), matches_);
  } else {
    lookup.everyone(bus_, matches_);
  }
  const auto found = std::ranges::find(matches_, listener, &Match::listener);
  return found == matches_.end() ? std::nullopt : std::optional(*found);
}

std::uint64_t Inlet::first_number(const Held& item) { return item.arrivals ? item.seq : item.gap.from; }

}  // namespace evmesh::routing
