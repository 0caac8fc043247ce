#include "routing/inbound.hpp"

#include <algorithm>
#include <utility>


namespace evmesh::routing {

InboundStream::InboundStream(const Options& options, InboundCounters& counters)
    : options_(options),
      counters_(counters),
      inlet_(options.bus, options.publisher, options.settled, options.held_bytes_max),
      begin_(options.begin),
      through_(options.begin) {}

void InboundStream::linked(MonoTime now, std::uint64_t version, Outbox& outbox) {
  linked_ = true;
  answered_ = false;
  subscribe(now, version, outbox);
}

void InboundStream::unlinked() {
  linked_ = false;
  repair_to_.reset();
}

void InboundStream::ask_again(MonoTime now, std::uint64_t version, Outbox& outbox) {
  if (linked_ && !answered_) subscribe(now, version, outbox);
}

void InboundStream::notify(MonoTime now, const wire::Buffer& frame, const wire::Notify& notify,
                           const ListenerLookup& lookup, Outbox& outbox) {
  answered_ = answered_ || notify.start || started();
  head_ = std::max(head_, notify.to);
  if (notify.start && !started()) {
    start(notify.to, lookup, outbox.actions());
  } else {
    take(now, {notify.after, notify.to, std::nullopt, frame, notify.events}, lookup, outbox);
  }
  if (notify.report || unreported_bytes_ >= options_.report_bytes) report(now, lookup, outbox);
}

void InboundStream::gap(MonoTime now, const wire::GapNotice& notice, const ListenerLookup& lookup, Outbox& outbox) {
  answered_ = answered_ || started();
  head_ = std::max(head_, notice.to);
  take(now, {notice.from - 1, notice.to, notice.reason, {}, {}}, lookup, outbox);
}

void InboundStream::acknowledged(std::uint64_t version, std::uint64_t seq, const ListenerLookup& lookup, Actions& out) {
  // A receipt counts from here, so the stream does too, even if the link breaks before its beginning was told.
  if (!started() && version >= options_.settled) start(seq, lookup, out);
  inlet_.acknowledged(version, seq, lookup, out);
  if (started()) inlet_.advanced(through());
}

std::optional<std::uint64_t> InboundStream::position(std::uint64_t version) const {
  return version <= options_.settled ? begin_ : inlet_.position(version);
}

void InboundStream::start(std::uint64_t begin, const ListenerLookup& lookup, Actions& out) {
  begin_ = begin;
  through_ = begin;
  apply_early(lookup, out);
}

void InboundStream::saw_head(std::uint64_t head) { head_ = std::max(head_, head); }

void InboundStream::tick(MonoTime now, std::uint64_t version, const ListenerLookup& lookup, Outbox& outbox) {
  if (!linked_) return;
  if (report_held_until_ && now >= *report_held_until_) report(now, lookup, outbox);
  if (!answered_ && now >= *subscribed_at_ + options_.timings.resend) subscribe(now, version, outbox);
  if (!repair_to_ || now < repair_asked_at_ + options_.timings.repair_again) return;
  // While listeners have not caught up nothing is reported, so the publisher waits, too: that is no loss.
  if (lookup.crowded(options_.bus)) repair_asked_at_ = now;
  else ask_repair(now, outbox);
}

std::optional<MonoTime> InboundStream::next_deadline() const {
  if (!linked_) return std::nullopt;
  std::optional<MonoTime> next = report_held_until_;
  const auto at = [&next](MonoTime when) { next = next ? std::min(*next, when) : when; };
  if (!answered_) at(*subscribed_at_ + options_.timings.resend);
  if (repair_to_) at(repair_asked_at_ + options_.timings.repair_again);
  return next;
}

void InboundStream::end(std::optional<std::uint64_t> final_head, const ListenerLookup& lookup, Actions& out) {
  if (started()) {
    while (!early_.empty()) {
      const std::uint64_t after = early_.begin()->first;
      if (after > through()) {
        deliver_gap(through() + 1, after, GapReason::life_ended, lookup, out);
        through_ = after;
      }
      apply_early(lookup, out);
    }
    if (!final_head) deliver_gap(through() + 1, std::nullopt, GapReason::life_ended, lookup, out);
    if (final_head && *final_head > through()) {
      deliver_gap(through() + 1, final_head, GapReason::life_ended, lookup, out);
    }
  }
  inlet_.end(lookup, out);
}

void InboundStream::take(MonoTime now, Interval interval, const ListenerLookup& lookup, Outbox& outbox) {
  if (!started() || interval.after > through()) return keep_early(now, std::move(interval), outbox);
  if (interval.to <= through()) {
    ++counters_.duplicates;
    return;
  }
  apply(interval, lookup, outbox.actions());
  apply_early(lookup, outbox.actions());
  if (repair_to_ && through() >= *repair_to_) {
    if (!repair_gap_) ++counters_.repaired;
    repair_to_.reset();
  }
  repair_asked_at_ = now;  // it is under way
  if (!early_.empty() && !repair_to_) ask_repair(now, outbox);
}

void InboundStream::keep_early(MonoTime now, Interval interval, Outbox& outbox) {
  const auto [entry, fresh] = early_.try_emplace(interval.after, interval);
  if (fresh) {
    ++counters_.holes;
    early_bytes_ += interval.bytes();
  } else if (entry->second.to < interval.to) {
    early_bytes_ += interval.bytes() - entry->second.bytes();
    entry->second = std::move(interval);
  }
  // The farthest leave: what is dropped is asked for again when the hole before it is closed.
  while (early_bytes_ > options_.held_bytes_max && early_.size() > 1) {
    ++counters_.early_dropped;
    drop_early(std::prev(early_.end()));
  }
  if (started() && linked_ && !repair_to_) ask_repair(now, outbox);
}

void InboundStream::apply(const Interval& interval, const ListenerLookup& lookup, Actions& out) {
  if (interval.lost) {
    repair_gap_ = true;
    deliver_gap(through() + 1, interval.to, *interval.lost, lookup, out);
  }
  if (!interval.events.empty()) deliver(interval, lookup, out);
  unreported_bytes_ += interval.frame.bytes.size();
  through_ = interval.to;
  inlet_.advanced(through());
}

void InboundStream::deliver(const Interval& interval, const ListenerLookup& lookup, Actions& out) {
  const auto arrivals = std::make_shared<Arrivals>(options_.publisher, interval.frame);
  for (const wire::EventSlice& slice : interval.events) {
#ifndef EVMESH_SEEDED_BUG_REPAIR_TWICE
    if (slice.seq <= through()) continue;
#endif
    if (!arrivals->add(slice)) {
      ++counters_.undecodable;
      continue;
    }
    ++counters_.delivered;
    if (!inlet_.event(arrivals, lookup, out)) arrivals->pop_back();
  }
}

void InboundStream::deliver_gap(std::uint64_t from, std::optional<std::uint64_t> to, GapReason reason,
                                const ListenerLookup& lookup, Actions& out) {
  ++counters_.gaps;
  inlet_.gap({options_.publisher.id, options_.publisher.epoch, from, to, reason}, lookup, out);
}

void InboundStream::apply_early(const ListenerLookup& lookup, Actions& out) {
  while (!early_.empty() && early_.begin()->first <= through()) {
    const auto entry = early_.begin();
    if (entry->second.to > through()) apply(entry->second, lookup, out);
    drop_early(entry);
  }
}

void InboundStream::drop_early(std::map<std::uint64_t, Interval>::iterator entry) {
  early_bytes_ -= entry->second.bytes();
  early_.erase(entry);
}

void InboundStream::ask_repair(MonoTime now, Outbox& outbox) {
  if (early_.empty() || early_.begin()->first <= through()) {
    repair_to_.reset();
    return;
  }
  repair_to_ = early_.begin()->first;
  repair_asked_at_ = now;
  repair_gap_ = false;
  outbox.send(options_.publisher, Class::control, wire::Repair{options_.number, through(), *repair_to_});
}

std::uint64_t InboundStream::reportable(const ListenerLookup& lookup) const {
  return lookup.crowded(options_.bus) ? reported_ : through();
}

void InboundStream::report(MonoTime now, const ListenerLookup& lookup, Outbox& outbox) {
  if (!started()) return;
  if (lookup.crowded(options_.bus)) {
    report_held_until_ = now + options_.timings.report_held;
    return;
  }
  report_held_until_.reset();
  unreported_bytes_ = 0;
  reported_ = through();
  outbox.send(options_.publisher, Class::control, wire::Report{{{options_.number, through()}}});
}

void InboundStream::subscribe(MonoTime now, std::uint64_t version, Outbox& outbox) {
  subscribed_at_ = now;
  // Not control: it stays behind the announcement that it belongs to.
  outbox.send(options_.publisher, Class::notification, wire::Subscribe{options_.number, through_, version});
}

}  // namespace evmesh::routing
