#include "allocation.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"
#include "wire/event_codec.hpp"
#include "wire/frames.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

namespace {

template <class Decode>
std::size_t cost(Decode decode_it) {
  const std::size_t before = allocated_bytes();
  static_cast<void>(decode_it());
  return allocated_bytes() - before;
}

std::size_t budget(std::string_view bytes) { return 8 * bytes.size() + 64 * 1024; }

/// `count` times `piece`, in hexadecimal.
std::string times(std::size_t count, std::string_view piece) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += piece;
  return all;
}

std::string notify_of(std::uint32_t count) {
  NotifyWriter writer(sample("notify").frame.header, 0, 0);
  for (std::uint32_t i = 1; i <= count; ++i) writer.add(i, "e");
  return writer.finish(count);
}

std::string largest_announcement() {
  Announce announce;
  announce.version = 1;
  for (std::uint64_t key = 0; key < 8'064; ++key) announce.added.push_back(key);
  return encode(sample("announce").frame.header, announce);
}

/// 128 members whose names are just too long for a string without memory of its own.
std::string most_members() {
  Members members;
  for (int i = 1; i <= 128; ++i) {
    MemberEntry entry;
    entry.id.bytes[0] = static_cast<std::uint8_t>(i);
    entry.name = std::string(16, 'n');
    entry.work_endpoint = std::string(16, 'e');
    members.entries.push_back(entry);
  }
  return encode(sample("members").frame.header, members);
}

}  // namespace

TEST_CASE("the counter sees what is allocated", "[wire][allocation]") {
  CHECK(cost([] { return std::string(1'000, 'x'); }) >= 1'000);
}

TEST_CASE("decoding a frame allocates at most eight times its size and 64 KiB", "[wire][allocation]") {
  std::vector<std::string> frames{notify_of(100'000), largest_announcement(), most_members()};
  for (const Sample& one : samples()) frames.push_back(one.bytes);

  for (const std::string& bytes : frames) {
    INFO("kind " << static_cast<int>(bytes[3]) << ", " << bytes.size() << " bytes");
    REQUIRE(decode(bytes));
    CHECK(cost([&] { return decode(bytes); }) <= budget(bytes));
  }
}

TEST_CASE("a count is no reason to allocate", "[wire][allocation]") {
  const std::string hashes =
      frame_of(Kind::announce,
               "00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00"
               "ff ff ff ff 00 00 00 00");
  const std::string events = frame_of(
      Kind::notify,
      "00 00 00 00 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff ff ff ff ff 01 00 00 00 01 00 00 00 61");
  const std::string members = frame_of(Kind::members, "ff ff" + times(30, "00"));
  const std::string positions = frame_of(Kind::report, "ff ff" + times(30, "00"));

  for (const std::string& bytes : {hashes, events, members, positions}) {
    CHECK_FALSE(decode(bytes));
    CHECK(cost([&] { return decode(bytes); }) == 0);
  }
}

TEST_CASE("a NOTIFY costs one list, whatever its events weigh", "[wire][allocation]") {
  NotifyWriter writer(sample("notify").frame.header, 0, 0);
  writer.add(1, std::string(1'000'000, 'e'));
  const std::string bytes = writer.finish(1);

  CHECK(cost([&] { return decode(bytes); }) == sizeof(EventSlice));
}

TEST_CASE("finding keys allocates their list and nothing else", "[wire][allocation]") {
  const std::string event = from_hex(hex_of("event"));

  CHECK(cost([&] { return decode_keys(event); }) == 2 * sizeof(std::string_view));
}

TEST_CASE("decoding an event allocates at most eight times its size and 64 KiB", "[wire][allocation]") {
  const std::string event = from_hex(hex_of("event"));
  std::string large =
      event.substr(0, event.size() - 6) + from_hex("40 42 0f 00") + std::string(1'000'000, 'p');

  REQUIRE(decode_event(event));
  CHECK(cost([&] { return decode_event(event); }) <= budget(event));
  REQUIRE(decode_event(large));
  CHECK(cost([&] { return decode_event(large); }) <= budget(large));
}
