#include <evmesh/ids.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "base/clock.hpp"

using namespace evmesh;

TEST_CASE("a uuid is printed in lower case with its dashes", "[base][ids]") {
  const Uuid uuid{
      {0x0b, 0x8f, 0x5c, 0x1e, 0x4a, 0x5d, 0x4f, 0x0e, 0x9a, 0x3e, 0x2b, 0x7f, 0x6f, 0x7d, 0x1c, 0x01}};

  CHECK(uuid.to_string() == "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
}

TEST_CASE("a uuid is read in either case", "[base][ids]") {
  const auto lower = Uuid::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
  const auto upper = Uuid::parse("0B8F5C1E-4A5D-4F0E-9A3E-2B7F6F7D1C01");

  REQUIRE(lower.has_value());
  REQUIRE(upper.has_value());
  CHECK(*lower == *upper);
  CHECK(lower->bytes[0] == 0x0b);
  CHECK(lower->bytes[15] == 0x01);
}

TEST_CASE("a text that is no uuid is refused by name", "[base][ids]") {
  const std::string text =
      GENERATE(as<std::string>(), "", "42", "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c0",
               "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c011", "0b8f5c1e04a5d-4f0e-9a3e-2b7f6f7d1c01",
               "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c0g", "{b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c0}");

  const auto uuid = Uuid::parse(text);

  REQUIRE_FALSE(uuid.has_value());
  CHECK(uuid.error().code == ErrorCode::invalid_argument);
  CHECK(uuid.error().message == "\"" + text +
                                    "\" is not a UUID; write 36 characters like "
                                    "0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
}

TEST_CASE("every uuid survives printing and reading", "[base][ids]") {
  rc::prop("parse(to_string(id)) is id", [] {
    const auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(16, rc::gen::arbitrary<std::uint8_t>());
    NodeId id;
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());

    RC_ASSERT(NodeId::parse(id.to_string()).value() == id);
  });
}

TEST_CASE("only the all-zero uuid is nil", "[base][ids]") {
  CHECK(Uuid{}.nil());
  CHECK(EventId{}.nil());
  CHECK_FALSE(Uuid{{1}}.nil());
}

TEST_CASE("a fresh event id is a version 7 uuid that carries the time", "[base][ids]") {
  using std::chrono::milliseconds;
  const base::SystemClock clock;
  const auto before = std::chrono::floor<milliseconds>(clock.wall());

  const EventId id = EventId::fresh();

  const auto after = std::chrono::floor<milliseconds>(clock.wall());
  std::int64_t carried = 0;
  for (std::size_t i = 0; i < 6; ++i) carried = carried * 256 + id.bytes[i];
  CHECK(id.bytes[6] >> 4 == 7);
  CHECK(id.bytes[8] >> 6 == 2);
  CHECK(carried >= before.time_since_epoch().count());
  CHECK(carried <= after.time_since_epoch().count());
}

TEST_CASE("fresh event ids do not repeat", "[base][ids]") {
  std::set<EventId> ids;

  for (int i = 0; i < 10'000; ++i) ids.insert(EventId::fresh());

  CHECK(ids.size() == 10'000);
}

TEST_CASE("a forked process makes ids of its own", "[base][ids]") {
  static_cast<void>(EventId::fresh());  // random bytes are in stock when the process is doubled
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe(pipe_ends.data()) == 0);

  const pid_t child = fork();
  if (child == 0) {
    const EventId id = EventId::fresh();
    _exit(write(pipe_ends[1], id.bytes.data(), id.bytes.size()) == 16 ? 0 : 1);
  }
  EventId theirs;
  REQUIRE(read(pipe_ends[0], theirs.bytes.data(), theirs.bytes.size()) == 16);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  const EventId ours = EventId::fresh();
  close(pipe_ends[0]);
  close(pipe_ends[1]);

  CHECK_FALSE(std::equal(ours.bytes.begin() + 6, ours.bytes.end(), theirs.bytes.begin() + 6));
}

TEST_CASE("threads make ids of their own", "[base][ids]") {
  std::array<EventId, 2> ids;

  std::thread one([&] { ids[0] = EventId::fresh(); });
  std::thread two([&] { ids[1] = EventId::fresh(); });
  one.join();
  two.join();

  CHECK_FALSE(std::equal(ids[0].bytes.begin() + 6, ids[0].bytes.end(), ids[1].bytes.begin() + 6));
}

TEST_CASE("ids that differ in one byte hash differently", "[base][ids]") {
  const NodeId one{Uuid{{1}}};
  const NodeId two{Uuid{{2}}};

  CHECK(std::hash<NodeId>{}(one) != std::hash<NodeId>{}(two));
  CHECK(std::hash<EventId>{}(EventId{one}) == std::hash<EventId>{}(EventId{one}));
}
