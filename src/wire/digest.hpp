#pragma once

#include <cstdint>

#include "wire/frames.hpp"

namespace evmesh::wire {

// A digest tells two nodes whether they hold the same set without sending it. It is the XOR of one number per
// element, so that a change costs one operation and order does not matter; the empty set is 0. XXH3_64 with
// seed 0; not a defence against somebody who looks for collisions.

/// Of an announced key, by its `interest_hash`. The announcement digest is the XOR over all keys and
/// each-node buses; its version is not in it.
[[nodiscard]] std::uint64_t digest_of_key(std::uint64_t hash);

/// Of a bus with an each-node listener, by the announcer's number for it.
[[nodiscard]] std::uint64_t digest_of_each_node(std::uint16_t bus);

/// Of a row of the membership table: id, epoch, and whether it left or was forgotten. Alive, suspect and dead
/// are the view of one node and count the same. The members digest is the XOR over all rows.
[[nodiscard]] std::uint64_t digest_of_member(const MemberEntry& entry);

/// Of an entry in the map of required groups, all of it. The groups digest is the XOR over those that are present: a
/// removed group and one never heard of are the same.
[[nodiscard]] std::uint64_t digest_of_group(const GroupEntry& entry);

}  // namespace evmesh::wire
