#include "routing/inbound.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::GapReason;
namespace wire = evmesh::wire;

namespace {

/// The stream of publisher 1 as node 9 reads it, with listener 7 on key "a" that stood before.
struct Setting {
  Listeners listeners;
  InboundCounters counters;
  InboundStream stream;
  Actions out;
  Life self = life(9);
  MonoTime now = start_time;

  explicit Setting(std::optional<std::uint64_t> begin = 0)
      : stream({0, 3, life(1), begin, 1, 4'096, 10'000, {}}, counters) {
    listeners.entries = {{7, "a", 1}};
    Outbox outbox(self, out);
    stream.linked(now, 1, outbox);
    out.clear();
  }

  /// Events of these numbers on key "a" in an interval.
  void notify(std::uint64_t after, std::uint64_t to, std::vector<std::uint64_t> events, bool start = false, bool report = false) {
    const std::string bytes = encoded({"a"});
    wire::NotifyWriter writer({1, wire::Kind::notify, life(1).id, 1, {}, 0}, 3, after);
    for (const std::uint64_t number : events) writer.add(number, bytes);
    const wire::Buffer frame = buffer(writer.finish(to, start, report));
    const auto decoded = wire::decode(frame.bytes);
    Outbox outbox(self, out);
    stream.notify(now, frame, std::get<wire::Notify>(decoded->body), listeners, outbox);
  }
  void gap(std::uint64_t from, std::uint64_t to) {
    Outbox outbox(self, out);
    stream.gap(now, {3, GapReason::ring_overrun, from, to}, listeners, outbox);
  }
  void tick(std::chrono::milliseconds wait) {
    now += wait;
    Outbox outbox(self, out);
    stream.tick(now, 1, listeners, outbox);
  }
  [[nodiscard]] std::vector<wire::Repair> repairs() const { return sent<wire::Repair>(out, life(1)); }
};

}  // namespace

TEST_CASE("a linked stream asks to go on where it is, behind the announcement", "[routing]") {
  Setting it;
  it.notify(0, 4, {});

  Outbox outbox(it.self, it.out);
  it.stream.linked(it.now, 6, outbox);

  REQUIRE(sent(it.out).size() == 1);
  CHECK(sent(it.out)[0].frame_class == Class::notification);
  CHECK(sent<wire::Subscribe>(it.out, life(1))[0] == wire::Subscribe{3, 4, 6});
}

TEST_CASE("a subscription is asked for again each second until a frame of the stream is there", "[routing]") {
  Setting it;
  CHECK(it.stream.next_deadline() == start_time + 1s);
  it.tick(1s);
  CHECK(sent<wire::Subscribe>(it.out, life(1)).size() == 1);

  it.notify(0, 0, {});
  it.tick(1s);

  CHECK(sent<wire::Subscribe>(it.out, life(1)).size() == 1);
  CHECK_FALSE(it.stream.next_deadline());
}

TEST_CASE("an unlinked stream asks for nothing", "[routing]") {
  Setting it;

  it.stream.unlinked();
  it.tick(5s);

  CHECK(it.out.empty());
  CHECK_FALSE(it.stream.next_deadline());
}

TEST_CASE("frames that follow each other are given in order", "[routing]") {
  Setting it;

  it.notify(0, 2, {1, 2});
  it.notify(2, 7, {5});

  CHECK(delivered(it.out) == Delivered{{7, 1}, {7, 2}, {7, 5}});
  CHECK(it.stream.through() == 7);
}

TEST_CASE("a frame with nothing new changes nothing", "[routing]") {
  Setting it;
  it.notify(0, 3, {1, 2, 3});

  it.notify(1, 3, {2, 3});

  CHECK(delivered(it.out).size() == 3);
  CHECK(it.counters.duplicates == 1);
}

TEST_CASE("a frame behind a hole is kept, the hole asked for, and both given in order", "[routing]") {
  Setting it;

  it.notify(4, 6, {5, 6});
  CHECK(delivered(it.out).empty());
  CHECK(it.repairs() == std::vector{wire::Repair{3, 0, 4}});
  it.notify(0, 4, {2});

  CHECK(delivered(it.out) == Delivered{{7, 2}, {7, 5}, {7, 6}});
  CHECK(it.counters.repaired == 1);
  CHECK(it.stream.early_bytes() == 0);
}

TEST_CASE("a head announcement shows a hole at the end", "[routing]") {
  Setting it;
  it.notify(0, 2, {1, 2});

  it.notify(5, 5, {});

  CHECK(it.repairs() == std::vector{wire::Repair{3, 2, 5}});
}

TEST_CASE("a repair that does not come is asked for again each second", "[routing]") {
  Setting it;
  it.notify(4, 6, {5});

  it.tick(999ms);
  CHECK(it.repairs().size() == 1);
  it.tick(1ms);

  CHECK(it.repairs().size() == 2);
}

TEST_CASE("a repair that is under way is not asked for again", "[routing]") {
  Setting it;
  it.notify(40, 41, {41});

  for (std::uint64_t after = 0; after < 10; ++after) {
    it.tick(900ms);
    it.notify(after, after + 1, {after + 1});
  }
  CHECK(it.repairs() == std::vector{wire::Repair{3, 0, 40}});
  it.tick(1'000ms);

  CHECK(it.repairs() == std::vector{wire::Repair{3, 0, 40}, wire::Repair{3, 10, 40}});
}

TEST_CASE("no repair is asked for again while listeners have not caught up", "[routing]") {
  Setting it;
  it.notify(40, 41, {41});
  it.listeners.busy = true;

  it.tick(5'000ms);
  CHECK(it.repairs().size() == 1);
  it.listeners.busy = false;
  it.tick(1'000ms);

  CHECK(it.repairs().size() == 2);
}

TEST_CASE("behind one hole the next is asked for when the first is closed", "[routing]") {
  Setting it;
  it.notify(2, 3, {3});
  it.notify(5, 6, {6});
  CHECK(it.repairs() == std::vector{wire::Repair{3, 0, 2}});

  it.notify(0, 2, {1});

  CHECK(it.repairs() == std::vector{wire::Repair{3, 0, 2}, wire::Repair{3, 3, 5}});
}

TEST_CASE("of too many early frames the farthest leave", "[routing]") {
  Setting it;

  for (std::uint64_t after = 2; after < 200; after += 2) it.notify(after, after + 1, {after + 1});

  CHECK(it.stream.early_bytes() <= 4'096);
  CHECK(it.counters.early_dropped > 0);
  it.notify(0, 2, {});
  CHECK(delivered(it.out).front().second == 3);
}

TEST_CASE("gaps and head announcements that are kept early count, too", "[routing]") {
  Setting it;

  for (std::uint64_t from = 3; from < 2'003; from += 2) it.gap(from, from);

  CHECK(it.stream.early_bytes() > 0);
  CHECK(it.stream.early_bytes() <= 4'096);
  CHECK(it.counters.early_dropped > 900);
  it.notify(0, 2, {});
  CHECK(gaps(it.out).front() == std::tuple(7, 3, 3));
}

TEST_CASE("a gap takes its place in the stream", "[routing]") {
  Setting it;
  it.notify(0, 1, {1});
  it.notify(4, 5, {5});

  it.gap(2, 4);

  CHECK(delivered(it.out) == Delivered{{7, 1}, {7, 5}});
  CHECK(gaps(it.out) == Gaps{{7, 2, 4}});
  CHECK(it.stream.through() == 5);
  CHECK(it.counters.repaired == 0);
}

TEST_CASE("a gap begins after what was received", "[routing]") {
  Setting it;
  it.notify(0, 3, {});

  it.gap(2, 5);

  CHECK(gaps(it.out) == Gaps{{7, 4, 5}});
}

TEST_CASE("a stream without a beginning keeps its frames until it is told", "[routing]") {
  Setting it(std::nullopt);
  it.notify(10, 12, {11, 12});
  CHECK(it.out.empty());

  it.notify(10, 10, {}, true);

  CHECK(delivered(it.out) == Delivered{{7, 11}, {7, 12}});
  CHECK(it.stream.position(1) == 10);
}

TEST_CASE("a stream without a beginning begins where its announcement took force", "[routing]") {
  Setting it(std::nullopt);

  it.stream.acknowledged(1, 8, it.listeners, it.out);
  it.notify(12, 12, {}, true);
  it.notify(8, 9, {9});

  CHECK(it.stream.position(1) == 8);
  CHECK(delivered(it.out) == Delivered{{7, 9}});
}

TEST_CASE("registrations that stood before the stream get it from its beginning", "[routing]") {
  const Setting from_one;
  const Setting unknown(std::nullopt);

  CHECK(from_one.stream.position(1) == 0);
  CHECK_FALSE(from_one.stream.position(2));
  CHECK_FALSE(unknown.stream.position(1));
}

TEST_CASE("a report is sent when it is asked for", "[routing]") {
  Setting it;

  it.notify(0, 4, {}, false, true);

  CHECK(sent<wire::Report>(it.out, life(1)) == std::vector{wire::Report{{{3, 4}}}});
}

TEST_CASE("a report is sent after so many bytes", "[routing]") {
  Setting it;
  std::uint64_t number = 0;

  while (sent<wire::Report>(it.out, life(1)).empty() && number < 1'000) {
    ++number;
    it.notify(number - 1, number, {number});
  }

  CHECK(number > 50);
  CHECK(number < 150);
}

TEST_CASE("an event whose keys cannot be read is counted and the stream goes on", "[routing]") {
  Setting it;
  wire::NotifyWriter writer({1, wire::Kind::notify, life(1).id, 1, {}, 0}, 3, 0);
  writer.add(1, "no event");
  const wire::Buffer frame = buffer(writer.finish(1));
  const auto decoded = wire::decode(frame.bytes);
  Outbox outbox(it.self, it.out);

  it.stream.notify(it.now, frame, std::get<wire::Notify>(decoded->body), it.listeners, outbox);
  it.notify(1, 2, {2});

  CHECK(it.counters.undecodable == 1);
  CHECK(delivered(it.out) == Delivered{{7, 2}});
}

TEST_CASE("a life that ends without a goodbye leaves a gap without end", "[routing]") {
  Setting it;
  it.notify(0, 3, {});

  it.stream.end(std::nullopt, it.listeners, it.out);

  CHECK(gaps(it.out) == Gaps{{7, 4, 0}});
}

TEST_CASE("a life that said goodbye leaves a gap only up to its last number", "[routing]") {
  Setting complete;
  Setting short_of_two;
  complete.notify(0, 3, {});
  short_of_two.notify(0, 1, {});

  complete.stream.end(3, complete.listeners, complete.out);
  short_of_two.stream.end(3, short_of_two.listeners, short_of_two.out);

  CHECK(gaps(complete.out).empty());
  CHECK(gaps(short_of_two.out) == Gaps{{7, 2, 3}});
}

TEST_CASE("what was kept behind a hole is still given when the life ends", "[routing]") {
  Setting it;
  it.notify(4, 5, {5});
  it.out.clear();

  it.stream.end(6, it.listeners, it.out);

  CHECK(delivered(it.out) == Delivered{{7, 5}});
  CHECK(gaps(it.out) == Gaps{{7, 1, 4}, {7, 6, 6}});
}
