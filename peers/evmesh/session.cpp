#include "evmesh/session.hpp"

#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace evmesh::cli {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Failure;
using peers::HttpFailure;
using peers::Outcome;

ExitCode exit_code_of(int status) {
  if (status == 401 || status == 403) return ExitCode::refused;
  if (status == 408 || status == 429 || status == 503) return ExitCode::try_again;
  if (status == 507) return ExitCode::io;
  return status >= 500 ? ExitCode::bug : ExitCode::data;
}

Failure without_answer(const HttpFailure& failure, const std::string& server) {
  switch (failure.kind) {
    case HttpFailure::Kind::timed_out:
      return {ExitCode::try_again,
              "the node did not answer in time: " + failure.message + "; try --timeout 30s"};
    case HttpFailure::Kind::unreachable:
      return {ExitCode::unavailable,
              "no node answers at " + server +
                  "; start it with evmeshd --node.data-dir DIR, or name another with --server"};
    default: return {ExitCode::unavailable, "the node went away: " + failure.message};
  }
}

}  // namespace

Outcome<void> Session::connect() {
  if (client_) return {};
  auto server = options_.server();
  if (!server) return tl::unexpected(server.error());
  client_.emplace(std::move(*server));
  return {};
}

Outcome<peers::HttpResponse> Session::send(peers::HttpRequest request) {
  if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
  auto response = client_->send(request);
  if (!response) return tl::unexpected(without_answer(response.error(), client_->address().to_string()));
  return std::move(*response);
}

std::optional<Failure> Session::failure_of(const peers::HttpResponse& response) const {
  if (response.status >= 200 && response.status < 300) return std::nullopt;
  const peers::ApiError error = peers::parse_api_error(response);
  return Failure{exit_code_of(response.status),
                 error.message + (error.hint.empty() ? "" : "; " + error.hint)};
}

Outcome<std::string> Session::body_of(peers::HttpRequest request) {
  auto response = send(std::move(request));
  if (!response) return tl::unexpected(response.error());
  if (auto failure = failure_of(*response)) return tl::unexpected(std::move(*failure));
  heed(response->body);
  return std::move(response->body);
}

void Session::heed(const std::string& body) {
  // Most answers have no such member, and some are large.
  if (body.find("\"unreached\"") == std::string::npos) return;
  const auto read = nlohmann::json::parse(body, nullptr, false);
  if (!read.is_object() || !read.contains("unreached")) return;
  for (const auto& each : read.at("unreached")) unreached_[each.at("node")] = each.at("reason");
}

std::optional<Failure> Session::incomplete() const {
  if (unreached_.empty()) return std::nullopt;
  std::string message;
  for (const auto& [node, reason] : unreached_) {
    message += fmt::format("{}node {} did not answer ({})", message.empty() ? "" : ", ", node, reason);
  }
  return Failure{ExitCode::try_again, "this is not all: " + message};
}

Outcome<std::string> Session::get(const std::string& target) {
  peers::HttpRequest request;
  request.target = target;
  request.timeout = options_.timeout;
  return body_of(std::move(request));
}

Outcome<std::string> Session::remove(const std::string& target) {
  peers::HttpRequest request;
  request.method = "DELETE";
  request.target = target;
  request.timeout = options_.timeout;
  return body_of(std::move(request));
}

Outcome<std::string> Session::post(const std::string& target, const std::string& body,
                                   std::chrono::milliseconds longer) {
  peers::HttpRequest request;
  request.method = "POST";
  request.target = target;
  request.body = body;
  request.timeout = options_.timeout + longer;
  return body_of(std::move(request));
}

std::string escaped_for_url(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~' || c == ':';
    if (plain) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", byte);
    }
  }
  return escaped;
}

}  // namespace evmesh::cli
