#include "storage/records.hpp"

#include <string>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "storage/record_cursor.hpp"

using namespace evmesh;
using namespace evmesh::storage;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

NodeId node(std::uint8_t first) {
  NodeId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(first + i);
  return id;
}

const NodeId self = node(0x10);
const NodeId other = node(0x80);
const DispatchId own{self, 0x0102, 0x0304};

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

template <class Body>
std::string bytes_of(const Body& record) {
  std::string out = "what was there before";
  encode_record(record, self, out);
  return out;
}

template <class Body>
void check_round_trip(const Body& record) {
  const std::string bytes = bytes_of(record);
  const auto decoded = decode_record(bytes, self);
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<Body>(*decoded));
  CHECK(std::get<Body>(*decoded) == record);
}

Owed full_owed() {
  Owed owed;
  owed.id = {other, 1, 2};
  owed.event_id.bytes[15] = 7;
  owed.time = Timestamp{5us};
  owed.bus = "mail";
  OwedGroup plain;
  plain.name = "A";
  OwedGroup rich;
  rich.name = "B";
  rich.generation = 3;
  rich.attempts = 2;
  rich.ended = rich.cancelled = rich.suspect = rich.unsure = true;
  rich.doubt = Doubt::unknown;
  rich.wait = 250ms;
  rich.letter.bytes[0] = 9;
  rich.history = {{1, Timestamp{6us}, self, "no"}, {2, Timestamp{-1us}, other, ""}};
  owed.groups = {plain, rich};
  owed.event = std::string_view("\0x", 2);
  return owed;
}

std::vector<std::string> samples() {
  const Place place{own, 5, 6};
  return {
      bytes_of(full_owed()),
      bytes_of(Started{place, 2}),
      bytes_of(Failed{
          .place = place, .attempt = 3, .ended = true, .time = {}, .node = other, .wait = 1ms, .error = "e"}),
      bytes_of(Verdict{place, Fate::dead}),
      bytes_of(Settled{place, Fate::cancelled}),
      bytes_of(Suspect{place}),
      bytes_of(Cancelled{5}),
      bytes_of(Life{self, 7, true}),
      bytes_of(Goodbye{7})};
}

}  // namespace

TEST_CASE("records stand as the page about the journal says", "[storage][records]") {
  const Place place{own, 0x1122334455667788, 0x0a};

  Owed owed;
  owed.id = own;
  owed.event_id.bytes[0] = 0xee;
  owed.time = Timestamp{0x99us};
  owed.bus = "b";
  owed.groups.resize(1);
  owed.groups[0].name = "g";
  owed.event = "EV";
  CHECK(hex(bytes_of(owed)) ==
        "0100"
        "0201000000000000"
        "0403000000000000"
        "ee000000000000000000000000000000"
        "9900000000000000"
        "0162"
        "0100"
        "0167"
        "00"
        "00000000"
        "00000000"
        "0000"
        "02000000"
        "4556");
  CHECK(hex(bytes_of(Started{place, 2})) ==
        "0200"
        "0201000000000000"
        "0403000000000000"
        "8877665544332211"
        "0a000000"
        "02000000");
  CHECK(hex(bytes_of(Failed{.place = place,
                            .attempt = 1,
                            .ended = true,
                            .time = Timestamp{1us},
                            .node = self,
                            .wait = 100ms,
                            .error = "no"})) ==
        "0304"
        "0201000000000000"
        "0403000000000000"
        "8877665544332211"
        "0a000000"
        "01000000"
        "0100000000000000"
        "6400000000000000"
        "0200"
        "6e6f");
  CHECK(hex(bytes_of(Verdict{place, Fate::done})) ==
        "0400"
        "0201000000000000"
        "0403000000000000"
        "8877665544332211"
        "0a000000"
        "01");
  CHECK(hex(bytes_of(Settled{place, Fate::cancelled})) ==
        "0500"
        "0201000000000000"
        "0403000000000000"
        "8877665544332211"
        "0a000000"
        "03");
  CHECK(hex(bytes_of(Suspect{place})) ==
        "0600"
        "0201000000000000"
        "0403000000000000"
        "8877665544332211"
        "0a000000");
  CHECK(hex(bytes_of(Cancelled{0x1122334455667788})) ==
        "0700"
        "8877665544332211");
  CHECK(hex(bytes_of(Life{self, 2, true})) ==
        "0808"
        "101112131415161718191a1b1c1d1e1f"
        "0200000000000000");
  CHECK(hex(bytes_of(Goodbye{2})) ==
        "0900"
        "0200000000000000");
}

TEST_CASE("another node's acceptance carries its owner", "[storage][records]") {
  CHECK(hex(bytes_of(Suspect{{{other, 1, 2}, 3, 4}})) ==
        "0601"
        "808182838485868788898a8b8c8d8e8f"
        "0100000000000000"
        "0200000000000000"
        "0300000000000000"
        "04000000");
}

TEST_CASE("the parts of a group that most do not have stand behind its flags", "[storage][records]") {
  CHECK(hex(bytes_of(full_owed())).substr(2 * (2 + 16 + 16 + 16 + 8 + 5 + 2)) ==
        "0141"
        "00"
        "00000000"
        "00000000"
        "0000"
        "0142"
        "df"
        "03000000"
        "02000000"
        "fa00000000000000"
        "09000000000000000000000000000000"
        "0200"
        "01000000"
        "0600000000000000"
        "101112131415161718191a1b1c1d1e1f"
        "0200"
        "6e6f"
        "02000000"
        "ffffffffffffffff"
        "808182838485868788898a8b8c8d8e8f"
        "0000"
        "02000000"
        "0078");
}

TEST_CASE("a group is named by the hash of bus and group, which are kept apart", "[storage][records]") {
  CHECK(group_hash("mail", "index") == 0x5b226aaaace919d1ULL);
  CHECK(group_hash("a", "bc") != group_hash("ab", "c"));
}

TEST_CASE("every kind of record comes back as it was", "[storage][records]") {
  const Place place{{other, 1, 2}, 3, 4};

  check_round_trip(full_owed());
  check_round_trip(Started{place, 9});
  check_round_trip(Failed{.place = place,
                          .attempt = 4,
                          .ended = false,
                          .time = Timestamp{3us},
                          .node = other,
                          .wait = 1h,
                          .error = "x"});
  for (const Fate fate : {Fate::done, Fate::dead, Fate::cancelled}) check_round_trip(Verdict{place, fate});
  check_round_trip(Settled{place, Fate::done});
  check_round_trip(Suspect{place});
  check_round_trip(Cancelled{12});
  check_round_trip(Life{other, 3, false});
  check_round_trip(Goodbye{3});
}

TEST_CASE("a record that is cut or goes on is undecodable", "[storage][records]") {
  for (const std::string& bytes : samples()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = decode_record(std::string(bytes, 0, size), self);
      REQUIRE_FALSE(decoded);
      CHECK(decoded.error().code == ErrorCode::undecodable);
    }
    CHECK_FALSE(decode_record(bytes + '\0', self));
  }
}

TEST_CASE("values that break their rule are refused by the record's kind", "[storage][records]") {
  const Place place{own, 5, 6};
  const auto broken = [](std::string bytes, std::size_t at, char value) {
    bytes[at] = value;
    const auto decoded = decode_record(bytes, self);
    return decoded ? "decoded"s : decoded.error().message;
  };

  CHECK(broken(bytes_of(Goodbye{1}), 0, 15) ==
        "a record of the journal is of kind 15, which this version does not know; use the version that wrote "
        "it");
  CHECK(broken(bytes_of(Goodbye{1}), 1, 1) == "a record of the journal, of kind 9: a value breaks its rule");
  CHECK(broken(bytes_of(Goodbye{1}), 2, 0) == "a record of the journal, of kind 9: a value breaks its rule");
  CHECK(broken(bytes_of(Verdict{place, Fate::done}), 30, 0) ==
        "a record of the journal, of kind 4: a value breaks its rule");
  CHECK(broken(bytes_of(Verdict{place, Fate::done}), 30, 5) ==
        "a record of the journal, of kind 4: a value breaks its rule");
  CHECK(broken(bytes_of(Settled{place, Fate::done}), 30, 2) ==
        "a record of the journal, of kind 5: a value breaks its rule");
  CHECK(broken(bytes_of(Started{place, 2}), 30, 1) ==
        "a record of the journal, of kind 2: a value breaks its rule");
  CHECK(broken(bytes_of(full_owed()), 63, '\0') == "a record of the journal, of kind 1: it is cut short");
  CHECK(broken(bytes_of(full_owed()), 66, ' ') ==
        "a record of the journal, of kind 1: a value breaks its rule");
}

TEST_CASE("an own id that is spelled out is another form of the same, so it is refused",
          "[storage][records]") {
  const auto foreign = bytes_of(Suspect{{{other, 1, 2}, 3, 4}});

  CHECK(decode_record(foreign, self));
  CHECK_FALSE(decode_record(foreign, other));
}

TEST_CASE("a count of groups beyond the bytes allocates nothing", "[storage][records]") {
  std::string bytes = bytes_of(full_owed());
  bytes[63] = bytes[64] = '\xff';

  const auto decoded = decode_record(bytes, self);

  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().message == "a record of the journal, of kind 1: it is cut short");
}

TEST_CASE("whatever is decoded is encoded to the same bytes", "[storage][records]") {
  rc::prop("one form only", [] {
    const auto all = samples();
    std::string bytes = *rc::gen::elementOf(all);
    const auto changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    const auto decoded = decode_record(bytes, self);
    RC_PRE(decoded.has_value());
    std::string again;
    std::visit([&](const auto& record) { encode_record(record, self, again); }, *decoded);
    RC_ASSERT(again == bytes);
  });
}

TEST_CASE("an error longer than its length can say is cut", "[storage][records]") {
  const std::string error(70'000, 'x');

  const auto bytes = bytes_of(Failed{.place = {own, 1, 1},
                                     .attempt = 1,
                                     .ended = false,
                                     .time = {},
                                     .node = self,
                                     .wait = 0ms,
                                     .error = error});

  const auto decoded = decode_record(bytes, self);
  REQUIRE(decoded);
  CHECK(std::get<Failed>(*decoded).error.size() == 65'535);
}
