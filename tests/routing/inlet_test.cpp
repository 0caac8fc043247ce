#include "routing/inlet.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::Gap;
using evmesh::GapReason;

namespace {

/// An inlet with one listener 7 on key "a" of version 2, in a stream that was met with version 1.
struct Setting {
  Listeners listeners;
  Inlet inlet{0, life(1), 1, 4'096};
  Actions out;

  Setting() { listeners.entries = {{7, "a", 2}}; }

  void event(std::uint64_t number, const std::string& on = "a") {
    const evmesh::wire::Buffer frame = buffer(encoded({on}));
    const auto arrivals = std::make_shared<Arrivals>(life(1), frame);
    REQUIRE(arrivals->add({number, frame.bytes}));
    static_cast<void>(inlet.event(arrivals, listeners, out));
    inlet.advanced(number);
  }
  void gap(std::uint64_t from, std::uint64_t to) {
    inlet.gap({life(1).id, 1, from, to, GapReason::ring_overrun}, listeners, out);
    inlet.advanced(to);
  }
  void acknowledged(std::uint64_t version, std::uint64_t number) { inlet.acknowledged(version, number, listeners, out); }
};

}  // namespace

TEST_CASE("a listener that stood before the stream gets everything at once", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "a", 1}};

  it.event(1);

  CHECK(delivered(it.out) == Delivered{{7, 1}});
}

TEST_CASE("an event nobody here listens to goes nowhere", "[routing]") {
  Setting it;

  it.event(1, "b");
  it.acknowledged(2, 0);

  CHECK(it.out.empty());
}

TEST_CASE("what comes before the acknowledgement waits for it", "[routing]") {
  Setting it;
  it.event(10);
  it.event(11);
  CHECK(it.out.empty());

  it.acknowledged(2, 10);

  CHECK(delivered(it.out) == Delivered{{7, 11}});
}

TEST_CASE("an acknowledgement of a later version counts for the earlier one", "[routing]") {
  Setting it;
  it.event(10);

  it.acknowledged(5, 9);

  CHECK(delivered(it.out) == Delivered{{7, 10}});
}

TEST_CASE("what an acknowledgement says is older is not given, even when it arrives later", "[routing]") {
  Setting it;
  it.acknowledged(2, 10);

  it.event(9);
  it.event(10);
  it.event(11);

  CHECK(delivered(it.out) == Delivered{{7, 11}});
}

TEST_CASE("the first acknowledgement of a version stands", "[routing]") {
  Setting it;
  it.acknowledged(2, 5);
  it.acknowledged(2, 8);

  it.event(6);

  CHECK(delivered(it.out) == Delivered{{7, 6}});
  CHECK(it.inlet.position(2) == 5);
}

TEST_CASE("what a listener is owed already waits behind what nobody can judge yet", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "new", 2}, {7, "old", 1}};
  it.event(1, "new");
  it.event(2, "old");
  CHECK(it.out.empty());

  it.acknowledged(2, 0);

  CHECK(delivered(it.out) == Delivered{{7, 1}, {7, 2}});
}

TEST_CASE("one listener's wait does not delay another", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "a", 2}, {8, "a", 1}};

  it.event(1);

  CHECK(delivered(it.out) == Delivered{{8, 1}});
}

TEST_CASE("a gap goes to everybody and begins after what the registration's receipt says", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "a", 2}, {8, "b", 1}};
  it.acknowledged(2, 12);

  it.gap(11, 15);

  CHECK(gaps(it.out) == Gaps{{7, 13, 15}, {8, 11, 15}});
}

TEST_CASE("a gap before the registration concerns nobody", "[routing]") {
  Setting it;
  it.acknowledged(2, 20);

  it.gap(11, 15);

  CHECK(it.out.empty());
}

TEST_CASE("a gap waits in its place", "[routing]") {
  Setting it;
  it.event(10);
  it.gap(11, 15);
  it.event(16);

  it.acknowledged(2, 9);

  REQUIRE(it.out.size() == 3);
  CHECK(delivered({it.out[0]}) == Delivered{{7, 10}});
  CHECK(std::get<DeliverGap>(it.out[1]).gap.from == 11);
  CHECK(delivered({it.out[2]}) == Delivered{{7, 16}});
}

TEST_CASE("what a listener gets of one frame is given at once, in order", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "a", 1}, {8, "", 1}};
  const evmesh::wire::Buffer frame = buffer(encoded({"a"}));
  const evmesh::wire::Buffer other = buffer(encoded({"b"}));
  const auto arrivals = std::make_shared<Arrivals>(life(1), frame);
  const auto event = [&](std::uint64_t number, const evmesh::wire::Buffer& bytes) {
    REQUIRE(arrivals->add({number, bytes.bytes}));
    CHECK(it.inlet.event(arrivals, it.listeners, it.out));
  };

  event(1, frame);
  event(2, other);
  event(3, frame);

  REQUIRE(it.out.size() == 2);
  CHECK(delivered(it.out) == Delivered{{7, 1}, {7, 3}, {8, 1}, {8, 2}, {8, 3}});
}

TEST_CASE("what comes behind a gap is not given before it", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "a", 1}};
  const evmesh::wire::Buffer frame = buffer(encoded({"a"}));
  const auto arrivals = std::make_shared<Arrivals>(life(1), frame);
  REQUIRE(arrivals->add({1, frame.bytes}));
  CHECK(it.inlet.event(arrivals, it.listeners, it.out));

  it.gap(2, 4);
  REQUIRE(arrivals->add({5, frame.bytes}));
  CHECK(it.inlet.event(arrivals, it.listeners, it.out));

  REQUIRE(it.out.size() == 3);
  CHECK(std::holds_alternative<DeliverGap>(it.out[1]));
  CHECK(delivered({it.out[2]}) == Delivered{{7, 5}});
}

TEST_CASE("an event whose keys cannot be read is not among those that arrived", "[routing]") {
  const std::string bytes = encoded({"a"});
  Arrivals arrivals(life(1), buffer(bytes));

  CHECK_FALSE(arrivals.add({1, std::string_view(bytes).substr(0, 30)}));
  REQUIRE(arrivals.add({2, bytes}));

  REQUIRE(arrivals.events().size() == 1);
  CHECK(std::ranges::equal(arrivals.keys(0), std::vector<std::string_view>{"Key:a"}));
  CHECK(arrivals.origin(0).seq == 2);
}

TEST_CASE("when too much waits the oldest become one gap in their place", "[routing]") {
  Setting it;
  for (std::uint64_t number = 1; number <= 100; ++number) it.event(number);
  CHECK(it.inlet.held_bytes() <= 4'096);

  it.acknowledged(2, 0);

  REQUIRE(gaps(it.out).size() == 1);
  const auto [listener, from, to] = gaps(it.out).front();
  CHECK(from == 1);
  CHECK(std::get<DeliverGap>(it.out.front()).gap.reason == GapReason::listener_overrun);
  CHECK(delivered(it.out).front().second == to + 1);
  CHECK(delivered(it.out).back().second == 100);
}

TEST_CASE("what was shed for a younger registration is not lost to the older one", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "new", 2}, {7, "old", 1}};
  it.event(1, "new");
  for (std::uint64_t number = 2; number <= 100; ++number) it.event(number, "old");

  it.acknowledged(2, 100);

  REQUIRE(gaps(it.out).size() == 1);
  CHECK(std::get<1>(gaps(it.out).front()) == 1);
  CHECK(delivered(it.out).size() == 100 - std::get<2>(gaps(it.out).front()));
}

TEST_CASE("what waited for a registration that went is not given to one that came later", "[routing]") {
  Setting it;
  it.event(10);
  it.listeners.entries = {{7, "a", 3}};

  it.acknowledged(2, 5);
  CHECK(it.out.empty());
  it.acknowledged(3, 10);

  CHECK(it.out.empty());
  CHECK(it.inlet.held_bytes() == 0);
}

TEST_CASE("a listener that left gets nothing of what waited", "[routing]") {
  Setting it;
  it.event(10);
  it.listeners.entries.clear();

  it.acknowledged(2, 0);

  CHECK(it.out.empty());
}

TEST_CASE("when the life ends what waits becomes one gap without end", "[routing]") {
  Setting it;
  it.event(10);
  it.event(11);

  it.inlet.end(it.listeners, it.out);

  CHECK(gaps(it.out) == Gaps{{7, 10, 0}});
  CHECK(all<DeliverGap>(it.out)[0].gap.reason == GapReason::life_ended);
}

TEST_CASE("when the life ends, what waited behind a registration that went is still owed to the others", "[routing]") {
  Setting it;
  it.listeners.entries = {{7, "new", 2}, {7, "old", 1}};
  it.event(10, "new");
  it.event(11, "old");
  it.gap(12, 15);
  it.listeners.entries = {{7, "old", 1}};

  it.inlet.end(it.listeners, it.out);

  CHECK(delivered(it.out) == Delivered{{7, 11}});
  CHECK(gaps(it.out) == Gaps{{7, 12, 15}});
}

TEST_CASE("a position is known from the acknowledgement on", "[routing]") {
  Setting it;
  CHECK_FALSE(it.inlet.position(2));

  it.acknowledged(3, 12);
  it.inlet.advanced(50);

  CHECK(it.inlet.position(2) == 12);
  CHECK(it.inlet.position(3) == 12);
  CHECK_FALSE(it.inlet.position(4));
}
