#include <catch2/catch.hpp>

#include "event/base64.hpp"

using namespace evmesh::event;

// Source of the vectors: RFC 4648, section 10.
TEST_CASE("base64 writes the vectors of its standard", "[base64]") {
  CHECK(encode_base64("") == "");
  CHECK(encode_base64("f") == "Zg==");
  CHECK(encode_base64("fo") == "Zm8=");
  CHECK(encode_base64("foo") == "Zm9v");
  CHECK(encode_base64("foobar") == "Zm9vYmFy");
  CHECK(encode_base64("\xff\xfe\xfb") == "//77");
}

TEST_CASE("base64 reads what it writes", "[base64]") {
  CHECK(*decode_base64("") == "");
  CHECK(*decode_base64("Zg==") == "f");
  CHECK(*decode_base64("Zm9vYmFy") == "foobar");
  CHECK(*decode_base64("//77") == "\xff\xfe\xfb");
}

TEST_CASE("base64 refuses everything else", "[base64]") {
  const auto* text =
      GENERATE("Zg", "Zg=", "Zh==", "Zg===", "Z===", "Zm9 ", "Zm9v\n", "Zm-_", "=Zm9", "Zg==Zg==");

  CHECK_FALSE(decode_base64(text));
}
