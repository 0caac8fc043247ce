#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/life.hpp"

namespace evmesh::transport {

/// What every notification frame begins with (the magic of a frame header), so what a peer's SUB asks for.
inline constexpr std::string_view data_topic = "EM";

/// The name under which a peer's ROUTER knows a connection: 0x01, node id (16), epoch (u64 LE), link (u32
/// LE). The epoch keeps a new life apart from the half-open connection of the last one, the link keeps two
/// connections of one life apart.
[[nodiscard]] std::string routing_id(const wire::Life& life, std::uint32_t link);

/// What a node subscribes to after `data_topic`: 0xFF 'B', its own id (16), its epoch (u64 LE). Sorts after
/// every data topic, so the publisher sees it only when the others are in force (subscriptions are sent in
/// byte order).
[[nodiscard]] std::string barrier_topic(const wire::Life& follower);

/// Who follows, from a `barrier_topic`; nothing from any other topic.
[[nodiscard]] std::optional<wire::Life> parse_barrier_topic(std::string_view topic);

}  // namespace evmesh::transport
