#include "storage/blocks.hpp"

#include <catch2/catch.hpp>

#include "storage/journal_support.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using evmesh::storage::testing::node;

namespace {

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("a segment header has its documented bytes", "[storage][blocks]") {
  const std::string block = encode(SegmentHeader{node(0xaa), 3, 0x2000000});

  CHECK(hex(block.substr(0, 48)) ==
        "65766d6573684a5310bf39e801000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa03000000000000000000000200000000");
  CHECK(block.substr(48) == std::string(4096 - 48, '\0'));
}

TEST_CASE("an anchor slot has its documented bytes", "[storage][blocks]") {
  const std::string block = encode(AnchorSlot{node(0xaa), 5, 3, {1000, 0x1122334455667788}, {2000, 0x99}});

  CHECK(hex(block.substr(0, 80)) ==
        "65766d6573684a4191a3369501000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa05000000000000000300000000000000"
        "e8030000000000008877665544332211d0070000000000009900000000000000");
  CHECK(block.substr(80) == std::string(4096 - 80, '\0'));
}

TEST_CASE("blocks are read back", "[storage][blocks]") {
  const auto header = decode_segment_header(encode(SegmentHeader{node(1), 3, 8192}));
  const auto slot = decode_anchor_slot(encode(AnchorSlot{node(2), 5, 3, {1000, 11}, {2000, 22}}));

  REQUIRE(header);
  CHECK(header->owner == node(1));
  CHECK(header->number == 3);
  CHECK(header->bytes == 8192);
  REQUIRE(slot);
  CHECK(slot->owner == node(2));
  CHECK(slot->turn == 5);
  CHECK(slot->segment == 3);
  CHECK(slot->begin == Tail{1000, 11});
  CHECK(slot->tail == Tail{2000, 22});
}

TEST_CASE("a block of another kind, cut, rotten or newer is refused by its name", "[storage][blocks]") {
  const std::string block = encode(SegmentHeader{node(1), 3, 8192});
  std::string rotten = block;
  rotten[4000] = 1;

  CHECK(decode_anchor_slot(block).error().message == "this is no anchor slot");
  CHECK(decode_segment_header(block.substr(0, 4095)).error().message == "the segment header is cut off");
  CHECK(decode_segment_header(rotten).error().message == "the checksum of the segment header does not fit");
  CHECK(decode_segment_header(evmesh::storage::testing::with_version(block, 2)).error().message ==
        "the segment header has format 2, this evmesh reads 1: start the newer evmesh that wrote it");
}
