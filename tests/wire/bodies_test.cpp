#include "wire/bodies.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

namespace {

struct Broken {
  std::string rule;
  std::string bytes;
  DecodeError error = DecodeError::bad_value;
};

void check_all_refused(const std::vector<Broken>& all) {
  for (const Broken& broken : all) {
    INFO(broken.rule);

    const auto decoded = decode(broken.bytes);

    REQUIRE_FALSE(decoded);
    CHECK(decoded.error() == broken.error);
  }
}

Broken hello(std::string rule, std::size_t body_offset, std::string_view hex,
             DecodeError error = DecodeError::bad_value) {
  return {std::move(rule), patched(sample("hello").bytes, 56 + body_offset, hex), error};
}

Broken body(std::string rule, Kind kind, std::string_view hex, DecodeError error = DecodeError::bad_value) {
  return {std::move(rule), frame_of(kind, hex), error};
}

/// `count` times `hex`.
std::string times(std::size_t count, std::string_view hex) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += hex;
  return all;
}

constexpr std::string_view id = "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef ";
constexpr std::string_view nil = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ";
constexpr std::string_view one = "01 00 00 00 00 00 00 00 ";
constexpr std::string_view two = "02 00 00 00 00 00 00 00 ";
constexpr std::string_view zero = "00 00 00 00 00 00 00 00 ";

template <class... Piece>
std::string join(Piece... pieces) {
  return (std::string(pieces) + ...);
}

/// The sample HELLO with other buses.
std::string hello_with_buses(std::string_view buses_hex) {
  return with_length(sample("hello").bytes.substr(0, 56 + 58) + from_hex(join(buses_hex, one, two)));
}

}  // namespace

TEST_CASE("a HELLO that breaks a rule is refused", "[wire][bodies]") {
  const std::string sixteen_buses =
      "01 61 01 62 01 63 01 64 01 65 01 66 01 67 01 68 01 69 01 6a 01 6b 01 6c 01 6d 01 6e 01 6f 01 70";

  CHECK(decode(hello_with_buses("10 00" + sixteen_buses)));
  check_all_refused({
      hello("versions begin at 1", 0, "00"),
      hello("the lowest version is not above the highest", 1, "00"),
      hello("the cluster name is not empty", 2, "00"),
      hello("the cluster name holds no control character", 3, "0a"),
      hello("the cluster name is UTF-8", 3, "ff"),
      hello("the node name holds no space", 10, "20"),
      hello("the node name holds no dollar sign", 10, "24"),
      hello("the node name ends within the frame", 9, "ff", DecodeError::truncated),
      hello("a mono node has no links", 16, "00"),
      hello("the mode is known", 16, "03"),
      hello("transient is 0 or 1", 17, "02"),
      hello("an endpoint holds no control character", 19, "00"),
      hello("there is a bus", 58, "00 00"),
      hello("more buses than bytes", 58, "ff ff", DecodeError::truncated),
      hello("a bus name is like a group name", 61, "20"),
      {"a bus is named once", hello_with_buses("02 00 01 61 01 61")},
      {"at most 16 buses", hello_with_buses("11 00" + sixteen_buses + "01 71")},
  });
}

TEST_CASE("a node name has at most 64 bytes", "[wire][bodies]") {
  const std::string rest = "01 61";
  const std::string longest = frame_of(Kind::welcome, "40" + times(64, "61") + rest);
  const std::string longer = frame_of(Kind::welcome, "41" + times(65, "61") + rest);

  CHECK(decode(longest));
  check_all_refused({{"65 bytes", longer}, body("empty", Kind::welcome, "00 01 61")});
}

TEST_CASE("a REJECT that breaks a rule is refused", "[wire][bodies]") {
  const std::string rest = join(zero, "01 01");

  CHECK(decode(frame_of(Kind::reject, "01 00 00" + rest)));
  CHECK(decode(frame_of(Kind::reject, "01 00 04" + times(1024, "61") + rest)));
  check_all_refused({
      body("reasons begin at 1", Kind::reject, "00 00 00" + rest),
      body("the reason is known", Kind::reject, "08 00 00" + rest),
      body("the text has at most 1024 bytes", Kind::reject, "01 01 04" + times(1025, "61") + rest),
      body("the lowest version is not above the highest", Kind::reject, join("01 00 00", zero, "02 01")),
  });
}

TEST_CASE("positions ascend by bus and name buses that can be", "[wire][bodies]") {
  CHECK(decode(frame_of(Kind::report, "00 00")));
  CHECK(decode(frame_of(Kind::report, join("01 00 0f 00", zero))));
  check_all_refused({
      body("not the same bus twice", Kind::report, join("02 00 01 00", one, "01 00", one)),
      body("not in falling order", Kind::report, join("02 00 01 00", one, "00 00", one)),
      body("bus numbers end at 15", Kind::report, join("01 00 10 00", one)),
      body("no more than 16", Kind::report, "11 00" + times(17, join("00 00", one))),
      body("no more than there are bytes", Kind::report, join("02 00 01 00", one), DecodeError::truncated),
  });
}

TEST_CASE("heartbeats count from 1", "[wire][bodies]") {
  check_all_refused({body("0", Kind::heartbeat, join(zero, one, one, one, one, "00 00 00 00"))});
}

TEST_CASE("probes name a node", "[wire][bodies]") {
  CHECK(decode(frame_of(Kind::probe_answer, join(id, one, one, "00"))));
  check_all_refused({
      body("a probe's subject is not nil", Kind::probe, join(nil, one, one)),
      body("an answer's subject is not nil", Kind::probe_answer, join(nil, one, one, "00")),
      body("an optional is there or not", Kind::probe_answer, join(id, one, one, "02 00 00 00 00")),
      body("an absent optional has no value", Kind::probe_answer, join(id, one, one, "00 00 00 00 00"),
           DecodeError::trailing_bytes),
      body("forgotten nodes are not nil", Kind::forget, nil),
  });
}

TEST_CASE("a list of members that breaks a rule is refused", "[wire][bodies]") {
  const std::string row = join(id, one, "00 00 00 00 00");
  const std::string other = join(nil.substr(0, 45), "01 ", one, "00 00 00 00 00");

  CHECK(decode(frame_of(Kind::members, "00 00")));
  CHECK(decode(frame_of(Kind::members, "02 00" + other + row)));
  check_all_refused({
      body("ids ascend", Kind::members, "02 00" + row + other),
      body("an id comes once", Kind::members, "02 00" + row + row),
      body("an id is not nil", Kind::members, join("01 00", nil, one, "00 00 00 00 00")),
      body("the state is known", Kind::members, join("01 00", id, one, "04 00 00 00 00")),
      body("forgotten is 0 or 1", Kind::members, join("01 00", id, one, "00 02 00 00 00")),
      body("transient is 0 or 1", Kind::members, join("01 00", id, one, "00 00 02 00 00")),
      body("names are names", Kind::members, join("01 00", id, one, "00 00 00 01 2f 00")),
      body("at most 128", Kind::members, "81 00" + times(129, row)),
      body("no more than there are bytes", Kind::members, "02 00" + row, DecodeError::truncated),
  });
}

TEST_CASE("an ANNOUNCE that breaks a rule is refused", "[wire][bodies]") {
  const std::string change = join(one, two, "00 00 00 00 01 00 00 00");
  const std::string whole = join(zero, two, "01 00 00 00 02 00 00 00");
  const std::string none = "00 00 00 00";

  CHECK(decode(frame_of(Kind::announce, change + "00 00" + none + none)));
  CHECK(decode(frame_of(Kind::announce, whole + "00 00" + none + none)));
  CHECK(decode(frame_of(Kind::announce, join(zero, zero, "00 00 00 00 01 00 00 00 00 00", none, none))));
  check_all_refused({
      body("the version is above the base", Kind::announce,
           join(two, two, "00 00 00 00 01 00 00 00 00 00", none, none)),
      body("there is a part", Kind::announce, join(zero, two, "00 00 00 00 00 00 00 00 00 00", none, none)),
      body("the part is one of the parts", Kind::announce,
           join(zero, two, "02 00 00 00 02 00 00 00 00 00", none, none)),
      body("at most 256 parts", Kind::announce, join(zero, two, "00 00 00 00 01 01 00 00 00 00", none, none)),
      body("a change comes in one part", Kind::announce,
           join(one, two, "00 00 00 00 02 00 00 00 00 00", none, none)),
      body("each-node buses ascend", Kind::announce, change + "02 00 01 00 00 00" + none + none),
      body("an each-node bus comes once", Kind::announce, change + "02 00 01 00 01 00" + none + none),
      body("an each-node bus can be", Kind::announce, change + "01 00 10 00" + none + none),
      body("added keys ascend", Kind::announce, join(change, "00 00 02 00 00 00", two, one, none)),
      body("an added key comes once", Kind::announce, join(change, "00 00 02 00 00 00", one, one, none)),
      body("removed keys ascend", Kind::announce, join(change, "00 00", none, "02 00 00 00", two, one)),
      body("a key is not added and removed", Kind::announce,
           join(change, "00 00 01 00 00 00", one, "02 00 00 00", zero, one)),
      body("a whole set removes nothing", Kind::announce, join(whole, "00 00", none, "01 00 00 00", one)),
      body("no more keys than there are bytes", Kind::announce, change + "00 00 ff ff ff ff" + none,
           DecodeError::truncated),
  });
}

TEST_CASE("a piece of an announcement holds 8064 keys and fits its bound", "[wire][bodies]") {
  Announce announce;
  announce.version = 1;
  for (std::uint64_t key = 0; key < 8'064; ++key) announce.added.push_back(key);
  const std::string most = encode(sample("announce").frame.header, announce);
  const std::string none = "00 00 00 00";

  CHECK(decode(most));
  CHECK(most.size() <= limits::announcement_frame_bytes_max);
  check_all_refused(
      {body("8065 keys", Kind::announce,
            join(zero, one, "00 00 00 00 01 00 00 00 00 00 81 1f 00 00", times(8'065, zero), none))});
}

TEST_CASE("a SUBSCRIBE that breaks a rule is refused", "[wire][bodies]") {
  check_all_refused({
      body("the bus can be", Kind::subscribe, join("10 00 00", one)),
      body("an optional is there or not", Kind::subscribe, join("00 00 02", one, one)),
  });
}

TEST_CASE("a NOTIFY that breaks a rule is refused", "[wire][bodies]") {
  const std::string head = join("00 00 00", two, "05 00 00 00 00 00 00 00 ");  // (2, 5]
  const auto with_deltas = [&](std::string_view first, std::string_view second) {
    return join(head, "02 00 00 00", first, "00 00 00 01 00 00 00 61", second, "00 00 00 01 00 00 00 61");
  };

  CHECK(decode(frame_of(Kind::notify, with_deltas("01", "03"))));
  check_all_refused({
      body("the bus can be", Kind::notify, join("10 00 00", one, two, "00 00 00 00")),
      body("only two flags are known", Kind::notify, join("00 00 04", one, two, "00 00 00 00")),
      body("the interval does not end before it begins", Kind::notify,
           join("00 00 00", two, one, "00 00 00 00")),
      body("an event is after the begin", Kind::notify, with_deltas("00", "03")),
      body("an event is not after the end", Kind::notify, with_deltas("01", "04")),
      body("events ascend", Kind::notify, with_deltas("03", "01")),
      body("a number comes once", Kind::notify, with_deltas("03", "03")),
      body("an event has bytes", Kind::notify, head + "01 00 00 00 01 00 00 00 00 00 00 00 00"),
      body("an event ends within the frame", Kind::notify, head + "01 00 00 00 01 00 00 00 02 00 00 00 61",
           DecodeError::truncated),
      body("no more events than there are bytes", Kind::notify, head + "ff ff ff ff 01 00 00 00 00 00 00 00",
           DecodeError::truncated),
      body("numbers do not run over", Kind::notify,
           join("00 00 00 fe ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff 01 00 00 00 02 00 00 00 01 00 00 "
                "00 61")),
  });
}

TEST_CASE("GAP and REPAIR name an interval that is not empty", "[wire][bodies]") {
  CHECK(decode(frame_of(Kind::gap, join("00 00 03", one, one))));
  check_all_refused({
      body("a gap begins at 1", Kind::gap, join("00 00 00", zero, one)),
      body("a gap does not end before it begins", Kind::gap, join("00 00 00", two, one)),
      body("a gap's reason is known", Kind::gap, join("00 00 04", one, one)),
      body("a gap's bus can be", Kind::gap, join("10 00 00", one, one)),
      body("a repair of nothing", Kind::repair, join("00 00", one, one)),
      body("a repair that ends before it begins", Kind::repair, join("00 00", two, one)),
      body("a repair's bus can be", Kind::repair, join("10 00", one, two)),
  });
}

TEST_CASE("a GOODBYE and a ONE_WAY that break a rule are refused", "[wire][bodies]") {
  check_all_refused({
      body("for_good is 0 or 1", Kind::goodbye, "02 00 00 00 00 00 00"),
      body("an endpoint is not empty", Kind::one_way, "00"),
      body("an endpoint is text", Kind::one_way, "01 07"),
  });
}
