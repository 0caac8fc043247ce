#include "bus/gap_book.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::bus;

namespace {

Gap hole(std::uint8_t publisher, std::uint64_t from, std::optional<std::uint64_t> to,
         std::uint64_t epoch = 1) {
  Gap gap;
  gap.publisher.bytes[0] = publisher;
  gap.epoch = epoch;
  gap.from = from;
  gap.to = to;
  return gap;
}

}  // namespace

TEST_CASE("a hole is told of once, with whatever beginning", "[bus][gap-book]") {
  GapBook book;

  CHECK(book.first_of(hole(1, 4, 9)));
  CHECK_FALSE(book.first_of(hole(1, 4, 9)));
  CHECK_FALSE(book.first_of(hole(1, 7, 9)));
  CHECK(book.first_of(hole(1, 12, 12)));
  CHECK_FALSE(book.first_of(hole(1, 8, 9)));
}

TEST_CASE("the end of a life is a hole of its own", "[bus][gap-book]") {
  GapBook book;
  CHECK(book.first_of(hole(1, 4, 9)));

  CHECK(book.first_of(hole(1, 10, std::nullopt)));
  CHECK_FALSE(book.first_of(hole(1, 12, std::nullopt)));
}

TEST_CASE("publishers and their lives have holes of their own", "[bus][gap-book]") {
  GapBook book;
  CHECK(book.first_of(hole(1, 4, 9)));

  CHECK(book.first_of(hole(2, 4, 9)));
  CHECK(book.first_of(hole(1, 4, 9, 2)));
  CHECK_FALSE(book.first_of(hole(1, 4, 9)));
}

TEST_CASE("lives without number are forgotten, the present one is not", "[bus][gap-book]") {
  GapBook book;

  for (std::uint64_t epoch = 1; epoch <= 300; ++epoch) {
    CHECK(book.first_of(hole(1, 4, 9, epoch)));
    CHECK_FALSE(book.first_of(hole(1, 4, 9, epoch)));
  }
  CHECK(book.first_of(hole(1, 4, 9, 1)));
}
