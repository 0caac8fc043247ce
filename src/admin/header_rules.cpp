#include "admin/header_rules.hpp"

#include <algorithm>

#include <arpa/inet.h>

#include "base/text.hpp"

namespace evmesh::admin {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::vector<std::string_view> values(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> found;
  for (const auto& [header, value] : headers) {
    if (same(header, name)) found.push_back(value);
  }
  return found;
}

/// The connection ends with the answer: what follows might be the rest of a body, or another request.
Response ambiguous(std::string_view why) {
  Response response = error_response(400, "ambiguous_request", why);
  response.headers["Connection"] = "close";
  return response;
}

bool is_loopback_origin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return is_loopback_authority(origin.substr(scheme.size()));
  }
  return false;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_loopback_authority(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && all_digits(authority.substr(colon + 1)) &&
      !authority.ends_with(']')) {
    authority = authority.substr(0, colon);
  }
  if (same(authority, "localhost") || authority == "[::1]") return true;
  // Read as an address: a name like 127.evil.example is none.
  in_addr address{};
  return ::inet_pton(AF_INET, std::string(authority).c_str(), &address) == 1 && authority.starts_with("127.");
}

std::optional<Response> refuse_headers(const Headers& headers) {
  const auto lengths = values(headers, "Content-Length");
  if (lengths.size() > 1) return ambiguous("Content-Length is given twice");
  if (!lengths.empty() && !values(headers, "Transfer-Encoding").empty()) {
    return ambiguous("Content-Length and Transfer-Encoding are both given; the body has one length");
  }
  const auto hosts = values(headers, "Host");
  if (hosts.size() > 1) return ambiguous("Host is given twice");
  for (const std::string_view host : hosts) {
    if (is_loopback_authority(host)) continue;
    return error_response(403, "forbidden_host", "Host " + base::quoted(host) + " is not this machine",
                          "use localhost");
  }
  for (const std::string_view origin : values(headers, "Origin")) {
    if (is_loopback_origin(origin)) continue;
    return error_response(403, "forbidden_origin",
                          "requests of the web page " + base::quoted(origin) + " are not answered here");
  }
  return std::nullopt;
}

}  // namespace evmesh::admin
