#include "base/hash.hpp"

#include <string>

#include <catch2/catch.hpp>

using evmesh::base::hash64;

// Values of XXH3_64bits with seed 0. If one of these fails, nodes of two versions no longer find
// each other's listeners: change the protocol version, not the vector.
TEST_CASE("hash64 gives the values that every node agrees on", "[base][hash]") {
  CHECK(hash64("") == 0x2d06800538d394c2U);
  CHECK(hash64("a") == 0xe6c632b61e964e1fU);
  CHECK(hash64("abc") == 0x78af5f94892f3950U);
  CHECK(hash64("MailboxId:42") == 0x7d7c72c6328cfc4dU);
  CHECK(hash64(std::string(300, 'x')) == 0xa5d1b4607dc83554U);
}

TEST_CASE("hash64 reads bytes behind a NUL", "[base][hash]") {
  using namespace std::string_view_literals;

  CHECK(hash64("a\0b"sv) != hash64("a\0c"sv));
}
