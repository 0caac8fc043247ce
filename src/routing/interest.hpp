#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "routing/types.hpp"

namespace evmesh::routing {

/// A set of peers, one bit each. The mesh has at most 64 members.
using PeerMask = std::uint64_t;

/// What the peers want: for each key hash, the set of peers that announced it. Lookups cost one probe per key, whatever the
/// number of peers, and forgetting a peer costs nothing at once: its bit is masked out, its column swept when the slot is
/// needed again. Value.
class InterestTable {
 public:
  /// A free slot for a peer; empty when all 64 are taken.
  [[nodiscard]] std::optional<std::uint32_t> add_peer();

  /// The peer's interest is gone from now on.
  void remove_peer(std::uint32_t slot);

  void add(std::uint32_t slot, std::uint64_t hash);
  void remove(std::uint32_t slot, std::uint64_t hash);

  /// Drops the peer's keys and each-node wishes; it stays a peer.
  void clear(std::uint32_t slot);

  /// `buses`: local bus indices whose every event the peer wants; replaces the former list.
  void set_each_node(std::uint32_t slot, std::span<const std::size_t> buses);

  /// Peers that want an event of `bus` with these key hashes.
  [[nodiscard]] PeerMask match(std::size_t bus, std::span<const std::uint64_t> hashes) const;

  [[nodiscard]] bool wants(std::uint32_t slot, std::size_t bus, std::span<const std::uint64_t> hashes) const;
  [[nodiscard]] bool wants_key(std::uint32_t slot, std::uint64_t hash) const;
  [[nodiscard]] std::uint64_t keys(std::uint32_t slot) const { return counts_[slot]; }
  [[nodiscard]] bool any(std::uint32_t slot) const;
  [[nodiscard]] PeerMask peers() const { return live_; }

 private:
  void sweep(PeerMask columns);

  std::unordered_map<std::uint64_t, PeerMask> by_hash_;  // never iterated where order could show
  std::map<std::size_t, PeerMask> each_node_;            // by bus
  std::array<std::uint64_t, 64> counts_{};
  PeerMask live_ = 0;
  PeerMask stale_ = 0;  // removed, columns not swept yet
};

}  // namespace evmesh::routing
