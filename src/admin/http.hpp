#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::admin {

/// One request as the routes see it, whole and with its names decoded. Value.
struct Request {
  std::string method;
  std::string path;                          ///< percent-decoded, valid UTF-8
  std::multimap<std::string, std::string> query;  ///< percent-decoded, valid UTF-8
  std::string content_type;                  ///< as sent; empty when absent
  std::string body;
};

/// Gives a long answer piece by piece. Used by one thread at a time.
class BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  virtual ~BodySource() = default;

  /// The next bytes, at most `bytes_max`; may block. Nothing ends the answer.
  [[nodiscard]] virtual std::optional<std::string> next(std::size_t bytes_max) = 0;
};

/// What goes back. Value.
struct Response {
  int status = 200;
  std::string body;  ///< JSON, ends with a line end
  std::map<std::string, std::string> headers{};
  std::shared_ptr<BodySource> source{};  ///< instead of `body`: a stream of JSON lines
  std::function<void()> afterwards{};    ///< called once when the answer was sent, or could not be
};

/// `{"error":{"code":...,"message":...,"hint":...}}`; the hint is left out when empty.
[[nodiscard]] Response error_response(int status, std::string_view code, std::string_view message,
                                      std::string_view hint = {});

/// The same for an error of the library; the status follows from its code.
[[nodiscard]] Response error_response(const Error& error);

}  // namespace evmesh::admin
