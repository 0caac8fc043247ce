#include "routing/ring.hpp"

#include <algorithm>

namespace evmesh::routing {

namespace {

// What an entry costs beside its bytes and hashes, so that a flood of tiny events is bounded too.
constexpr std::uint64_t entry_overhead_bytes = sizeof(RingEntry);

std::uint64_t cost(const RingEntry& entry) {
  return entry.bytes.capacity() + entry.hashes.capacity() * sizeof(std::uint64_t) + entry_overhead_bytes;
}

}  // namespace

std::uint64_t Ring::push(std::string bytes, std::vector<std::uint64_t> hashes, PeerMask wanted) {
  ++head_;
  entries_.push_back({head_, head_, false, wanted, std::move(hashes), std::move(bytes)});
  bytes_ += cost(entries_.back());
  trim();
  return head_;
}

std::uint64_t Ring::push_hollow() {
  ++head_;
  if (!entries_.empty() && entries_.back().hollow) {
    entries_.back().last = head_;
    return head_;
  }
  entries_.push_back({head_, head_, true, 0, {}, {}});
  bytes_ += cost(entries_.back());
  trim();
  return head_;
}

std::uint64_t Ring::youngest_bytes() const { return entries_.empty() ? 0 : cost(entries_.back()); }

void Ring::restart() {
  entries_.clear();
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
    bytes_ -= cost(entries_.front());
    overrun_ += entries_.front().hollow ? 0 : 1;
    entries_.pop_front();
  }
}

}  // namespace evmesh::routing
