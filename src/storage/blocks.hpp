#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/commit.hpp"

namespace evmesh::storage {

/// The size of what stands alone in a file: a segment's header, a slot of the anchor. No two share a sector
/// of the disk.
inline constexpr std::size_t block_bytes = 4096;

/// The version of everything in this directory. A higher one is refused.
inline constexpr std::uint32_t format_version = 1;

struct SegmentHeader {
  NodeId owner;
  std::uint64_t number = 0;  ///< from 1, in the order of the log
  std::uint64_t bytes = 0;   ///< of the file
};

/// Where the log begins, and how far it is known to reach.
struct AnchorSlot {
  NodeId owner;
  std::uint64_t turn = 0;     ///< higher: written later
  std::uint64_t segment = 0;  ///< number of the first one that is kept
  Tail begin;                 ///< where that one begins
  Tail tail;                  ///< everything before it is synced
};

/// A whole block.
[[nodiscard]] std::string encode(const SegmentHeader& header);
[[nodiscard]] std::string encode(const AnchorSlot& slot);

/// Errors: storage; the message says what is wrong, the caller knows where.
[[nodiscard]] Result<SegmentHeader> decode_segment_header(std::string_view block);
[[nodiscard]] Result<AnchorSlot> decode_anchor_slot(std::string_view block);

/// What the checksums of the commits of `owner` begin with.
[[nodiscard]] std::uint32_t salt_of(const NodeId& owner);

/// The chain value before the first commit of `owner`.
[[nodiscard]] std::uint64_t first_chain_of(const NodeId& owner);

}  // namespace evmesh::storage
