#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <evmesh/node.hpp>
#include <evmesh/result.hpp>

namespace evmesh::admin {

/// The admin surface of one node: HTTP with JSON on a UNIX socket that only the owner of the process may
/// open. Limits: headers 32 KiB in 10 s, bodies 64 KiB (events: 1.4 times the event limit) in 30 s, 64
/// connections, 32 streams. Threads of its own; the node is called on them.
class AdminServer {
 public:
  struct Options {
    std::filesystem::path socket;                  ///< at most 107 bytes
    std::uint64_t event_size_bytes_max = 1 << 20;  ///< as the node's
    std::function<void()>
        on_leave;  ///< called on a thread of the server when a client asked the node to leave; must not block
    std::chrono::milliseconds header_time{
        10'000};  ///< for a request's headers, and for silence between requests
    std::chrono::milliseconds keep_alive{5'000};    ///< between empty lines on silent streams
    std::function<std::map<std::string, std::uint64_t>()>
        counters{};  ///< of the program around the node, shown with the node's; called on threads of the server
  };

  /// `node` outlives the server. Errors: `invalid_argument` for the path, `cannot_bind` naming why.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> start(Node& node, Options options);

  /// Ends streams and connections, waits for requests under way, removes the socket file.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  struct Impl;

  explicit AdminServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::admin
