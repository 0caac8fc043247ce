#pragma once

#include <string>

#include <evmesh/result.hpp>

namespace evmesh::transport {

/// The ZeroMQ context of this process, shared by all nodes in it: made on first use and never terminated.
/// Errors: busy, when the system gives no more threads or descriptors. Thread-safe.
[[nodiscard]] Result<void*> process_context();

/// An inproc:// address nobody has used before in this process. Thread-safe.
[[nodiscard]] std::string fresh_inproc_address();

}  // namespace evmesh::transport
