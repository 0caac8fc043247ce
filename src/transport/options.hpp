#pragma once

#include <cstdint>

#include <evmesh/result.hpp>

#include "transport/socket.hpp"

namespace evmesh::transport {

/// What a socket is for; decides its kind and its options.
enum class Role : std::uint8_t {
  inbox,      ///< ROUTER, bound: what peers' links arrive at
  publisher,  ///< XPUB, bound: our notifications for all
  follower,   ///< SUB, connected to every peer's publisher
  link,       ///< DEALER, connected to one peer's inbox
};

/// A socket with the options of its role, neither bound nor connected. `event_size_bytes_max` bounds what may
/// come in, with `limits::frame_overhead_bytes` on top. Errors: busy, node_failed.
[[nodiscard]] Result<Socket> open_socket(void* context, Role role, std::uint64_t event_size_bytes_max);

}  // namespace evmesh::transport
