#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::transport {

/// A TCP endpoint in its parts. Value.
struct Endpoint {
  std::string host;  ///< IPv4, IPv6 without brackets, or a name; "*" is every address, when listening only
  std::uint16_t port = 0;  ///< 0: any free one, when listening only

  /// tcp://HOST:PORT, with brackets around an IPv6 host.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const Endpoint&) const = default;
};

/// Where to listen: tcp://ADDRESS:PORT. ADDRESS is an address of this machine, `localhost` (read as
/// 127.0.0.1) or `*`; PORT is 1 to 65535, or 0 or `*` for a free one. Errors: invalid_argument naming the
/// text and the rule.
[[nodiscard]] Result<Endpoint> parse_listen(std::string_view text);

/// What can be dialled: tcp://HOST:PORT with a host name or a single address, and a port. Used on what a user
/// writes and on what a peer claims alike. Errors: invalid_argument naming the text and the rule.
[[nodiscard]] Result<Endpoint> parse_dial(std::string_view text);

/// Only this machine can reach it. False for whatever cannot be read, and for names other than `localhost`.
[[nodiscard]] bool is_loopback(std::string_view endpoint);

/// Where a node listens and what it tells others to dial, checked against each other.
struct Addresses {
  Endpoint listen;
  Endpoint advertise;  ///< port 0: the port that was bound
};

/// `advertise` may be empty: then peers dial what is listened on. Errors: invalid_argument: either text is
/// wrong; `listen` is every address and nothing is advertised; a port is advertised but a free one is bound;
/// PORT + 1 is no port.
[[nodiscard]] Result<Addresses> read_addresses(std::string_view listen, std::string_view advertise);

}  // namespace evmesh::transport
