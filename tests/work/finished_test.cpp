#include "work/finished.hpp"

#include <catch2/catch.hpp>

namespace evmesh::work {
namespace {

EventId event_id(std::uint8_t number) {
  EventId id;
  id.bytes[15] = number;
  return id;
}

Finished finished(std::uint8_t event, std::uint64_t seq) {
  Finished finished;
  finished.event_id = event_id(event);
  finished.id.seq = seq;
  return finished;
}

std::vector<std::uint64_t> seqs(const FinishedRing& ring, std::vector<EventId> events) {
  std::vector<std::uint64_t> seqs;
  for (const Finished& each : ring.of(events)) seqs.push_back(each.id.seq);
  return seqs;
}

}  // namespace

TEST_CASE("the ring keeps the last that ended, oldest first", "[work][finished]") {
  FinishedRing ring(3);
  for (std::uint64_t seq = 1; seq <= 5; ++seq) ring.add(finished(seq % 2 == 0 ? 2 : 1, seq));

  CHECK(seqs(ring, {event_id(1)}) == std::vector<std::uint64_t>{3, 5});
  CHECK(seqs(ring, {event_id(2)}) == std::vector<std::uint64_t>{4});
  CHECK(seqs(ring, {event_id(1), event_id(2)}) == std::vector<std::uint64_t>{3, 4, 5});
  CHECK(seqs(ring, {event_id(3)}).empty());
}

TEST_CASE("what the ring keeps of one end is bounded", "[work][finished]") {
  FinishedRing ring(1);
  Finished long_story = finished(1, 1);
  for (std::uint32_t number = 1; number <= 12; ++number) {
    long_story.failed.push_back({number, {}, {}, std::string(255, 'x') + "\xc3\xa4"});
  }

  ring.add(long_story);

  const auto kept = ring.of(std::vector<EventId>{event_id(1)});
  REQUIRE(kept.size() == 1);
  REQUIRE(kept.front().failed.size() == 10);
  CHECK(kept.front().failed.front().number == 3);
  CHECK(kept.front().failed.back().error == std::string(255, 'x'));
}

}  // namespace evmesh::work
