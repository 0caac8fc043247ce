#pragma once

#include <string>

#include <zmq.hpp>

#include "wire/frames.hpp"

namespace evmesh::transport {

/// Up to here bytes are copied: cheaper than sharing them, and a small frame that is kept does not keep the
/// whole receive buffer (8 KiB) that ZeroMQ cut it from.
inline constexpr std::size_t copied_bytes_max = 1'024;

/// A message of these bytes. A long one takes over the string; it is freed on a thread of ZeroMQ.
[[nodiscard]] zmq::message_t to_message(std::string&& frame);

/// A message of these bytes. A long one shares them: they stay alive until the last connection has sent them,
/// and its share is given up on a thread of ZeroMQ.
[[nodiscard]] zmq::message_t to_message(const wire::Buffer& frame);

/// The bytes of a received message, kept alive by the buffer's owner. One allocation.
[[nodiscard]] wire::Buffer to_buffer(zmq::message_t&& message);

}  // namespace evmesh::transport
