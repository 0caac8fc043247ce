#include "work/texts.hpp"

#include <catch2/catch.hpp>

using evmesh::work::Texts;

TEST_CASE("a text is kept once for as long as somebody uses it", "[work][texts]") {
  Texts texts;

  const auto first = texts.keep("the index is read-only");
  CHECK(texts.keep("the index is read-only") == first);
  const auto other = texts.keep("");
  CHECK(texts.count() == 2);
  CHECK(texts.of(first) == "the index is read-only");
  CHECK(texts.of(other).empty());

  texts.release(first);
  CHECK(texts.count() == 2);
  texts.release(first);
  CHECK(texts.count() == 1);
  const auto next = texts.keep("another text that is too long for a short string");
  CHECK(next == first);
  CHECK(texts.of(next) == "another text that is too long for a short string");
  CHECK(texts.of(other).empty());
}
