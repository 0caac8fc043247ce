#include "transport/endpoint.hpp"

#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::transport;
using Catch::Matchers::Contains;

TEST_CASE("an endpoint to dial is a host or one address, with a port", "[transport][endpoint]") {
  const auto [text, host, port] = GENERATE(table<std::string_view, std::string, std::uint16_t>({
      {"tcp://127.0.0.1:7520", "127.0.0.1", 7520},
      {"tcp://node-3.example.org:1", "node-3.example.org", 1},
      {"tcp://localhost:65535", "localhost", 65535},
      {"tcp://[::1]:7520", "::1", 7520},
      {"tcp://[fe80::1%eth0]:7520", "fe80::1%eth0", 7520},
      {"tcp://3com.example:7520", "3com.example", 7520},
  }));

  const Result<Endpoint> endpoint = parse_dial(text);

  REQUIRE(endpoint.has_value());
  CHECK(endpoint->host == host);
  CHECK(endpoint->port == port);
  CHECK(endpoint->to_string() == text);
}

TEST_CASE("what cannot be dialled is refused with its text and the rule it breaks", "[transport][endpoint]") {
  const auto [text, rule] = GENERATE(table<std::string_view, std::string>({
      {"", "does not start with tcp://"},
      {"127.0.0.1:7520", "does not start with tcp://"},
      {"udp://127.0.0.1:7520", "does not start with tcp://"},
      {"TCP://127.0.0.1:7520", "does not start with tcp://"},
      {"inproc://x", "does not start with tcp://"},
      {"tcp://user:pass@127.0.0.1:7520", "has a user in it"},
      {"tcp://127.0.0.1", "has no port"},
      {"tcp://[::1]", "has no port"},
      {"tcp://:7520", "has no address"},
      {"tcp://[]:7520", "has no address"},
      {"tcp://::1:7520", "IPv6 address without brackets"},
      {"tcp://[127.0.0.1]:7520", "brackets around what is no IPv6 address"},
      {"tcp://[fe80::1%]:7520", "brackets around what is no IPv6 address"},
      {"tcp://[fe80::1%a b]:7520", "brackets around what is no IPv6 address"},
      {"tcp://256.0.0.1:7520", "holds no IPv4 address"},
      {"tcp://10.0.1:7520", "holds no IPv4 address"},
      {"tcp://*:7520", "every address"},
      {"tcp://0.0.0.0:7520", "every address"},
      {"tcp://[::]:7520", "every address"},
      {"tcp://eth0;10.0.0.1:7520", "neither an address nor a host name"},
      {"tcp://a b:7520", "neither an address nor a host name"},
      {"tcp://-x:7520", "neither an address nor a host name"},
      {"tcp://host:0", "has no port to dial"},
      {"tcp://host:*", "has no port to dial"},
      {"tcp://host:", "no number from 0 to 65535"},
      {"tcp://host:65536", "no number from 0 to 65535"},
      {"tcp://host:-1", "no number from 0 to 65535"},
      {"tcp://host:75 20", "no number from 0 to 65535"},
      {"tcp://host:7520/path", "no number from 0 to 65535"},
  }));

  const Result<Endpoint> endpoint = parse_dial(text);

  REQUIRE_FALSE(endpoint.has_value());
  CHECK(endpoint.error().code == ErrorCode::invalid_argument);
  CHECK_THAT(endpoint.error().message, Contains(rule));
  CHECK_THAT(endpoint.error().message, Contains(std::string("\"") + std::string(text) + "\""));
}

TEST_CASE("a host name longer than the name system takes is refused", "[transport][endpoint]") {
  CHECK(parse_dial("tcp://" + std::string(253, 'a') + ":1").has_value());
  CHECK_FALSE(parse_dial("tcp://" + std::string(254, 'a') + ":1").has_value());
}

TEST_CASE("an endpoint to listen on may leave the port and the address open", "[transport][endpoint]") {
  const auto [text, host, port] = GENERATE(table<std::string_view, std::string, std::uint16_t>({
      {"tcp://127.0.0.1:7520", "127.0.0.1", 7520},
      {"tcp://localhost:7520", "127.0.0.1", 7520},
      {"tcp://127.0.0.1:0", "127.0.0.1", 0},
      {"tcp://127.0.0.1:*", "127.0.0.1", 0},
      {"tcp://*:7520", "*", 7520},
      {"tcp://0.0.0.0:7520", "0.0.0.0", 7520},
      {"tcp://[::]:7520", "::", 7520},
  }));

  const Result<Endpoint> endpoint = parse_listen(text);

  REQUIRE(endpoint.has_value());
  CHECK(*endpoint == Endpoint{host, port});
}

TEST_CASE("a name is not listened on", "[transport][endpoint]") {
  const auto text = GENERATE("tcp://node-3.example.org:7520", "tcp://eth0:7520");

  const Result<Endpoint> endpoint = parse_listen(text);

  REQUIRE_FALSE(endpoint.has_value());
  CHECK_THAT(endpoint.error().message, Contains("write an address of this machine"));
}

TEST_CASE("only addresses of this machine are loopback", "[transport][endpoint]") {
  const auto [text, loopback] = GENERATE(table<std::string_view, bool>({
      {"tcp://127.0.0.1:7520", true},
      {"tcp://127.8.9.1:*", true},
      {"tcp://localhost:7520", true},
      {"tcp://[::1]:7520", true},
      {"tcp://[::ffff:127.0.0.1]:7520", true},
      {"tcp://*:7520", false},
      {"tcp://0.0.0.0:7520", false},
      {"tcp://10.0.0.1:7520", false},
      {"tcp://[::]:7520", false},
      {"tcp://[::ffff:10.0.0.1]:7520", false},
      {"tcp://127.example.org:7520", false},
      {"tcp://localhost.example.org:7520", false},
      {"127.0.0.1:7520", false},
      {"nonsense", false},
  }));

  CHECK(is_loopback(text) == loopback);
}

TEST_CASE("peers are told the listening address unless another one is advertised", "[transport][endpoint]") {
  const auto [listen, advertise, told] = GENERATE(table<std::string_view, std::string_view, Endpoint>({
      {"tcp://127.0.0.1:7520", "", Endpoint{"127.0.0.1", 0}},
      {"tcp://*:7520", "tcp://node-3:7520", Endpoint{"node-3", 7520}},
      {"tcp://*:7520", "tcp://node-3:17520", Endpoint{"node-3", 17520}},
      {"tcp://0.0.0.0:0", "tcp://node-3:0", Endpoint{"node-3", 0}},
      {"tcp://[::1]:0", "tcp://[::1]:*", Endpoint{"::1", 0}},
  }));

  const Result<Addresses> addresses = read_addresses(listen, advertise);

  REQUIRE(addresses.has_value());
  CHECK(addresses->advertise == told);
}

TEST_CASE("addresses that peers could not dial are refused before anything is bound",
          "[transport][endpoint]") {
  const auto [listen, advertise, rule] = GENERATE(table<std::string_view, std::string_view, std::string>({
      {"tcp://*:7520", "", "say with `advertise` which one peers shall dial"},
      {"tcp://[::]:7520", "", "say with `advertise` which one peers shall dial"},
      {"tcp://*:7520", "tcp://*:7520", "every address"},
      {"tcp://127.0.0.1:0", "tcp://node-3:7520", "write port 0 here or a fixed port there"},
      {"tcp://127.0.0.1:65535", "", "PORT + 1"},
      {"tcp://127.0.0.1:1", "tcp://node-3:65535", "PORT + 1"},
      {"tcp://127.0.0.1", "", "has no port"},
      {"tcp://127.0.0.1:1", "node-3", "does not start with tcp://"},
  }));

  const Result<Addresses> addresses = read_addresses(listen, advertise);

  REQUIRE_FALSE(addresses.has_value());
  CHECK(addresses.error().code == ErrorCode::invalid_argument);
  CHECK_THAT(addresses.error().message, Contains(rule));
}
