#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "storage/records.hpp"

// Records about copies and those who keep them.

using namespace evmesh;
using namespace evmesh::storage;
using namespace std::string_literals;

namespace {

NodeId node(std::uint8_t last) {
  NodeId id;
  id.bytes[15] = last;
  return id;
}

const NodeId self = node(1);
const NodeId other = node(2);

template <class Body>
std::string bytes_of(const Body& record) {
  std::string out;
  encode_record(record, self, out);
  return out;
}

std::string number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8U) text.push_back(static_cast<char>(value & 0xffU));
  return text;
}

std::string id(std::uint8_t last) { return std::string(15, '\0') + static_cast<char>(last); }

std::string byte(unsigned value) { return {static_cast<char>(value)}; }

std::vector<std::string> samples() {
  return {
      bytes_of(
          Copied{.owner = other, .epoch = 3, .set_version = 4, .begin = true, .fresh = true, .record = "R"}),
      bytes_of(Dropped{other}),
      bytes_of(Dropped{other, true}),
      bytes_of(Copied{.owner = other, .epoch = 3, .set_version = 4, .gone = true, .to = 1, .record = {}}),
      bytes_of(
          Adopted{.owner = other, .epoch = 3, .group = 6, .seqs = {{1, 2}}, .from = {}, .letters = true}),
      bytes_of(Adopted{.owner = other,
                       .epoch = 3,
                       .set_version = 4,
                       .custody = 5,
                       .group = 6,
                       .seqs = {{1, 2}, {4, 4}},
                       .from = {}}),
      bytes_of(Adopted{.owner = other, .epoch = 3, .group = 6, .seqs = {{1, 2}}, .from = node(3), .to = 7}),
      bytes_of(Answered{other, 3}),
      bytes_of(Guardians{2, {other, node(3)}})};
}

void check_refused(std::string bytes) { CHECK_FALSE(decode_record(bytes, self)); }

}  // namespace

TEST_CASE("records of copies stand as the page about the journal says", "[storage][records]") {
  CHECK(bytes_of(Copied{.owner = other,
                        .epoch = 3,
                        .set_version = 4,
                        .begin = true,
                        .end = true,
                        .fresh = true,
                        .to = 0x55,
                        .synced = 0x44,
                        .record = "R"}) ==
        byte(10) + byte(0xe0) + id(2) + number(3, 8) + number(4, 8) + number(0x55, 8) + number(0x44, 8) + number(1, 4) + "R");
  CHECK(bytes_of(Copied{.owner = other,
                        .epoch = 3,
                        .set_version = 4,
                        .gone = true,
                        .to = 0x55,
                        .synced = 0x44,
                        .record = {}}) == byte(10) + byte(16) + id(2) + number(3, 8) + number(4, 8) +
                                              number(0x55, 8) + number(0x44, 8) + number(0, 4));
  CHECK(bytes_of(Dropped{other}) == byte(11) + byte(0) + id(2));
  CHECK(bytes_of(Dropped{other, true}) == byte(11) + byte(4) + id(2));
  CHECK(bytes_of(Adopted{.owner = other, .epoch = 3, .set_version = 4, .custody = 5, .group = 6, .seqs = {{7, 9}}, .from = {}}) ==
        byte(12) + byte(0) + id(2) + number(3, 8) + number(4, 8) + number(5, 4) + number(6, 8) + number(1, 2) +
            number(7, 8) + number(9, 8));
  CHECK(bytes_of(Adopted{.owner = other, .epoch = 3, .group = 6, .seqs = {{7, 9}}, .from = node(3)}) ==
        byte(12) + byte(2) + id(2) + id(3) + number(3, 8) + number(0, 8) + number(1, 4) + number(6, 8) + number(1, 2) +
            number(7, 8) + number(9, 8));
  CHECK(bytes_of(Adopted{.owner = other, .epoch = 3, .set_version = 4, .group = 6, .seqs = {{7, 9}}, .from = {}, .to = 0x55}) ==
        byte(12) + byte(4) + id(2) + number(3, 8) + number(4, 8) + number(0x55, 8) + number(1, 4) + number(6, 8) +
            number(1, 2) + number(7, 8) + number(9, 8));
  CHECK(bytes_of(Adopted{.owner = other,
                         .epoch = 3,
                         .set_version = 4,
                         .group = 6,
                         .seqs = {{7, 9}},
                         .from = {},
                         .letters = true}) == byte(12) + byte(8) + id(2) + number(3, 8) + number(4, 8) +
                                                  number(1, 4) + number(6, 8) + number(1, 2) + number(7, 8) +
                                                  number(9, 8));
  CHECK(bytes_of(Answered{other, 3}) == byte(13) + byte(0) + id(2) + number(3, 8));
  CHECK(bytes_of(Guardians{2, {other}}) == byte(14) + byte(0) + number(2, 8) + number(1, 2) + id(2));
}

TEST_CASE("an obligation that was taken over says its custody, one that was not does not", "[storage][records]") {
  Owed owed{.id = {other, 1, 1}, .event_id = {}, .time = {}, .bus = "b", .groups = {}, .event = "EV"};
  owed.groups.resize(1);
  owed.groups[0].name = "g";
  const std::string before = bytes_of(owed);
  owed.groups[0].custody = 2;
  const std::string after = bytes_of(owed);

  CHECK(before[1] == 1);
  CHECK(after[1] == 17);
  CHECK(after.size() == before.size() + 4);
  CHECK(std::get<Owed>(*decode_record(after, self)) == owed);
}

TEST_CASE("every record of copies comes back as it was", "[storage][records]") {
  for (const std::string& bytes : samples()) {
    const auto decoded = decode_record(bytes, self);
    REQUIRE(decoded);
    std::string again;
    std::visit([&](const auto& record) { encode_record(record, self, again); }, *decoded);
    CHECK(again == bytes);
    CHECK(concerns_copies(bytes));
  }
  CHECK_FALSE(concerns_copies(bytes_of(Goodbye{7})));
  CHECK_FALSE(concerns_copies(""));
}

TEST_CASE("a record of copies that is cut, goes on or breaks a rule is undecodable", "[storage][records]") {
  for (const std::string& bytes : samples()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // What is copied says its length itself.
      check_refused(bytes.substr(0, size));
    }
    check_refused(bytes + 'x');
    std::string flagged = bytes;
    flagged[1] = static_cast<char>(flagged[1] | 1);
    check_refused(flagged);
  }
  check_refused(bytes_of(Copied{.owner = other, .epoch = 0, .set_version = 1, .record = {}}));
  check_refused(bytes_of(Copied{.owner = other, .epoch = 1, .set_version = 0, .record = {}}));
  check_refused(bytes_of(Adopted{.owner = other, .epoch = 1, .custody = 0, .group = 1, .seqs = {{1, 1}}, .from = {}}));
  check_refused(bytes_of(Adopted{.owner = other, .epoch = 1, .custody = 1, .group = 1, .seqs = {}, .from = {}}));
  check_refused(bytes_of(Adopted{.owner = other, .epoch = 1, .custody = 1, .group = 1, .seqs = {{2, 1}}, .from = {}}));
  check_refused(bytes_of(Adopted{.owner = other, .epoch = 1, .custody = 1, .group = 1, .seqs = {{1, 3}, {3, 4}}, .from = {}}));
  check_refused(bytes_of(Adopted{.owner = other, .epoch = 1, .group = 1, .seqs = {{1, 1}}, .from = other}));
  check_refused(bytes_of(Answered{other, 0}));
  check_refused(bytes_of(Guardians{0, {}}));
}

TEST_CASE("the event of an acceptance is found in its copy, too", "[storage][records]") {
  Owed owed{.id = {other, 1, 1}, .event_id = {}, .time = {}, .bus = "b", .groups = {}, .event = "EV"};
  owed.groups.resize(1);
  owed.groups[0].name = "g";
  std::string inner;
  encode_record(owed, other, inner);
  const std::string copied = bytes_of(Copied{.owner = other, .epoch = 1, .set_version = 1, .record = inner});

  CHECK(event_of_record(copied, self) == "EV");
  CHECK(event_of_record(bytes_of(owed), self) == "EV");
  CHECK_FALSE(event_of_record(bytes_of(Dropped{other}), self));
}
