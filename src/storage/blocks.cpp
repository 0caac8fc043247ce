#include "storage/blocks.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

using base::get;
using base::put;

constexpr std::string_view segment_magic = "evmeshJS", anchor_magic = "evmeshJA";

// These stand at the same place in every version, so that any version can be told.
constexpr std::size_t at_sum = 8, at_version = 12, at_owner = 16, at_fields = 32;

std::uint32_t sum_of(std::string_view block) { return base::crc32c(block.substr(at_version)); }

std::string_view bytes_of(const NodeId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

NodeId owner_in(std::string_view block) {
  NodeId owner;
  std::memcpy(owner.bytes.data(), block.data() + at_owner, owner.bytes.size());
  return owner;
}

std::string begin_block(std::string_view magic, const NodeId& owner) {
  std::string block(block_bytes, '\0');
  magic.copy(block.data(), magic.size());
  put(block.data() + at_version, format_version);
  bytes_of(owner).copy(block.data() + at_owner, owner.bytes.size());
  return block;
}

std::string seal_block(std::string block) {
  put(block.data() + at_sum, sum_of(block));
  return block;
}

Result<void> check_block(std::string_view block, std::string_view magic, std::string_view what) {
  const std::string name(what);
  if (block.size() < block_bytes) return fail(ErrorCode::storage, "the " + name + " is cut off");
  if (!block.starts_with(magic)) return fail(ErrorCode::storage, "this is no " + name);
  if (get<std::uint32_t>(block.data() + at_sum) != sum_of(block)) {
    return fail(ErrorCode::storage, "the checksum of the " + name + " does not fit");
  }
  const auto version = get<std::uint32_t>(block.data() + at_version);
  if (version == format_version) return {};
  return fail(ErrorCode::storage, "the " + name + " has format " + std::to_string(version) +
                                      ", this evmesh reads " + std::to_string(format_version) +
                                      ": start the newer evmesh that wrote it");
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string block = begin_block(segment_magic, header.owner);
  put(put(block.data() + at_fields, header.number), header.bytes);
  return seal_block(std::move(block));
}

std::string encode(const AnchorSlot& slot) {
  std::string block = begin_block(anchor_magic, slot.owner);
  char* at = put(put(block.data() + at_fields, slot.turn), slot.segment);
  at = put(put(at, slot.begin.position), slot.begin.chain);
  put(put(at, slot.tail.position), slot.tail.chain);
  return seal_block(std::move(block));
}

Result<SegmentHeader> decode_segment_header(std::string_view block) {
  if (auto sound = check_block(block, segment_magic, "segment header"); !sound)
    return tl::unexpected(sound.error());
  const char* const at = block.data() + at_fields;
  return SegmentHeader{owner_in(block), get<std::uint64_t>(at), get<std::uint64_t>(at + 8)};
}

Result<AnchorSlot> decode_anchor_slot(std::string_view block) {
  if (auto sound = check_block(block, anchor_magic, "anchor slot"); !sound)
    return tl::unexpected(sound.error());
  const char* const at = block.data() + at_fields;
  const auto field = [at](std::size_t index) { return get<std::uint64_t>(at + 8 * index); };
  return AnchorSlot{owner_in(block), field(0), field(1), {field(2), field(3)}, {field(4), field(5)}};
}

std::uint32_t salt_of(const NodeId& owner) { return base::crc32c(bytes_of(owner)); }

std::uint64_t first_chain_of(const NodeId& owner) { return base::hash64(bytes_of(owner)); }

}  // namespace evmesh::storage
