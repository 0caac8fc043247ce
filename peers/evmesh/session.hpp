#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/exit_code.hpp"
#include "common/http_client.hpp"
#include "evmesh/output.hpp"

namespace evmesh::cli {

/// What every verb gets: where to ask, where to write, how long to wait.
class Session {
 public:
  struct Options {
    Form form = Form::table;
    bool quiet = false;
    std::chrono::milliseconds timeout{5'000};
    bool timeout_given = false;  ///< by the person; streams have none otherwise
    /// Finds the node; asked for once, by the first request, so that verbs without one need no node.
    std::function<peers::Outcome<peers::ServerAddress>()> server;
  };

  explicit Session(Options options) : options_(std::move(options)), output_(options_.form, options_.quiet) {}

  /// Another connection to the same node, for requests while this one has a stream.
  [[nodiscard]] Session beside() const { return Session(options_); }

  [[nodiscard]] const Output& output() const { return output_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return options_.timeout; }
  [[nodiscard]] bool timeout_given() const { return options_.timeout_given; }

  /// The body of a 2xx answer. Otherwise the failure a person should see: `unavailable` with what to start,
  /// `try_again` for timeouts and a full node, `data` for what the node refuses.
  [[nodiscard]] peers::Outcome<std::string> get(const std::string& target);
  [[nodiscard]] peers::Outcome<std::string> post(const std::string& target, const std::string& body,
                                                 std::chrono::milliseconds longer = {});

  [[nodiscard]] peers::Outcome<std::string> remove(const std::string& target);

  /// Keeps in mind the nodes that a 2xx answer names as unreached; `get`, `post` and `remove` do so by themselves.
  void heed(const std::string& body);

  /// Why what was answered is not all there is, or nothing.
  [[nodiscard]] std::optional<peers::Failure> incomplete() const;

  /// Any answer, whatever its status.
  [[nodiscard]] peers::Outcome<peers::HttpResponse> send(peers::HttpRequest request);

  /// The failure that an answer stands for, or nothing for 2xx.
  [[nodiscard]] std::optional<peers::Failure> failure_of(const peers::HttpResponse& response) const;

 private:
  [[nodiscard]] peers::Outcome<void> connect();
  [[nodiscard]] peers::Outcome<std::string> body_of(peers::HttpRequest request);

  const Options options_;
  const Output output_;
  std::optional<peers::HttpClient> client_;
  std::map<std::string, std::string> unreached_;  // node, why
};

/// `text` as a part of a query or path.
[[nodiscard]] std::string escaped_for_url(std::string_view text);

}  // namespace evmesh::cli
