#include <catch2/catch.hpp>

#include "admin/header_rules.hpp"

using namespace evmesh::admin;

namespace {

int status_of(const Headers& headers) {
  const auto refused = refuse_headers(headers);
  return refused ? refused->status : 0;
}

}  // namespace

TEST_CASE("a request whose length can be read in two ways is refused and its connection ends", "[admin]") {
  CHECK(status_of({{"Content-Length", "2"}, {"content-length", "2"}}) == 400);
  CHECK(status_of({{"Content-Length", "2"}, {"TRANSFER-ENCODING", "chunked"}}) == 400);
  CHECK(status_of({{"Host", "localhost"}, {"host", "localhost"}}) == 400);
  CHECK(refuse_headers({{"Content-Length", "2"}, {"Content-Length", "3"}})->headers.at("Connection") ==
        "close");

  CHECK(status_of({{"Content-Length", "2"}}) == 0);
  CHECK(status_of({{"Transfer-Encoding", "chunked"}}) == 0);
}

TEST_CASE("only loopback hosts are answered", "[admin]") {
  for (const char* host : {"localhost", "LOCALHOST:7520", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:80"}) {
    CAPTURE(host);
    CHECK(status_of({{"Host", host}}) == 0);
  }
  for (const char* host : {"", "x", "evil.example", "127.evil.example", "localhost.evil.example", "128.0.0.1",
                           "[::2]", "localhost:evil", "127.0.0.1:80:80"}) {
    CAPTURE(host);
    CHECK(status_of({{"Host", host}}) == 403);
  }
}

TEST_CASE("only pages of this machine may ask", "[admin]") {
  CHECK(status_of({{"Origin", "http://localhost:3000"}}) == 0);
  CHECK(status_of({{"Origin", "https://127.0.0.1"}}) == 0);
  for (const char* origin :
       {"null", "", "http://evil.example", "http://localhost.evil.example", "file://", "localhost"}) {
    CAPTURE(origin);
    CHECK(status_of({{"Origin", origin}}) == 403);
  }
}
