#include "common/http_client.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace evmesh::peers;

TEST_CASE("a server is a UNIX socket or an origin", "[peers][http]") {
  CHECK(ServerAddress::parse("unix:/run/n.sock")->socket == "/run/n.sock");
  CHECK(ServerAddress::parse("unix:n.sock")->socket == "n.sock");
  CHECK(ServerAddress::parse("./n.sock")->socket == "./n.sock");
  CHECK(ServerAddress::parse("n.sock")->socket == "n.sock");
  CHECK(ServerAddress::parse("http://127.0.0.1:7522/")->origin == "http://127.0.0.1:7522");
  CHECK(ServerAddress::parse("http://127.0.0.1:7522")->socket.empty());
  CHECK(ServerAddress::parse("/run/n.sock")->to_string() == "unix:/run/n.sock");
}

TEST_CASE("what is no server is refused naming it", "[peers][http]") {
  CHECK(ServerAddress::parse("ftp://nowhere").error().message.find("\"ftp://nowhere\"") == 0);
  CHECK_FALSE(ServerAddress::parse(""));
  CHECK_FALSE(ServerAddress::parse("unix:"));
}

TEST_CASE("a socket path has at most 107 bytes", "[peers][http]") {
  CHECK(ServerAddress::parse('/' + std::string(106, 'x')));
  CHECK(ServerAddress::parse('/' + std::string(107, 'x')).error().message.find("108 bytes") !=
        std::string::npos);
}

TEST_CASE("an error of the node is read, and one of anybody else is shown", "[peers][http]") {
  const auto ours =
      parse_api_error({404, R"({"error":{"code":"unknown_bus","message":"no bus","hint":"try events"}})"});
  const auto other = parse_api_error({502, "<html>\n"});

  CHECK(ours.code == "unknown_bus");
  CHECK(ours.hint == "try events");
  CHECK(other.code.empty());
  CHECK(other.message == "HTTP 502 <html>\\n");
}

TEST_CASE("a socket nobody listens on is unreachable", "[peers][http]") {
  HttpClient client(ServerAddress::parse("/nonexistent/n.sock").value());

  const auto response = client.send({});

  REQUIRE_FALSE(response);
  CHECK(response.error().kind == HttpFailure::Kind::unreachable);
}
