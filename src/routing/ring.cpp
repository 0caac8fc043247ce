#include "routing/ring.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::routing {

namespace {

// What an entry costs beside its bytes and hashes, so that a flood of tiny events is bounded too.
constexpr std::uint64_t entry_overhead_bytes = sizeof(RingEntry) + sizeof(Batch::Event);

}  // namespace

std::uint64_t Ring::cost_bytes(const Batch::Event& event) {
  return event.bytes + event.hashes * sizeof(std::uint64_t) + entry_overhead_bytes;
}

std::uint64_t Ring::push(Batch pushed) {
  Held& held = batches_.emplace_back(std::move(pushed));
  const Batch& batch = held.batch;
  std::uint64_t unused = batch.slack_bytes();
  for (const Batch::Event& event : batch.events()) {
    if (event.bytes == 0) {
      push_hollow();
      continue;
    }
    held.last = ++head_;
    const std::uint64_t cost = cost_bytes(event) + std::exchange(unused, 0);
    add({head_, head_, false, event.wanted, batch.hashes_of(event), batch.bytes_of(event), cost});
  }
  if (held.last == 0) batches_.pop_back();
  trim();
  return head_;
}

void Ring::push_hollow() {
  ++head_;
  if (!entries_.empty() && entries_.back().hollow) {
    entries_.back().last = head_;
    return;
  }
  add({head_, head_, true, 0, {}, {}, entry_overhead_bytes});
}

void Ring::add(const RingEntry& entry) {
  entries_.push_back(entry);
  bytes_ += entry.cost_bytes;
}

void Ring::restart() {
  entries_.clear();
  batches_.clear();
  bytes_ = 0;
  head_ = 0;
}

std::uint64_t Ring::first() const { return entries_.empty() ? head_ + 1 : entries_.front().first; }

std::size_t Ring::find(std::uint64_t seq) const {
  const auto found = std::partition_point(entries_.begin(), entries_.end(),
                                          [seq](const RingEntry& entry) { return entry.last < seq; });
  return static_cast<std::size_t>(found - entries_.begin());
}

void Ring::trim() {
  // The youngest stays whatever its size, so that it can be sent at all.
  while (bytes_ > bytes_max_ && entries_.size() > 1) {
    bytes_ -= entries_.front().cost_bytes;
    overrun_ += entries_.front().hollow ? 0 : 1;
    entries_.pop_front();
  }
  while (!batches_.empty() && batches_.front().last < first()) batches_.pop_front();
}

}  // namespace evmesh::routing
