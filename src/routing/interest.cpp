#include "routing/interest.hpp"

#include <bit>

namespace evmesh::routing {

namespace {

PeerMask bit(std::uint32_t slot) { return PeerMask{1} << slot; }

}  // namespace

std::optional<std::uint32_t> InterestTable::add_peer() {
  if (~(live_ | stale_) == 0) sweep(stale_);
  const PeerMask free = ~(live_ | stale_);
  if (free == 0) return std::nullopt;
  const auto slot = static_cast<std::uint32_t>(std::countr_zero(free));
  live_ |= bit(slot);
  counts_[slot] = 0;
  return slot;
}

void InterestTable::remove_peer(std::uint32_t slot) {
  live_ &= ~bit(slot);
  if (counts_[slot] > 0) stale_ |= bit(slot);
  for (auto& [bus, mask] : each_node_) mask &= ~bit(slot);
  counts_[slot] = 0;
}

void InterestTable::add(std::uint32_t slot, std::uint64_t hash) {
  PeerMask& mask = by_hash_[hash];
  if ((mask & bit(slot)) == 0) ++counts_[slot];
  mask |= bit(slot);
}

void InterestTable::remove(std::uint32_t slot, std::uint64_t hash) {
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end() || (found->second & bit(slot)) == 0) return;
  --counts_[slot];
  found->second &= ~bit(slot);
  if (found->second == 0) by_hash_.erase(found);
}

void InterestTable::clear(std::uint32_t slot) {
  if (counts_[slot] > 0) sweep(bit(slot));
  counts_[slot] = 0;
  for (auto& [bus, mask] : each_node_) mask &= ~bit(slot);
}

void InterestTable::set_each_node(std::uint32_t slot, std::span<const std::size_t> buses) {
  for (auto& [bus, mask] : each_node_) mask &= ~bit(slot);
  for (const std::size_t bus : buses) each_node_[bus] |= bit(slot);
}

PeerMask InterestTable::match(std::size_t bus, std::span<const std::uint64_t> hashes) const {
  PeerMask mask = 0;
  for (const std::uint64_t hash : hashes) {
    if (const auto found = by_hash_.find(hash); found != by_hash_.end()) mask |= found->second;
  }
  if (const auto found = each_node_.find(bus); found != each_node_.end()) mask |= found->second;
  return mask & live_;
}

bool InterestTable::wants(std::uint32_t slot, std::size_t bus, std::span<const std::uint64_t> hashes) const {
  return (match(bus, hashes) & bit(slot)) != 0;
}

bool InterestTable::wants_key(std::uint32_t slot, std::uint64_t hash) const {
  const auto found = by_hash_.find(hash);
  return found != by_hash_.end() && (found->second & bit(slot)) != 0;
}

bool InterestTable::any(std::uint32_t slot) const {
  if (counts_[slot] > 0) return true;
  for (const auto& [bus, mask] : each_node_) {
    if ((mask & bit(slot)) != 0) return true;
  }
  return false;
}

void InterestTable::sweep(PeerMask columns) {
  if (columns == 0) return;
  for (auto entry = by_hash_.begin(); entry != by_hash_.end();) {
    entry->second &= ~columns;
    entry = entry->second == 0 ? by_hash_.erase(entry) : std::next(entry);
  }
  stale_ &= ~columns;
}

}  // namespace evmesh::routing
