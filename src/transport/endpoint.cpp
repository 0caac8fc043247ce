#include "transport/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace evmesh::transport {
namespace {

constexpr std::string_view scheme = "tcp://";
constexpr std::size_t host_bytes_max = 253;  // RFC 1035, as text
constexpr std::uint16_t port_max = 65'535;

struct Parts {
  std::string_view host;
  std::string_view port;
  bool brackets = false;
};

bool alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_ipv4(std::string_view host) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

/// An IPv6 address, with or without the interface that a link-local one needs (fe80::1%eth0).
bool is_ipv6(std::string_view host) {
  const std::size_t percent = host.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view zone = host.substr(percent + 1);
    const auto legal = [](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; };
    if (zone.empty() || !std::ranges::all_of(zone, legal)) return false;
    host = host.substr(0, percent);
  }
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

/// Digits and dots only: meant as an IPv4 address, right or wrong, never a name.
bool looks_like_ipv4(std::string_view host) {
  return std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool is_name(std::string_view host) {
  const auto legal = [](char c) { return alphanumeric(c) || c == '.' || c == '-' || c == '_'; };
  return host.size() <= host_bytes_max && alphanumeric(host.front()) && std::ranges::all_of(host, legal);
}

bool every_address(std::string_view host) { return host == "*" || host == "0.0.0.0" || host == "::"; }

tl::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument, "the endpoint " + base::quoted(text) + " " + std::string(why));
}

Result<Parts> split(std::string_view text) {
  if (!text.starts_with(scheme)) return refuse(text, "does not start with tcp://; write tcp://ADDRESS:PORT");
  const std::string_view rest = text.substr(scheme.size());
  if (rest.find('@') != std::string_view::npos) {
    return refuse(text, "has a user in it; endpoints take none, write tcp://ADDRESS:PORT");
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with(']')) {
    return refuse(text, "has no port; write tcp://ADDRESS:PORT");
  }
  Parts parts{.host = rest.substr(0, colon), .port = rest.substr(colon + 1)};
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) {
    parts.brackets = true;
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  if (parts.host.empty()) return refuse(text, "has no address; write tcp://ADDRESS:PORT");
  if (!parts.brackets && parts.host.find(':') != std::string_view::npos) {
    return refuse(text, "holds an IPv6 address without brackets; write tcp://[ADDRESS]:PORT");
  }
  if (parts.brackets && !is_ipv6(parts.host)) {
    return refuse(text, "has brackets around what is no IPv6 address");
  }
  if (!parts.brackets && looks_like_ipv4(parts.host) && !is_ipv4(parts.host)) {
    return refuse(text, "holds no IPv4 address: four numbers from 0 to 255 are needed");
  }
  return parts;
}

/// 0 stands for a free one, written 0 or *.
std::optional<std::uint16_t> read_port(std::string_view text) {
  if (text == "*") return std::uint16_t{0};
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// What `parse_dial` takes, and a port left open.
Result<Endpoint> parse_reachable(std::string_view text) {
  const Result<Parts> parts = split(text);
  if (!parts) return tl::unexpected(parts.error());
  if (every_address(parts->host)) {
    return refuse(text, "stands for every address and cannot be dialled; name one address or host");
  }
  if (!parts->brackets && !is_name(parts->host)) {
    return refuse(text, "holds neither an address nor a host name");
  }
  const std::optional<std::uint16_t> port = read_port(parts->port);
  if (!port) return refuse(text, "has a port that is no number from 0 to 65535");
  return Endpoint{std::string(parts->host), *port};
}

}  // namespace

std::string Endpoint::to_string() const {
  const bool brackets = host.find(':') != std::string::npos;
  return std::string(scheme) + (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> parse_listen(std::string_view text) {
  const Result<Parts> parts = split(text);
  if (!parts) return tl::unexpected(parts.error());
  const std::string_view host = parts->host == "localhost" ? "127.0.0.1" : parts->host;
  if (host != "*" && !parts->brackets && !is_ipv4(host)) {
    return refuse(text, "cannot be listened on: write an address of this machine, or * for all of them");
  }
  const std::optional<std::uint16_t> port = read_port(parts->port);
  if (!port) return refuse(text, "has a port that is no number from 0 to 65535; 0 or * takes a free one");
  return Endpoint{std::string(host), *port};
}

Result<Endpoint> parse_dial(std::string_view text) {
  Result<Endpoint> endpoint = parse_reachable(text);
  if (endpoint && endpoint->port == 0) {
    return refuse(text, "has no port to dial; write a number from 1 to 65535");
  }
  return endpoint;
}

bool is_loopback(std::string_view endpoint) {
  const Result<Parts> parts = split(endpoint);
  if (!parts) return false;
  if (parts->host == "localhost" || parts->host == "::1") return true;
  std::string_view host = parts->host;
  constexpr std::string_view mapped = "::ffff:";  // an IPv4 address in IPv6 clothes
  if (host.starts_with(mapped)) host.remove_prefix(mapped.size());
  return is_ipv4(host) && host.starts_with("127.");
}

Result<Addresses> read_addresses(std::string_view listen, std::string_view advertise) {
  const Result<Endpoint> listened = parse_listen(listen);
  if (!listened) return tl::unexpected(listened.error());
  if (listened->port == port_max) {
    return refuse(listen,
                  "leaves no port for the notification socket, which takes PORT + 1; choose a lower one");
  }
  if (advertise.empty()) {
    if (every_address(listened->host)) {
      return refuse(listen, "listens on every address; say with `advertise` which one peers shall dial");
    }
    return Addresses{*listened, {listened->host, 0}};
  }
  const Result<Endpoint> advertised = parse_reachable(advertise);
  if (!advertised) return tl::unexpected(advertised.error());
  if (advertised->port == port_max) {
    return refuse(advertise,
                  "leaves no port for the notification socket, which takes PORT + 1; choose a lower one");
  }
  if (advertised->port != 0 && listened->port == 0) {
    return refuse(advertise,
                  "names a port, but `listen` takes a free one; write port 0 here or a fixed port there");
  }
  return Addresses{*listened, *advertised};
}

}  // namespace evmesh::transport
