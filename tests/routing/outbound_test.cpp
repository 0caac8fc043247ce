#include "routing/outbound.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::Mode;
namespace wire = evmesh::wire;

namespace {

constexpr std::uint64_t window = 100'000;

/// A scale-efficient publisher with a window of 100,000 bytes and peers 1 and 2 that want hashes 11 and 22.
struct Setting {
  InterestTable interest;
  OutboundCounters counters;
  OutboundStream stream{{0, Mode::scale_efficient, 1 << 20, window, {}}, interest, counters};
  Actions out;
  Life self = life(9);
  MonoTime now = start_time;

  Setting() {
    for (const unsigned number : {1U, 2U}) {
      const auto slot = *interest.add_peer();
      interest.add(slot, number * 11);
      stream.peer_up(life(number), slot);
      stream.peer_known(life(number));
    }
  }
  std::uint64_t push(std::size_t bytes, std::uint64_t hash) {
    const std::vector<std::uint64_t> hashes{hash};
    return stream.push(now, {std::string(bytes, 'x'), hashes, interest.match(0, hashes)});
  }
  void subscribe(unsigned number, std::optional<std::uint64_t> through = std::nullopt) {
    Outbox outbox(self, out);
    stream.subscribe(now, life(number), through, outbox);
  }
  [[nodiscard]] std::vector<wire::Notify> notified(unsigned number) const { return sent<wire::Notify>(out, life(number)); }
};

}  // namespace

TEST_CASE("a new subscription begins where the peer's first announcement took force", "[routing]") {
  Setting it;
  it.push(10, 11);
  it.push(10, 11);

  it.subscribe(1);

  REQUIRE(it.notified(1).size() == 1);
  CHECK(it.notified(1)[0].start);
  CHECK(it.notified(1)[0].to == 0);
}

TEST_CASE("a subscription that goes on is answered with where it goes on", "[routing]") {
  Setting it;
  it.push(10, 11);
  it.push(10, 11);

  it.subscribe(1, 1);

  REQUIRE(it.notified(1).size() == 1);
  CHECK_FALSE(it.notified(1)[0].start);
  CHECK(it.notified(1)[0].to == 1);
}

TEST_CASE("a position beyond the head counts as the head", "[routing]") {
  Setting it;

  it.subscribe(1, 500);

  CHECK(it.stream.view(life(1))->through == 0);
}

TEST_CASE("a subscription that stands is not begun anew when it is asked for again", "[routing]") {
  Setting it;
  it.subscribe(1);
  it.push(10, 11);
  Outbox outbox(it.self, it.out);
  it.stream.pump(it.now, Plenty{}, outbox);
  it.out.clear();

  it.subscribe(1, 0);
  it.stream.pump(it.now, Plenty{}, outbox);

  REQUIRE(it.notified(1).size() == 1);
  CHECK(it.notified(1)[0].to == 1);
  CHECK(it.notified(1)[0].events.empty());
}

TEST_CASE("a lost start is told again as it was", "[routing]") {
  Setting it;
  it.push(10, 11);
  it.subscribe(1);
  it.push(10, 11);
  it.out.clear();

  it.subscribe(1);

  CHECK(it.notified(1)[0].start);
  CHECK(it.notified(1)[0].to == 0);
}

TEST_CASE("a peer that is not up cannot subscribe", "[routing]") {
  Setting it;

  it.stream.peer_down(life(1));
  it.subscribe(1);
  it.subscribe(5);

  CHECK(it.out.empty());
}

TEST_CASE("the window shuts when a peer in step is that far behind, and opens by its report", "[routing]") {
  Setting it;
  it.subscribe(1);
  it.push(60'000, 11);
  CHECK(it.stream.window_open(false));
  const auto second = it.push(60'000, 11);
  CHECK_FALSE(it.stream.window_open(false));
  CHECK_FALSE(it.stream.flushed());

  CHECK(it.stream.reported(it.now, life(1), second));

  CHECK(it.stream.window_open(false));
  CHECK(it.stream.flushed());
}

TEST_CASE("the window is no larger than half the ring, so that the ring does not pass a peer in step", "[routing]") {
  const std::size_t bytes = GENERATE(1, 60, 1'000);
  InterestTable interest;
  OutboundCounters counters;
  OutboundStream stream({0, Mode::broadcast, 200'000, 1'000'000, {}}, interest, counters);
  stream.peer_up(life(1), *interest.add_peer());
  stream.peer_known(life(1));
  Actions out;
  const Life self = life(9);
  Outbox outbox(self, out);
  stream.subscribe(start_time, life(1), 0, outbox);

  std::uint64_t accepted = 0;
  for (; accepted < 100'000 && stream.window_open(true); ++accepted) stream.push(start_time, {std::string(bytes, 'x'), {11}, 0});

  CHECK_FALSE(stream.window_open(true));
  CHECK(stream.ring().first() == 1);
  CHECK(stream.ring().bytes() > 100'000);
}

TEST_CASE("the reserve is a tenth of the window more", "[routing]") {
  Setting it;
  it.subscribe(1);

  it.push(105'000, 11);
  CHECK_FALSE(it.stream.window_open(false));
  CHECK(it.stream.window_open(true));
  it.push(10'000, 11);

  CHECK_FALSE(it.stream.window_open(true));
}

TEST_CASE("what a peer does not want is not owed to it", "[routing]") {
  Setting it;
  it.subscribe(1);

  it.push(500'000, 22);

  CHECK(it.stream.window_open(false));
}

TEST_CASE("who has not subscribed is not waited for", "[routing]") {
  Setting it;

  it.push(500'000, 11);

  CHECK(it.stream.window_open(false));
  CHECK(it.stream.flushed());
}

TEST_CASE("a peer that keeps the window shut for too long is no longer waited for", "[routing]") {
  Setting it;
  it.subscribe(1);
  it.push(200'000, 11);

  CHECK_FALSE(it.stream.drop_out_of_step(it.now + 99ms, it.out));
  CHECK(it.stream.drop_out_of_step(it.now + 100ms, it.out));

  CHECK(it.stream.window_open(false));
  CHECK_FALSE(it.stream.view(life(1))->in_step);
  CHECK(it.counters.lagging == 1);
  CHECK(all<Note>(it.out).back().message == "peer_lagging");
}

TEST_CASE("nobody has to wait for the window that a peer which keeps it shut is left behind", "[routing]") {
  Setting it;
  it.subscribe(1);
  it.push(1'000, 11);
  it.now += 10s;
  it.push(200'000, 11);
  Outbox outbox(it.self, it.out);

  CHECK(*it.stream.next_deadline() == it.now + 100ms);
  it.stream.tick(it.now + 99ms, outbox);
  CHECK(it.stream.view(life(1))->in_step);
  it.stream.tick(it.now + 100ms, outbox);

  CHECK_FALSE(it.stream.view(life(1))->in_step);
  CHECK(it.stream.window_open(false));
  CHECK(all<Progress>(it.out).size() == 1);
  CHECK_FALSE(it.stream.next_deadline());
}

TEST_CASE("a peer that advances meanwhile is given its time again", "[routing]") {
  Setting it;
  it.subscribe(1);
  const auto first = it.push(70'000, 11);
  it.push(70'000, 11);
  it.push(70'000, 11);

  it.stream.reported(it.now + 90ms, life(1), first);

  CHECK_FALSE(it.stream.drop_out_of_step(it.now + 150ms, it.out));
  CHECK(it.stream.drop_out_of_step(it.now + 190ms, it.out));
}

TEST_CASE("a lagging peer is in step again when it is within half a window", "[routing]") {
  Setting it;
  it.subscribe(1);
  const auto first = it.push(70'000, 11);
  const auto second = it.push(70'000, 11);
  it.push(10'000, 11);
  it.stream.drop_out_of_step(it.now + 1s, it.out);

  it.stream.reported(it.now, life(1), first);
  CHECK_FALSE(it.stream.view(life(1))->in_step);
  it.stream.reported(it.now, life(1), second);

  CHECK(it.stream.view(life(1))->in_step);
}

TEST_CASE("a report of nothing new or from nobody says nothing", "[routing]") {
  Setting it;
  it.subscribe(1);
  it.push(10, 11);

  CHECK(it.stream.reported(it.now, life(1), 1));
  CHECK_FALSE(it.stream.reported(it.now, life(1), 1));
  CHECK_FALSE(it.stream.reported(it.now, life(1), 900));
  CHECK_FALSE(it.stream.reported(it.now, life(2), 1));
  CHECK_FALSE(it.stream.reported(it.now, life(5), 1));
}

TEST_CASE("who wanted a number is known while the ring holds it", "[routing]") {
  Setting it;

  const auto one = it.push(10, 11);
  const auto none = it.stream.push(it.now, {{}, {}, 0});

  CHECK(it.stream.wanted(one, one) == 0b01);
  CHECK(it.stream.wanted(none, none) == 0);
  CHECK(it.stream.wanted(one, none) == 0b01);
  CHECK(it.stream.wanted(99, 99) == 0b11);
}

TEST_CASE("a peer that is gone is not shown", "[routing]") {
  Setting it;

  it.stream.peer_gone(life(1));

  CHECK_FALSE(it.stream.view(life(1)));
  CHECK(it.stream.view(life(2)));
}
