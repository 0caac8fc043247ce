#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <evmesh/result.hpp>

#include "admin/http.hpp"
#include "admin/unix_socket.hpp"

namespace evmesh::admin {

/// HTTP/1.1 on a UNIX socket: limits on headers, bodies, connections and time, one thread per connection.
class HttpDaemon {
 public:
  struct Options {
    std::size_t connections_max = 64;
    std::chrono::milliseconds header_time{
        10'000};  ///< from the first byte expected to the end of the headers
    std::chrono::milliseconds body_time{30'000};    ///< for the body after that
    std::chrono::milliseconds answer_time{
        90'000};  ///< for the handler and the client's reading; streams have no limit
    /// The largest body a method and path may have, in bytes.
    std::function<std::size_t(std::string_view method, std::string_view path)> body_bytes_max;
    /// Answers a request; called on several threads at once, may block.
    std::function<Response(const Request&)> handle;
  };

  /// Errors: `cannot_bind` when no thread or socket can be had.
  [[nodiscard]] static Result<std::unique_ptr<HttpDaemon>> start(Options options,
                                                                 std::unique_ptr<UnixSocket> socket);

  /// Ends open connections and waits for handlers. Streams have to be ended before, or end by themselves.
  ~HttpDaemon();
  HttpDaemon(const HttpDaemon&) = delete;
  HttpDaemon& operator=(const HttpDaemon&) = delete;

  /// Connections that were ended because they took too long.
  [[nodiscard]] std::uint64_t connections_ended() const;

  struct Impl;

 private:
  explicit HttpDaemon(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::admin
