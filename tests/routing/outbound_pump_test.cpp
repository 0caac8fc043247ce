#include <catch2/catch.hpp>

#include "routing/outbound.hpp"
#include "support.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::Mode;
namespace wire = evmesh::wire;

namespace {

using Numbers = std::vector<std::uint64_t>;

/// A publisher with peer 1, which wants hash 11 and has subscribed from 0.
struct Setting {
  InterestTable interest;
  OutboundCounters counters;
  OutboundStream stream;
  Plenty room;
  Actions out;
  Life self = life(9);
  MonoTime now = start_time;

  explicit Setting(Mode mode) : stream({0, mode, 8 << 20, 8 << 20, {}}, interest, counters) {
    const auto slot = *interest.add_peer();
    interest.add(slot, 11);
    stream.peer_up(life(1), slot);
    stream.peer_known(life(1));
    Outbox outbox(self, out);
    stream.subscribe(now, life(1), 0, outbox);
    out.clear();
  }
  void push(std::uint64_t hash, std::size_t bytes = 100) {
    const std::vector<std::uint64_t> hashes{hash};
    stream.push(now, {std::string(bytes, 'x'), hashes, interest.match(0, hashes)});
  }
  void pump() {
    Outbox outbox(self, out);
    stream.pump(now, room, outbox);
  }
  [[nodiscard]] std::vector<wire::Notify> notified() const { return sent<wire::Notify>(out, life(1)); }
  [[nodiscard]] std::vector<wire::Notify> published() {
    std::vector<wire::Notify> list;
    for (const PublishFrame& frame : all<PublishFrame>(out)) {
      kept.push_back(frame.bytes);
      list.push_back(std::get<wire::Notify>(wire::decode(kept.back())->body));
    }
    return list;
  }
  std::deque<std::string> kept;  // what the slices point into
};

}  // namespace

TEST_CASE("by link a peer gets what it wants, and the interval covers the rest", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(99);
  it.push(11);
  it.push(99);

  it.pump();

  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].after == 0);
  CHECK(it.notified()[0].to == 3);
  CHECK(numbers(it.notified()[0]) == Numbers{2});
}

TEST_CASE("for what nobody wants nothing is sent", "[routing]") {
  Setting it(Mode::scale_efficient);

  it.push(99);
  it.stream.push(it.now, {{}, {}, 0});
  it.pump();

  CHECK(it.out.empty());
}

TEST_CASE("what went before without a frame is covered by the next", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(99);
  it.pump();

  it.push(11);
  it.pump();

  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].after == 0);
  CHECK(numbers(it.notified()[0]) == Numbers{2});
}

TEST_CASE("events that wait together share frames of at most 64 KiB", "[routing]") {
  Setting it(Mode::scale_efficient);
  for (int count = 0; count < 5; ++count) it.push(11, 20'000);

  it.pump();

  REQUIRE(it.notified().size() == 2);
  CHECK(numbers(it.notified()[0]) == Numbers{1, 2, 3});
  CHECK(it.notified()[1].after == 3);
  CHECK(numbers(it.notified()[1]) == Numbers{4, 5});
}

TEST_CASE("an event larger than a frame goes alone", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(11, 200'000);
  it.push(11, 100);

  it.pump();

  REQUIRE(it.notified().size() == 2);
  CHECK(numbers(it.notified()[0]) == Numbers{1});
}

TEST_CASE("a link without room gets nothing until it has", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.room.bytes = 0;
  it.push(11);
  it.pump();
  CHECK(it.out.empty());

  it.room.bytes = 1;
  it.pump();

  CHECK(it.notified().size() == 1);
}

TEST_CASE("a link carries no more than its credit unreported", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.room.bytes = 100 << 20;
  for (int count = 0; count < 100; ++count) it.push(11, 60'000);

  it.pump();
  const std::size_t first = it.notified().size();
  CHECK(first >= 69);
  CHECK(first <= 73);
  it.stream.reported(it.now, life(1), first);
  it.pump();

  CHECK(it.notified().size() == 100);
}

TEST_CASE("a report is asked for with every 32nd frame", "[routing]") {
  Setting it(Mode::scale_efficient);

  for (int count = 0; count < 32; ++count) {
    it.push(11);
    it.pump();
  }

  CHECK_FALSE(it.notified()[30].report);
  CHECK(it.notified()[31].report);
}

TEST_CASE("a broadcast publisher publishes everything once for those who follow", "[routing]") {
  Setting it(Mode::broadcast);
  it.stream.peer_follows(life(1), true);
  it.push(99);
  it.push(11);

  it.pump();

  CHECK(it.notified().empty());
  REQUIRE(it.published().size() == 1);
  CHECK(numbers(it.published()[0]) == Numbers{1, 2});
}

TEST_CASE("a broadcast publisher sends everything by link to who does not follow", "[routing]") {
  Setting it(Mode::broadcast);
  it.push(99);

  it.pump();

  CHECK(it.published().empty());
  REQUIRE(it.notified().size() == 1);
  CHECK(numbers(it.notified()[0]) == Numbers{1});
}

TEST_CASE("who begins to follow gets by link what was published before", "[routing]") {
  Setting it(Mode::broadcast);
  const auto slot = *it.interest.add_peer();
  it.stream.peer_up(life(2), slot);
  it.stream.peer_follows(life(2), true);
  it.push(11);
  it.room.bytes = 0;
  it.pump();
  REQUIRE(it.published().size() == 1);
  it.out.clear();

  it.stream.peer_follows(life(1), true);
  it.room.bytes = 1'000;
  it.pump();

  REQUIRE(sent(it.out).size() == 1);
  CHECK(sent(it.out)[0].frame_class == Class::bulk);
  CHECK(numbers(it.notified()[0]) == Numbers{1});
}

TEST_CASE("who no longer follows goes on by link from its last report", "[routing]") {
  Setting it(Mode::broadcast);
  it.stream.peer_follows(life(1), true);
  it.push(11);
  it.push(11);
  it.pump();
  it.stream.reported(it.now, life(1), 1);
  it.out.clear();

  it.stream.peer_follows(life(1), false);
  it.pump();

  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].after == 1);
  CHECK(numbers(it.notified()[0]) == Numbers{2});
}

TEST_CASE("a scale-efficient publisher publishes nothing, whoever follows", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.stream.peer_follows(life(1), true);
  it.push(11);

  it.pump();

  CHECK(it.published().empty());
  CHECK(it.notified().size() == 1);
}

TEST_CASE("a scale-efficient publisher is never due for the notification socket", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.interest.clear(0);

  it.push(99);
  it.pump();

  CHECK_FALSE(it.stream.next_deadline());
}

TEST_CASE("a repair covers the interval that was asked for, with all the peer wants now", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(99);
  it.push(22);
  it.push(11);
  it.push(11);
  it.pump();
  it.out.clear();
  it.interest.add(0, 22);

  it.stream.repair(life(1), 0, 3);
  it.pump();

  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].after == 0);
  CHECK(it.notified()[0].to == 3);
  CHECK(it.notified()[0].report);
  CHECK(numbers(it.notified()[0]) == Numbers{2, 3});
}

TEST_CASE("a repair of what does not exist is cut at the head", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(11);
  it.pump();
  it.out.clear();

  it.stream.repair(life(1), 0, 900);
  it.stream.repair(life(1), 5, 3);
  it.pump();

  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].to == 1);
}

TEST_CASE("a repair has at most 1 MiB under way that was not reported", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.room.bytes = 100 << 20;
  for (int i = 0; i < 60; ++i) it.push(11, 100'000);
  it.pump();
  const auto repaired = [&] {
    it.out.clear();
    it.pump();
    Numbers ends;
    for (const Sent& frame : sent(it.out)) {
      if (frame.frame_class == Class::bulk) ends.push_back(std::get<wire::Notify>(frame.frame.body).to);
    }
    return ends;
  };

  it.stream.repair(life(1), 0, 60);
  CHECK(repaired() == Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(repaired().empty());
  it.stream.reported(it.now, life(1), 5);
  CHECK(repaired() == Numbers{12, 13, 14, 15, 16});

  // Asked again, what was under way counts as lost.
  it.stream.repair(life(1), 5, 60);
  CHECK(repaired() == Numbers{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
}

TEST_CASE("small frames are held back for 5 ms while many are under way", "[routing]") {
  Setting it(Mode::broadcast);
  it.stream.peer_follows(life(1), true);
  for (int count = 0; count < 64; ++count) {
    it.push(11);
    it.pump();
  }
  REQUIRE(it.published().size() == 64);
  it.out.clear();

  it.push(11);
  it.push(11);
  it.pump();
  CHECK(it.published().empty());
  it.now += 5ms;
  it.pump();

  REQUIRE(it.published().size() == 1);
  CHECK(numbers(it.published()[0]) == Numbers{65, 66});
}

TEST_CASE("who waits for reports makes every peer that owes one say where it is", "[routing]") {
  Setting it(Mode::scale_efficient);
  it.push(11);
  it.pump();
  it.out.clear();
  Outbox outbox(it.self, it.out);

  it.stream.ask_reports(it.now, outbox);
  REQUIRE(it.notified().size() == 1);
  CHECK(it.notified()[0].report);
  CHECK(it.notified()[0].to == 1);
  it.stream.reported(it.now, life(1), 1);
  it.out.clear();
  it.stream.ask_reports(it.now, outbox);

  CHECK(it.out.empty());
}
