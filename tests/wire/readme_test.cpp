#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace evmesh::wire::test;

namespace {

std::string readme() {
  std::ifstream file(EVMESH_WIRE_README);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string without_blanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

}  // namespace

TEST_CASE("the README shows the bytes that the tests use", "[wire][readme]") {
  const std::string text = without_blanks(readme());

  for (const Vector& vector : vectors()) {
    INFO(vector.name);
    const std::string shown =
        "`" + std::string(vector.name) + "````" + without_blanks(std::string(vector.hex)) + "```";
    CHECK(text.find(shown) != std::string::npos);
  }
}

TEST_CASE("the README shows the hashes that the tests use", "[wire][readme]") {
  const std::string text = readme();

  for (const char* const number :
       {"8068031308e49926", "42e58f05f7941b93", "e983a0f2068a5be7", "f3ee7d86731c8263", "ebb632c83d738a6e",
        "c40e71015ac99857", "cf68328b414d61ef", "829df658fb58bbf2", "a48a74b33eba8cbd",
        "7e9f373801e3c09a", "3df2230e5f62ee82"}) {
    INFO(number);
    CHECK(text.find(number) != std::string::npos);
  }
}
