#include "storage/commit.hpp"

#include <string>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using namespace evmesh::storage;

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

/// Two records at position 1000, chained to 0x1122334455667788.
Commit example() {
  Commit commit(1000);
  commit.add("one");
  commit.add("three");
  return commit;
}

constexpr Seal example_seal{.chain = 0x1122334455667788, .synced = 900, .salt = 5};

}  // namespace

TEST_CASE("a commit has its documented bytes", "[storage][commit]") {
  Commit commit = example();

  const auto chain = commit.seal(example_seal);

  CHECK(hex(commit.bytes()) ==
        "454d4a4363108d81e80300000000000084030000000000004800000002000000ce460141cfe6676e8877665544332211"
        "030000001f06cfa26f6e65050000006affcf527468726565");
  CHECK(chain == 0x6e67e6cf410146ceU);
}

TEST_CASE("records know their positions while the commit is built", "[storage][commit]") {
  Commit commit(1000);

  CHECK(commit.add("one") == 1048);
  CHECK(commit.add("three") == 1059);
  CHECK(commit.end() == 1072);
  CHECK(commit.count() == 2);
}

TEST_CASE("a commit that is restarted is empty", "[storage][commit]") {
  Commit commit = example();
  commit.seal(example_seal);

  commit.restart(77);

  CHECK(commit.empty());
  CHECK(commit.begin() == 77);
  CHECK(commit.bytes() == std::string(48, '\0'));
}

TEST_CASE("what was sealed is read back", "[storage][commit]") {
  rc::prop("for all records and places",
           [](const std::vector<std::string>& records, std::uint32_t begin, std::uint64_t chain_before) {
             RC_PRE(!records.empty());
             Commit commit(begin);
             const Seal seal{chain_before, *rc::gen::inRange<std::uint64_t>(0, begin + 1ULL),
                             *rc::gen::arbitrary<std::uint32_t>()};
             for (const auto& record : records) commit.add(record + "!");
             const auto chain = commit.seal(seal);

             const auto header = decode_commit_header(commit.bytes(), seal.salt);

             RC_ASSERT(header.has_value());
             RC_ASSERT(header->before() == (Tail{begin, seal.chain}));
             RC_ASSERT(header->after() == (Tail{commit.end(), chain}));
             RC_ASSERT(header->synced == seal.synced);
             RC_ASSERT(header->count == records.size());
             RC_ASSERT(fault_in(*header, commit.bytes()).empty());
             RecordWalk walk(commit.bytes().substr(48), begin + 48ULL);
             for (const auto& record : records) RC_ASSERT(walk.next()->bytes == record + "!");
             RC_ASSERT(walk.finished());
           });
}

TEST_CASE("no bit of a commit can change unseen", "[storage][commit]") {
  Commit commit = example();
  commit.seal(example_seal);

  for (std::size_t bit = 0; bit < commit.bytes().size() * 8; ++bit) {
    std::string bytes(commit.bytes());
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const auto header = decode_commit_header(bytes, example_seal.salt);

    CHECK((!header || !fault_in(*header, bytes).empty()));
  }
}

TEST_CASE("a commit of another journal has no sound header", "[storage][commit]") {
  Commit commit = example();
  commit.seal(example_seal);

  CHECK_FALSE(decode_commit_header(commit.bytes(), 6));
}

TEST_CASE("a record in another place is not sound", "[storage][commit]") {
  Commit commit = example();

  CHECK(RecordWalk(commit.bytes().substr(48), 1048).next()->sound);
  CHECK_FALSE(RecordWalk(commit.bytes().substr(48), 1049).next()->sound);
}

TEST_CASE("a commit that only counts has positions and no bytes", "[storage][commit]") {
  Commit commit = Commit::counting(1000);
  CHECK(commit.empty());

  const Position first = commit.add("one");
  const Position second = commit.skip();

  CHECK_FALSE(commit.keeps());
  CHECK(first >= 1000);
  CHECK(second > first);
  CHECK(commit.end() > second);
  CHECK(commit.count() == 2);
  CHECK(commit.bytes().size() == commit_header_bytes);

  const Position end = commit.end();
  commit.restart(end);
  CHECK(commit.empty());
  CHECK_FALSE(commit.keeps());
  CHECK(commit.add("three") >= end);
}
