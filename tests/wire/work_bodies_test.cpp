#include "wire/work_bodies.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"
#include "wire/frames.hpp"

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

Broken body(std::string rule, Kind kind, std::string_view hex, DecodeError error = DecodeError::bad_value) {
  return {std::move(rule), frame_of(kind, hex), error};
}

/// The sample of that name with other bytes in its body.
Broken changed(std::string rule, std::string_view name, std::size_t body_offset, std::string_view hex,
               DecodeError error = DecodeError::bad_value) {
  return {std::move(rule), patched(sample(name).bytes, 56 + body_offset, hex), error};
}

/// `count` times `hex`.
std::string times(std::size_t count, std::string_view hex) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += hex;
  return all;
}

std::string u64(std::uint64_t value) {
  std::string bytes;
  Writer(bytes).number(value);
  std::string hex;
  for (const char byte : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4U];
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15U];
  }
  return hex;
}

std::string range(std::uint64_t first, std::uint64_t last) { return u64(first) + u64(last); }

constexpr std::string_view nil = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ";
constexpr std::string_view id = "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef ";

/// One whose texts are as short as they may be.
std::string shortest_entry(std::string_view bus = "61", std::string_view group = "62") {
  return "01" + std::string(bus) + "01" + std::string(group) + "01 00 00 00 01" + u64(1) + std::string(id) +
         "00 00 00 00" + u64(0) + u64(0) + u64(0) + u64(1) + u64(1'048'576) + "00";
}

}  // namespace

TEST_CASE("a map of groups that breaks a rule is refused", "[wire][work_bodies]") {
  const std::string none = u64(0);

  CHECK(decode(frame_of(Kind::groups, none + "01 00" + shortest_entry())));
  CHECK(decode(frame_of(Kind::groups, none + "02 00" + shortest_entry("61", "7a") + shortest_entry("62", "61"))));
  check_all_refused({
      body("an empty one says nothing", Kind::groups, none + "00 00"),
      body("groups ascend within a bus", Kind::groups,
           none + "02 00" + shortest_entry("61", "62") + shortest_entry("61", "61")),
      body("buses ascend", Kind::groups, none + "02 00" + shortest_entry("62") + shortest_entry("61")),
      body("a group comes once", Kind::groups, none + "02 00" + shortest_entry() + shortest_entry()),
      body("no more than 1024", Kind::groups, none + "01 04" + times(1'025, shortest_entry())),
      body("no more than there are bytes", Kind::groups, none + "02 00" + shortest_entry(),
           DecodeError::truncated),
      changed("a bus has a name", "groups", 11, "20"),
      changed("a group has a name", "groups", 18, "2f"),
      changed("present is 0 or 1", "groups", 25, "02"),
      changed("paused is 0 or 1", "groups", 26, "02"),
      changed("what is not paused has no reason for it", "groups", 26, "00"),
      changed("the reason is UTF-8", "groups", 29, "ff"),
      changed("critical is 0 or 1", "groups", 35, "02"),
      changed("versions begin at 1", "groups", 36, u64(0)),
      changed("waits are not negative", "groups", 71, "80"),
      changed("the longest wait is not negative", "groups", 79, "80"),
      changed("jitter is not above 1", "groups", 80, "01 00 00 00 00 00 f0 3f"),
      changed("jitter is a number", "groups", 80, "01 00 00 00 00 00 f8 7f"),
      changed("jitter is not minus 0", "groups", 80, "00 00 00 00 00 00 00 80"),
      changed("a group may be owed something", "groups", 88, u64(0)),
      changed("a backlog has at most 100,000,000", "groups", 88, u64(100'000'001)),
      changed("a backlog may hold 1 MiB", "groups", 96, u64(1'048'575)),
      changed("refuse_at_backlog is 0 or 1", "groups", 104, "02"),
  });
}

TEST_CASE("numbers of requests and versions begin at 1", "[wire][work_bodies]") {
  check_all_refused({
      body("an acknowledgement names a request", Kind::groups_ack, u64(0)),
      body("a claim has a number", Kind::claim, u64(0)),
      changed("its answer has it, too", "claim_answer", 0, u64(0)),
      changed("a question has a number", "ask", 0, u64(0)),
      changed("its answer has it, too", "reply", 0, u64(0)),
      body("runs have a version", Kind::runs, u64(0) + "00 00"),
      changed("guardians have a version", "guard", 0, u64(0)),
      changed("a copy names it", "copy", 0, u64(0)),
      changed("its answer names it, too", "copied", 0, u64(0)),
  });
}

TEST_CASE("RUNS and CREDIT that break a rule are refused", "[wire][work_bodies]") {
  const std::string run = u64(5) + "01 00 00 00";

  CHECK(decode(frame_of(Kind::runs, u64(1) + "00 00")));
  CHECK(decode(frame_of(Kind::runs, u64(1) + "01 00" + run)));
  CHECK(decode(frame_of(Kind::credit, "01 00" + u64(0) + u64(0))));
  check_all_refused({
      body("a run group has a place", Kind::runs, u64(1) + "01 00" + u64(5) + "00 00 00 00"),
      body("a run group comes once", Kind::runs, u64(1) + "02 00" + run + run),
      body("no more runs than there are bytes", Kind::runs, u64(1) + "02 00" + run, DecodeError::truncated),
      body("no credit says nothing", Kind::credit, "00 00"),
      body("credit ascends by group", Kind::credit, "02 00" + range(5, 1) + range(4, 1)),
      body("no more credit than there are bytes", Kind::credit, "02 00" + range(5, 1), DecodeError::truncated),
  });
}

TEST_CASE("a DELIVER that breaks a rule is refused", "[wire][work_bodies]") {
  const std::string one = std::string(id) + u64(4) + u64(5) + u64(6) + "00 00 00 00" + "01 00 00 00" +
                          "00 00 00 00" + std::string(id) + u64(4) + "00 00" + "01 00 00 00 61";

  CHECK(decode(frame_of(Kind::deliver, u64(~0ULL) + "01 00" + one)));
  check_all_refused({
      body("deliveries count from 1", Kind::deliver, u64(0) + "01 00" + one),
      body("there is one", Kind::deliver, u64(1) + "00 00"),
      body("numbers do not run over", Kind::deliver, u64(~0ULL) + "02 00" + one + one),
      body("no more than 1024", Kind::deliver, u64(1) + "01 04" + times(1'025, one)),
      body("no more than there are bytes", Kind::deliver, u64(1) + "02 00" + one, DecodeError::truncated),
      changed("lives count from 1", "deliver", 26, u64(0)),
      changed("attempts count from 1", "deliver", 54, "00 00 00 00"),
      changed("possibly_duplicate is 0 or 1", "deliver", 86, "02"),
      changed("suspect is 0 or 1", "deliver", 87, "02"),
      changed("an event has bytes", "deliver", 88, "00 00 00 00"),
      changed("an event ends within the frame", "deliver", 88, "ff ff ff ff", DecodeError::truncated),
  });
}

TEST_CASE("events of a DELIVER and records of a COPY are read without being copied", "[wire][work_bodies]") {
  const std::string& delivered = sample("deliver").bytes;
  const std::string& copied = sample("copy").bytes;

  const auto deliver = decode(delivered);
  const auto copy = decode(copied);

  REQUIRE(deliver);
  CHECK(std::get<Deliver>(deliver->body).deliveries[0].event.data() == delivered.data() + 56 + 92);
  REQUIRE(copy);
  CHECK(std::get<Copy>(copy->body).records[0].data() == copied.data() + 56 + 32);
}

TEST_CASE("VERDICTS that break a rule are refused", "[wire][work_bodies]") {
  const std::string rest = "01" + u64(0) + "00 00";

  CHECK(decode(frame_of(Kind::verdicts, "01 00" + u64(1) + "05" + u64(0) + "00 04" + times(1'024, "ff"))));
  check_all_refused({
      body("there is one", Kind::verdicts, "00 00"),
      body("deliveries count from 1", Kind::verdicts, "01 00" + u64(0) + rest),
      body("endings begin at 1", Kind::verdicts, "01 00" + u64(1) + "00" + u64(0) + "00 00"),
      body("the ending is known", Kind::verdicts, "01 00" + u64(1) + "06" + u64(0) + "00 00"),
      body("a wait is not negative", Kind::verdicts, "01 00" + u64(1) + "01" + u64(~0ULL) + "00 00"),
      body("an error has at most 1024 bytes", Kind::verdicts,
           "01 00" + u64(1) + "02" + u64(0) + "01 04" + times(1'025, "61")),
      body("they ascend", Kind::verdicts, "02 00" + u64(2) + rest + u64(1) + rest),
      body("each comes once", Kind::verdicts, "02 00" + u64(2) + rest + u64(2) + rest),
      body("no more than there are bytes", Kind::verdicts, "02 00" + u64(2) + rest, DecodeError::truncated),
  });
}

TEST_CASE("a set of numbers has one form", "[wire][work_bodies]") {
  CHECK(decode(frame_of(Kind::query, "01 00" + range(1, ~0ULL))));
  CHECK(decode(frame_of(Kind::query, "02 00" + range(1, 1) + range(3, 3))));
  check_all_refused({
      body("an empty question", Kind::query, "00 00"),
      body("an empty answer", Kind::unknown, "00 00"),
      body("numbers begin at 1", Kind::query, "01 00" + range(0, 3)),
      body("a range does not end before it begins", Kind::query, "01 00" + range(3, 2)),
      body("ranges ascend", Kind::query, "02 00" + range(5, 5) + range(1, 1)),
      body("ranges do not overlap", Kind::query, "02 00" + range(1, 5) + range(5, 6)),
      body("ranges that touch are one", Kind::query, "02 00" + range(1, 5) + range(6, 6)),
      body("nothing follows the last number", Kind::query, "02 00" + range(1, ~0ULL) + range(1, 1)),
      body("at most 4000", Kind::query, "a1 0f" + times(4'001, range(1, 1))),
      body("no more than there are bytes", Kind::query, "02 00" + range(1, 1), DecodeError::truncated),
  });
}

TEST_CASE("what is said of ranges fits the numbers beside them", "[wire][work_bodies]") {
  const std::string digests = u64(0) + u64(0) + u64(0) + u64(0);

  CHECK(decode(frame_of(Kind::retired, u64(0) + "01 00" + range(2, 2))));
  CHECK(decode(frame_of(Kind::work_beat, u64(2) + "01 00" + range(1, 2) + digests)));
  check_all_refused({
      body("what is retired together is one", Kind::retired, u64(5) + "01 00" + range(6, 6)),
      body("nothing is retired twice", Kind::retired, u64(5) + "01 00" + range(5, 9)),
      body("what is open was received", Kind::work_beat, u64(2) + "01 00" + range(1, 3) + digests),
  });
}

TEST_CASE("a COPY that breaks a rule is refused", "[wire][work_bodies]") {
  const std::string head = u64(1) + "00 00" + u64(5) + u64(5);

  CHECK(decode(frame_of(Kind::copy, head + "00 00")));
  check_all_refused({
      changed("begin is 0 or 1", "copy", 8, "02"),
      changed("end is 0 or 1", "copy", 9, "02"),
      body("it does not end before it begins", Kind::copy, u64(1) + "00 00" + u64(6) + u64(5) + "00 00"),
      body("a record has bytes", Kind::copy, head + "02 00" + "00 00 00 00" + "02 00 00 00 61 61"),
      body("no more records than there are bytes", Kind::copy, head + "02 00" + "01 00 00 00 61",
           DecodeError::truncated),
  });
}

TEST_CASE("a GUARD that breaks a rule is refused", "[wire][work_bodies]") {
  CHECK(decode(frame_of(Kind::guard, u64(1) + u64(0) + "00 00")));
  check_all_refused({
      body("a guardian comes once", Kind::guard, u64(1) + u64(0) + "02 00" + times(2, id)),
      body("a guardian is somebody", Kind::guard, u64(1) + u64(0) + "01 00" + std::string(nil)),
      body("at most 64", Kind::guard, u64(1) + u64(0) + "41 00" + times(65, id)),
  });
}

TEST_CASE("an ADOPTED that breaks a rule is refused", "[wire][work_bodies]") {
  const std::string head = std::string(id) + u64(4) + u64(2) + u64(3) + "01 00 00 00 01 00";
  const std::string group = u64(7) + "01 00" + range(5, 6);

  CHECK(decode(frame_of(Kind::adopted, head + "00 00")));
  CHECK(decode(frame_of(Kind::adopted, head + "01 00" + group)));
  check_all_refused({
      changed("lives count from 1", "adopted", 16, u64(0)),
      changed("who adopts is not the owner", "adopted", 40, "00 00 00 00"),
      changed("last is 0 or 1", "adopted", 44, "02"),
      changed("letters is 0 or 1", "adopted", 45, "02"),
      body("groups ascend", Kind::adopted, head + "02 00" + group + group),
      body("a group is there for a seq", Kind::adopted, head + "01 00" + u64(7) + "00 00" + range(5, 6),
           DecodeError::bad_value),
      body("no more groups than there are bytes", Kind::adopted, head + "02 00" + group,
           DecodeError::truncated),
  });
}

TEST_CASE("states of obligations that break a rule are refused", "[wire][work_bodies]") {
  check_all_refused({
      changed("last is 0 or 1", "adopted_answer", 24, "02"),
      changed("more states than bytes", "adopted_answer", 25, "ff 0f", DecodeError::truncated),
      changed("lives count from 1", "adopted_answer", 43, u64(0)),
      changed("states begin at 1", "adopted_answer", 71, "00"),
      changed("the state is known", "adopted_answer", 71, "0a"),
      changed("the life of an owner counts from 1", "adopted_answer", 16, u64(0)),
      changed("last is 0 or 1 for a claimant", "claim_answer", 24, "02"),
  });
}

TEST_CASE("questions and answers of operators that break a rule are refused", "[wire][work_bodies]") {
  const std::string answered = u64(7) + "00 00";

  CHECK(decode(frame_of(Kind::ask, u64(7) + "01 61" + "00 00 00 00")));
  CHECK(decode(frame_of(Kind::reply, answered + "ff 03 00 00" + "00 04 00 00" + "00 00 00 00")));
  check_all_refused({
      body("an operation has a name", Kind::ask, u64(7) + "00" + "00 00 00 00"),
      body("a name has at most 64 bytes", Kind::ask, u64(7) + "41" + times(65, "61") + "00 00 00 00"),
      body("a name is text", Kind::ask, u64(7) + "01 07" + "00 00 00 00"),
      body("arguments have at most 64 KiB", Kind::ask, u64(7) + "01 61" + "01 00 01 00" + times(65'537, "61")),
      body("there is a part", Kind::reply, answered + "00 00 00 00" + "00 00 00 00" + "00 00 00 00"),
      body("the part is one of the parts", Kind::reply, answered + "02 00 00 00" + "02 00 00 00" + "00 00 00 00"),
      body("at most 1024 parts", Kind::reply, answered + "00 00 00 00" + "01 04 00 00" + "00 00 00 00"),
  });
}
