#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "transport/endpoint.hpp"

namespace evmesh::transport::test {

/// A plain TCP connection to an endpoint on 127.0.0.1.
class RawTcp {
 public:
  explicit RawTcp(std::string_view endpoint) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(parse_dial(endpoint)->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }
  RawTcp(const RawTcp&) = delete;
  RawTcp& operator=(const RawTcp&) = delete;
  ~RawTcp() { ::close(socket_); }

  /// What the other end takes; it may have hung up already.
  void write(std::string_view bytes) { (void)::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  /// True when the other end closes within `deadline`.
  [[nodiscard]] bool closed_within(std::chrono::milliseconds deadline) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd news{.fd = socket_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&news, 1, static_cast<int>(left.count())) <= 0) return false;
      char bytes[4'096];
      if (::recv(socket_, bytes, sizeof(bytes), 0) <= 0) return true;
    }
  }

 private:
  int socket_;
};

/// What a ZMTP 3.0 client without encryption says before its first message. `kind`: "DEALER".
inline std::string zmtp_hello(std::string_view kind) {
  std::string hello("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
  hello.resize(64, '\0');
  std::string ready("\x05READY\x0bSocket-Type\0\0\0", 21);
  ready.push_back(static_cast<char>(kind.size()));
  ready.append(kind);
  hello.push_back('\x04');
  hello.push_back(static_cast<char>(ready.size()));
  return hello + ready;
}

}  // namespace evmesh::transport::test
