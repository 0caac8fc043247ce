#include <catch2/catch.hpp>

#include "admin/stream.hpp"

using namespace evmesh;
using namespace evmesh::admin;
using namespace std::chrono_literals;

TEST_CASE("lines come out whole and in order", "[admin]") {
  std::atomic<std::uint64_t> dropped{0};
  StreamBuffer buffer(100, dropped);
  buffer.push("one");
  buffer.push("two");

  CHECK(buffer.pop(1000, 0ms) == "one\ntwo\n");
  CHECK(dropped == 0);
}

TEST_CASE("a full buffer drops the oldest lines and tells how many, at the bound and not before", "[admin]") {
  std::atomic<std::uint64_t> dropped{0};
  StreamBuffer buffer(8, dropped);
  buffer.push("one");
  buffer.push("two");
  REQUIRE(dropped == 0);

  buffer.push("six");

  CHECK(dropped == 1);
  CHECK(buffer.pop(1000, 0ms) == "{\"gap\":{\"reason\":\"stream_overrun\",\"dropped\":1}}\ntwo\nsix\n");
}

TEST_CASE("a line longer than the reader's room comes in pieces", "[admin]") {
  std::atomic<std::uint64_t> dropped{0};
  StreamBuffer buffer(100, dropped);
  buffer.push("abcdef");
  buffer.push("g");

  CHECK(buffer.pop(4, 0ms) == "abcd");
  CHECK(buffer.pop(5, 0ms) == "ef\ng\n");
}

TEST_CASE("a silent stream gives an empty line, a closed one what is left and then nothing", "[admin]") {
  std::atomic<std::uint64_t> dropped{0};
  StreamBuffer buffer(100, dropped);
  CHECK(buffer.pop(100, 0ms) == "\n");
  buffer.push("last");

  buffer.close();
  buffer.push("too late");

  CHECK(buffer.pop(100, 0ms) == "last\n");
  CHECK(buffer.pop(100, 0ms) == std::nullopt);
}

TEST_CASE("a probed stream gives an empty line at once, or what it has", "[admin]") {
  std::atomic<std::uint64_t> dropped{0};
  StreamBuffer buffer(100, dropped);

  buffer.probe();
  CHECK(buffer.pop(100, 1h) == "\n");
  buffer.push("line");
  buffer.probe();
  CHECK(buffer.pop(100, 1h) == "line\n");
  CHECK(buffer.pop(100, 0ms) == "\n");
}

TEST_CASE("a gap line names publisher, life, numbers and reason", "[admin]") {
  const auto publisher = *NodeId::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");

  CHECK(
      gap_line({publisher, 5, 7, 9, GapReason::ring_overrun}, "events") ==
      R"({"gap":{"bus":"events","publisher":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","epoch":5,)"
        R"("from":7,"to":9,"reason":"ring_overrun"}})");
  CHECK(gap_line({publisher, 5, 7, std::nullopt, GapReason::life_ended}, "events").find(R"("to":null)") !=
        std::string::npos);
}
