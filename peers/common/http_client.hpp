#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include <evmesh/result.hpp>

namespace evmesh::peers {

/// Where a node's admin surface is. Value.
struct ServerAddress {
  std::string socket;  ///< path of a UNIX socket; empty for TCP
  std::string origin;  ///< `http://HOST:PORT`; for a UNIX socket a placeholder

  /// `unix:PATH`, a path, `http://HOST:PORT` or `https://HOST:PORT`; else
  /// `invalid_argument`, also for a path longer than a UNIX socket may have.
  [[nodiscard]] static Result<ServerAddress> parse(std::string_view text);

  /// As it was written.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const ServerAddress&) const = default;
};

/// One request. Value.
struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  ///< path and query, already escaped
  std::string body;
  std::vector<std::string> headers;          ///< `Name: value`; JSON is the default content type
  std::chrono::milliseconds timeout{5'000};  ///< for all of it; 0 waits for ever
  /// Gets the body piece by piece instead of `HttpResponse::body`, for streams; false ends the request as
  /// cancelled.
  std::function<bool(std::string_view)> on_data;
  /// Asked about once per second and more often while data flows; true ends the request as cancelled.
  std::function<bool()> cancelled;
};

struct HttpResponse {
  int status = 0;
  std::string body;
};

/// Why there is no answer. Whether the server has done what was asked is unknown but for `unreachable`.
struct HttpFailure {
  enum class Kind : std::uint8_t { unreachable, timed_out, cancelled, broken };
  Kind kind = Kind::broken;
  std::string message;  ///< names the server
};

/// The error a node answers with: `{"error":{"code":...,"message":...,"hint":...}}`. Value.
struct ApiError {
  std::string code;     ///< empty when the answer is of another form
  std::string message;  ///< never empty
  std::string hint;     ///< may be empty
};

[[nodiscard]] ApiError parse_api_error(const HttpResponse& response);

/// Speaks HTTP to one server, keeping the connection between requests. Thread-bound to its user.
/// Redirects are not followed; proxies in the environment are not used.
class HttpClient {
 public:
  explicit HttpClient(ServerAddress address);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// Blocks for at most the request's timeout. An answer of any status is an answer; one over 64 MiB is
  /// `broken`.
  [[nodiscard]] tl::expected<HttpResponse, HttpFailure> send(const HttpRequest& request);

  [[nodiscard]] const ServerAddress& address() const { return address_; }

 private:
  struct Curl;

  ServerAddress address_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace evmesh::peers
